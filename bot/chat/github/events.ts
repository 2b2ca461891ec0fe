// What is kept of GitHub's deliveries: an event, and the thread it belongs to. Knows no shape of theirs.
import { z } from 'zod';
import type { Delivery } from '../../database/types.ts';
import { InstallationEvent } from './installations.ts';

export const Here = z.object({
  repository: z.string(),
  isPrivate: z.boolean(),
  sender: z.object({ id: z.number(), login: z.string() }),
});
const InThread = Here.extend({ number: z.number(), isPullRequest: z.boolean() });

/** What is stored of a delivery: enough to act on it, and no more of what is not ours. */
export const Event = z.discriminatedUnion('kind', [
  InThread.extend({
    kind: z.literal('comment'),
    comment: z.number(),
    isReview: z.boolean(),
    text: z.string(),
    /** Of a review: what it is about. */
    at: z.object({ path: z.string(), line: z.number().optional(), commit: z.string() }).optional(),
  }),
  /** Its author made another text of it: never run. */
  InThread.extend({ kind: z.literal('edited'), comment: z.number(), text: z.string() }),
  InThread.extend({
    kind: z.literal('label'),
    isAdded: z.boolean(),
    label: z.string(),
    isOpen: z.boolean(),
  }),
  /** `at`: when, as GitHub writes times; absent in what an older bot stored. */
  InThread.extend({ kind: z.literal('closed'), isMerged: z.boolean(), at: z.string().nullish() }),
  /** A pull request that is there for others to read: opened, or no draft any more. */
  InThread.extend({ kind: z.literal('opened') }),
  /** The head of a pull request moved. */
  InThread.extend({ kind: z.literal('pushed'), head: z.string() }),
  Here.extend({ kind: z.literal('button'), subject: z.string(), identifier: z.string() }),
  Here.extend({ kind: z.literal('moved'), from: z.string() }),
  Here.extend({ kind: z.literal('gone') }),
  /** It became public or private. */
  Here.extend({ kind: z.literal('visibility') }),
  InstallationEvent,
]);
export type Event = z.infer<typeof Event>;

/** Of a delivery that this front stored. */
export const eventOf = ({ payload }: Pick<Delivery, 'payload'>): Event => Event.parse(payload);

/** What a label asks for, where `ours` is the repository's; undefined: it is none of ours. */
export function readLabel(name: string, ours: string): { size?: string } | undefined {
  const [own, size, ...more] = name.toLowerCase().split(':');
  if (own !== ours || more.length > 0) return undefined;
  if (size === undefined) return {};
  return /^(small|medium|large)$/.test(size) ? { size } : undefined;
}

/** Requests of one thread run in order. */
export function threadOf(event: Event): string {
  switch (event.kind) {
    case 'comment':
    case 'edited':
    case 'label':
    case 'closed':
    case 'opened':
    case 'pushed':
      return `${event.repository}#${event.number}`;
    case 'button':
      return event.subject;
    case 'moved':
    case 'gone':
    case 'visibility':
      return event.repository;
    case 'installation':
      return 'installations';
    default:
      return event satisfies never;
  }
}
