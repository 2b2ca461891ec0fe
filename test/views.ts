// Whatever a card may show, for properties of what is drawn of it: any state, and words that a stranger chose.
import fc from 'fast-check';
import type { Failure } from '../agent/protocol.ts';
import type { CardView } from '../bot/chat/view.ts';
import type { Notice } from '../bot/codes.ts';

export const PHASES = [
  'queued',
  'provisioning',
  'preparing',
  'running',
  'stopping',
  'stopped',
  'deleting',
  'deleted',
  'failed',
] as const;

/** Any letters, or `pieces` that mean something where they are shown. */
export const nastyText = (pieces: string[], ...more: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 80 }),
    ...more,
    fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join('')),
  );

/** Of an agent that said it in its own words, or filled in ours. */
export const anyFailure = (nasty: fc.Arbitrary<string>): fc.Arbitrary<Failure> =>
  fc.oneof(
    fc.record({ class: fc.constantFrom(...SIDES), message: nasty }),
    fc.record({
      class: fc.constantFrom(...SIDES),
      code: fc.constant('git-failed'),
      details: fc.record({ repository: nasty, said: nasty }),
    }),
  );

const SIDES = ['transient', 'configuration', 'provider', 'internal'] as const;

type Fields = { [Name in keyof CardView]-?: fc.Arbitrary<NonNullable<CardView[Name]>> };

/** `fields`: what the place that draws it shows beside the rest, or shows of fewer words. */
export const anyView = (nasty: fc.Arbitrary<string>, fields: Partial<Fields>): fc.Arbitrary<CardView> =>
  fc.record({
    id: fc.constant('ws-abcdefghijkl'),
    name: nasty,
    owner: nasty,
    repository: nasty,
    source: nasty,
    size: nasty,
    phase: fc.constantFrom(...PHASES),
    desired: fc.constantFrom('running', 'stopped', 'deleted'),
    state: nasty,
    doing: nasty,
    elapsedMs: fc.nat(),
    checklist: fc.array(fc.record({ label: nasty, state: fc.constantFrom('done', 'doing', 'todo') }), {
      maxLength: 5,
    }),
    failure: anyFailure(nasty),
    ports: fc.array(
      fc.record({ port: fc.integer({ min: 1, max: 65_535 }), address: fc.constant('https://3000--ws.p/') }),
      { maxLength: 8 },
    ),
    notices: fc.array(
      nasty.map((text): Notice => ({ code: 'text', details: { text } })),
      { maxLength: 3 },
    ),
    isExpiring: fc.boolean(),
    hasFiles: fc.boolean(),
    sessions: fc.nat(),
    access: fc.nat(),
    lines: fc.array(nasty, { maxLength: 3 }),
    isSettled: fc.boolean(),
    ...fields,
  });
