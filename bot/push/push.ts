// Tells browsers what their people want to hear while they do not look: whether it is still true and still theirs is asked when it is
// sent. Finds no words, and decides of no event that it happened.
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { RepositoryGuard } from '../access/repository-guard.ts';
import { entryOf, isCurrent } from '../access/rights.ts';
import { findPlace } from '../access/store/places.ts';
import type { Executor, Held, Push, PushEvent, Workspace } from '../database/types.ts';
import { whileHeld } from '../jobs/lease.ts';
import type { Source } from '../jobs/loop.ts';
import { encrypt } from './encryption.ts';
import {
  claimPush,
  dropSubscription,
  endPush,
  findTarget,
  isAsked,
  isLookedAt,
  postponePush,
  pushDueInMs,
  renewPush,
  type PushTarget,
} from './push-store.ts';
import type { SenderKey } from './sender-key.ts';
import { sendPush, type PushOutcome } from './services.ts';

/** What somebody reads on a screen that others may see, too. */
export interface PushWords {
  title: string;
  body: string;
}

export interface PushWork {
  db: Executor;
  log: Logger;
  key: SenderKey;
  /** Of services in a network of ours. */
  own: readonly string[];
  mayStill: RepositoryGuard;
  word: (event: PushEvent, workspace: Pick<Workspace, 'name'>) => PushWords;
}

/** What is older than this is told to nobody. */
const NEWS_MS = 60 * 60_000;
const REST_MS = 5_000;
const MAX_REST_MS = 5 * 60_000;
/** A yes that is older is asked for again. */
const TRUSTED_MS = 60_000;

export const pushSource = (work: PushWork): Source => ({
  name: 'pushes',
  dueInMs: () => pushDueInMs(work.db),
  async take() {
    const held = await claimPush(work.db);
    return (
      held &&
      (() =>
        whileHeld(
          () => renewPush(work.db, held),
          () => tell(work, held),
          work,
        ))
    );
  },
});

async function tell(work: PushWork, held: Held<Push>): Promise<void> {
  const { db, log } = work;
  const { row } = held;
  const outcome = await send(work, held);
  if (outcome.is === 'later') {
    log.info({ workspace: row.workspaceId, why: outcome.why }, 'a browser is told later');
    return postponePush(db, held, outcome.afterMs ?? restOf(row));
  }
  if (outcome.is === 'refused')
    log.warn({ workspace: row.workspaceId, status: outcome.status }, 'a push service refused a message');
  // What it is told goes with it.
  if (outcome.is === 'gone') await dropSubscription(db, { session: row.session, endpoint: outcome.endpoint });
  await endPush(db, held);
}

const restOf = ({ attempts }: Push): number => Math.min(MAX_REST_MS, REST_MS * 2 ** Math.min(attempts, 10));

type Outcome =
  | Exclude<PushOutcome, { is: 'taken' | 'gone' }>
  | { is: 'taken' | 'void' }
  | { is: 'gone'; endpoint: string };

const VOID = { is: 'void' } as const;

async function send(work: PushWork, { row, now }: Held<Push>): Promise<Outcome> {
  const { db, key, own, word } = work;
  const leftMs = endOf(row) - now.getTime();
  const target = await findTarget(db, row.session);
  if (!target || leftMs <= 0) return VOID;
  const workspace = await findOpen(work, target, row.workspaceId);
  if (!workspace || 'is' in workspace) return workspace ?? VOID;
  if (row.event.kind === 'question' && !(await isAsked(db, row.event))) return VOID;
  if (await isLookedAt(db, target.session.userId, workspace.id)) return VOID;
  const { subscription } = target;
  const { endpoint } = subscription;
  const topic = createHash('sha256').update(row.about).digest('base64url').slice(0, 32);
  const text = JSON.stringify({ ...word(row.event, workspace), tag: topic, path: `/w/${workspace.id}` });
  const outcome = await sendPush(
    {
      endpoint,
      body: encrypt(text, subscription),
      authorization: await key.authorize(new URL(endpoint).origin),
      ttl: Math.ceil(leftMs / 1_000),
      topic,
      urgency: row.event.kind === 'question' ? 'high' : 'normal',
    },
    { own },
  );
  return outcome.is === 'gone' ? { is: 'gone', endpoint } : (outcome as Outcome);
}

const endOf = ({ event, createdAt }: Push): number =>
  event.kind === 'question' ? Date.parse(event.until) : createdAt.getTime() + NEWS_MS;

/** As its page opens: whoever lost the right hears nothing of it. Undefined: it is not theirs any more. */
async function findOpen(
  { db, mayStill }: PushWork,
  { session }: PushTarget,
  id: string,
): Promise<Workspace | undefined | Extract<PushOutcome, { is: 'later' }>> {
  const place = await findPlace(db, id, session.userId);
  const entry = place && entryOf(session.userId, place);
  if (!entry || !isCurrent(session, place.workspace)) return undefined;
  const { workspace } = place;
  const asked = entry.is === 'guest' ? { ...workspace, guest: session.userId } : workspace;
  const right = await mayStill(asked, TRUSTED_MS);
  if (right.is === 'there') return workspace;
  return right.is === 'gone' ? undefined : { is: 'later', why: right.is, afterMs: undefined };
}
