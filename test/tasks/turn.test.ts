// What becomes of a turn, by what is said of it and by what happens around it.
import { describe, expect, test } from 'vitest';
import type { TurnHappening } from '../../agent/protocol.ts';
import type { Turn } from '../../bot/database/schema.ts';
import { applyHappening, nextTurnStep, openQuestions, type TurnPlace } from '../../bot/tasks/turn.ts';
import { timingFrom } from '../../bot/workspaces/timing.ts';

const T0 = new Date('2026-11-30T10:00:00Z');
const after = (minutes: number): Date => new Date(T0.getTime() + minutes * 60_000);
const timing = timingFrom();

const turnRow = (patch: Partial<Turn> = {}): Turn => ({
  taskId: 'tk-aaaaaaaaaaaa',
  turn: 1,
  workspaceId: 'ws-aaaaaaaaaaaa',
  seq: 1,
  actor: 'us-1',
  source: 'github',
  deliveryId: 'd-1',
  prompt: 'fix it',
  policy: { allow: [], deny: [] },
  minutes: 60,
  proposes: false,
  budget: {},
  spentMicros: 0,
  overspent: null,
  desired: 'done',
  state: 'queued',
  since: T0,
  progress: {},
  decisions: [],
  answer: null,
  failure: null,
  changes: null,
  startedAt: null,
  endedAt: null,
  isClosed: false,
  attempts: 0,
  nextAt: T0,
  leaseToken: null,
  leaseUntil: null,
  createdAt: T0,
  ...patch,
});

const tell = (turn: Turn, ...events: TurnHappening[]): Turn =>
  events.reduce((before, event) => ({ ...before, ...applyHappening(before, event, after(1)) }), turn);

const question = (request: string): TurnHappening => ({
  kind: 'question',
  request,
  tool: 'execute',
  title: 'npm test',
  minutes: 10,
});

describe('what its agent says', () => {
  test('begins it, whatever comes first', () => {
    expect(tell(turnRow(), { kind: 'text', message: 'm', text: 'Hm' })).toMatchObject({
      state: 'running',
      startedAt: after(1),
    });
  });

  test('keeps the newest plan, the tools at work and the cost', () => {
    const { progress } = tell(
      turnRow(),
      { kind: 'plan', entries: [{ content: 'old', status: 'pending' }] },
      { kind: 'plan', entries: [{ content: 'look', status: 'completed' }] },
      { kind: 'tool', call: '1', tool: 'read', title: 'a.ts', status: 'running' },
      { kind: 'tool', call: '2', tool: 'read', title: 'b.ts', status: 'running' },
      { kind: 'tool', call: '1', tool: 'read', title: 'a.ts', status: 'done' },
      { kind: 'cost', amount: '0.12', currency: 'USD' },
    );
    expect(progress).toEqual({
      plan: [{ content: 'look', status: 'completed' }],
      tools: [{ call: '2', title: 'b.ts' }],
      cost: { amount: '0.12', currency: 'USD' },
    });
  });

  test('asks until all is answered, and the same question is one', () => {
    const asking = tell(turnRow(), question('a'), question('a'), question('b'));
    expect(asking.state).toBe('asking');
    expect(openQuestions(asking).map(({ number }) => number)).toEqual([1, 2]);
    const half = tell(asking, { kind: 'decided', request: 'a', decision: 'allow' });
    expect([half.state, openQuestions(half).map(({ number }) => number)]).toEqual(['asking', [2]]);
    expect(tell(half, { kind: 'decided', request: 'b', decision: 'late' }).state).toBe('running');
    const decision = { number: 1, request: 'a', decision: 'allow', by: 'ada' } as const;
    expect(openQuestions({ ...asking, decisions: [decision] }).map(({ number }) => number)).toEqual([2]);
  });

  test('ends it, and nothing that comes later ends it again', () => {
    const ended = tell(turnRow(), {
      kind: 'ended',
      outcome: 'failed',
      answer: '',
      failure: { code: 'no-model-key' },
    });
    expect(ended).toMatchObject({
      state: 'failed',
      failure: { code: 'no-model-key', details: {} },
      endedAt: after(1),
      isClosed: true,
    });
    expect(tell(ended, { kind: 'started' }, { kind: 'ended', outcome: 'done', answer: 'yes' })).toEqual(
      ended,
    );
    const givenUp = turnRow({ state: 'failed', endedAt: T0 });
    expect(tell(givenUp, { kind: 'ended', outcome: 'done', answer: 'late' })).toEqual({
      ...givenUp,
      isClosed: true,
    });
  });
});

const place = (patch: Partial<TurnPlace> = {}): TurnPlace => ({
  desired: 'running',
  phase: 'running',
  runningAt: T0,
  hasOneAhead: false,
  ...patch,
});
const code = (turn: Partial<Turn>, at: Partial<TurnPlace>, now: Date): string => {
  const step = nextTurnStep(turnRow(turn), place(at), now, timing);
  return step.do === 'end' ? (step.state === 'failed' ? step.failure.code : step.state) : step.do;
};

describe('without a word of its agent', () => {
  test('a turn ends with its workspace', () => {
    expect(code({}, { desired: 'stopped' }, T0)).toBe('workspace-stopped');
    expect(code({ startedAt: T0 }, { desired: 'deleted', phase: 'deleting' }, T0)).toBe('workspace-deleted');
    expect(code({}, { phase: 'failed' }, T0)).toBe('workspace-failed');
  });

  test('it waits while the workspace comes up, and while another one is worked on', () => {
    expect(code({}, { phase: 'preparing', runningAt: null }, after(600))).toBe('wait');
    expect(code({}, { hasOneAhead: true }, after(600))).toBe('wait');
  });

  test('it fails when nobody begins it in time, counted from when it could be begun', () => {
    expect(code({}, {}, after(14))).toBe('wait');
    expect(code({}, {}, after(15))).toBe('never-begun');
    expect(code({ since: after(10) }, {}, after(24))).toBe('wait');
    expect(code({}, { runningAt: after(10) }, after(24))).toBe('wait');
  });

  test('it fails when it takes longer than it may, and its questions wait beside', () => {
    expect(code({ startedAt: T0, state: 'running' }, {}, after(61))).toBe('wait');
    expect(code({ startedAt: T0, state: 'running' }, {}, after(62))).toBe('turn-late');
    expect(code({ startedAt: T0, progress: { asked: 1 } }, {}, after(76))).toBe('wait');
    expect(code({ startedAt: T0, progress: { asked: 1 } }, {}, after(77))).toBe('turn-late');
  });

  test('what was cancelled ends at once before it began, and later when its agent stays silent', () => {
    expect(code({ desired: 'cancelled' }, {}, T0)).toBe('cancelled');
    expect(code({ desired: 'cancelled', startedAt: T0 }, {}, after(1))).toBe('wait');
    expect(code({ desired: 'cancelled', startedAt: T0 }, {}, after(2))).toBe('cancelled');
  });

  test('one that has ended is left alone', () => {
    expect(code({ endedAt: T0, state: 'done' }, { desired: 'deleted' }, after(999))).toBe('wait');
  });
});
