// Browsers that want to be told of something, what they are told, and the sender's sealed key, in Postgres. Sends nothing.
import { and, desc, eq, gt, inArray, isNotNull, like, lt, ne, sql, type SQL } from 'drizzle-orm';
import type { Sealed } from '../access/vault.ts';
import { claimFirst, hasToken, RELEASED, RENEWED, untilFirst, type Held } from '../database/claims.ts';
import { databaseNow, inMs, notify, type Executor } from '../database/executor.ts';
import {
  browserSessions,
  credentials,
  pushes,
  pushSubscriptions,
  taskTurns,
  workspaces,
  type BrowserSession,
  type Push,
  type PushEvent,
  type PushSubscription,
} from '../database/schema.ts';

/** What a browser may want to be told of. */
type PushTopic = 'questions' | 'commands';

export type Wanted = Pick<
  PushSubscription,
  'session' | 'endpoint' | 'p256dh' | 'auth' | 'questions' | 'commands'
>;

/** Of one person: more browsers than anybody has. */
const MAX_OF_ONE = 20;

/** In place of what this browser wanted before, by whichever session. */
export async function keepSubscription(db: Executor, user: string, wanted: Wanted): Promise<void> {
  const { session, endpoint } = wanted;
  await db.transaction(async (tx) => {
    await tx
      .delete(pushSubscriptions)
      .where(and(eq(pushSubscriptions.endpoint, endpoint), ne(pushSubscriptions.session, session)));
    const set = { ...wanted, createdAt: databaseNow };
    await tx
      .insert(pushSubscriptions)
      .values(wanted)
      .onConflictDoUpdate({ target: pushSubscriptions.session, set });
    const older = tx
      .select({ session: pushSubscriptions.session })
      .from(pushSubscriptions)
      .innerJoin(browserSessions, eq(browserSessions.hash, pushSubscriptions.session))
      .where(eq(browserSessions.userId, user))
      .orderBy(desc(pushSubscriptions.createdAt))
      .offset(MAX_OF_ONE);
    await tx.delete(pushSubscriptions).where(inArray(pushSubscriptions.session, older));
    await tellNodes(tx, user);
  });
}

/** Agents follow commands only where somebody wants to hear of them. */
async function tellNodes(tx: Executor, user: string): Promise<void> {
  const theirs = await tx
    .selectDistinct({ node: workspaces.nodeId })
    .from(workspaces)
    .where(and(eq(workspaces.owner, user), eq(workspaces.phase, 'running')));
  await notify(tx, ...theirs.flatMap(({ node }) => (node ? [`desired:${node}` as const] : [])));
}

export async function dropSubscription(
  db: Executor,
  { session, endpoint }: Pick<PushSubscription, 'session'> & { endpoint?: string },
): Promise<void> {
  const isIt = endpoint === undefined ? undefined : eq(pushSubscriptions.endpoint, endpoint);
  await db.delete(pushSubscriptions).where(and(eq(pushSubscriptions.session, session), isIt));
}

/** What the browser with that session wants; undefined: nothing. */
export async function findSubscription(db: Executor, session: string): Promise<PushSubscription | undefined> {
  const [row] = await db.select().from(pushSubscriptions).where(eq(pushSubscriptions.session, session));
  return row;
}

/** That workspace's page is in sight there for so long; 0: no more. */
export async function noteLook(
  db: Executor,
  session: string,
  workspace: string,
  forMs: number,
): Promise<void> {
  await db
    .update(pushSubscriptions)
    .set({ looksAt: workspace, looksUntil: inMs(forMs) })
    .where(
      and(
        eq(pushSubscriptions.session, session),
        // One page that goes out of sight says nothing of another's.
        forMs > 0 ? undefined : eq(pushSubscriptions.looksAt, workspace),
      ),
    );
}

/** Whether the person sees that workspace's page now, in any browser that says so. */
export async function isLookedAt(db: Executor, user: string, workspace: string): Promise<boolean> {
  const looking = await db
    .select({ session: pushSubscriptions.session })
    .from(pushSubscriptions)
    .innerJoin(browserSessions, eq(browserSessions.hash, pushSubscriptions.session))
    .where(
      and(
        eq(browserSessions.userId, user),
        eq(pushSubscriptions.looksAt, workspace),
        gt(pushSubscriptions.looksUntil, databaseNow),
      ),
    )
    .limit(1);
  return looking.length > 0;
}

export interface NewPush {
  user: string;
  workspace: string;
  topic: PushTopic;
  /** An event is told once, however often it is heard of. */
  about: string;
  event: PushEvent;
}

/** Has all browsers of the person told that want it. */
export async function addPush(
  tx: Executor,
  { user, workspace, topic, about, event }: NewPush,
): Promise<void> {
  const sessions = tx
    .select({
      session: pushSubscriptions.session,
      about: sql<string>`${about}::text`.as('about'),
      workspaceId: sql<string>`${workspace}::text`.as('workspace_id'),
      event: sql<PushEvent>`${JSON.stringify(event)}::jsonb`.as('event'),
      attempts: sql<number>`0`.as('attempts'),
      nextAt: sql<Date>`${databaseNow}`.as('next_at'),
      leaseToken: sql<string | null>`null::text`.as('lease_token'),
      leaseUntil: sql<Date | null>`null::timestamptz`.as('lease_until'),
      createdAt: sql<Date>`${databaseNow}`.as('created_at'),
    })
    .from(pushSubscriptions)
    .innerJoin(browserSessions, eq(browserSessions.hash, pushSubscriptions.session))
    .where(and(eq(browserSessions.userId, user), eq(pushSubscriptions[topic], true)));
  const added = await tx
    .insert(pushes)
    .select(sessions)
    .onConflictDoNothing()
    .returning({ session: pushes.session });
  if (added.length > 0) await notify(tx, 'due');
}

/** Of an hour: what runs in a workspace can say as often as it likes that something ended. */
const MAX_ENDS = 30;

/** What an agent says of a workspace of its own, to its owner. */
export async function addCommandEnd(
  db: Executor,
  node: string,
  { workspace, id, ms, code }: { workspace: string; id: string; ms: number; code?: number },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx
      .select({ owner: workspaces.owner })
      .from(workspaces)
      .where(and(eq(workspaces.id, workspace), eq(workspaces.nodeId, node)));
    const isLately = gt(pushes.createdAt, sql`clock_timestamp() - interval '1 hour'`);
    const told = await tx
      .selectDistinct({ about: pushes.about })
      .from(pushes)
      .where(and(eq(pushes.workspaceId, workspace), like(pushes.about, 'command:%'), isLately));
    if (!row || told.length >= MAX_ENDS) return;
    const event = { kind: 'command', ms, ...(code !== undefined && { code }) } as const;
    await addPush(tx, { user: row.owner, workspace, topic: 'commands', about: `command:${id}`, event });
  });
}

/** Those of these people who want to hear of commands, in any browser. */
export async function findCommandListeners(db: Executor, users: string[]): Promise<ReadonlySet<string>> {
  if (users.length === 0) return new Set();
  const rows = await db
    .selectDistinct({ user: browserSessions.userId })
    .from(pushSubscriptions)
    .innerJoin(browserSessions, eq(browserSessions.hash, pushSubscriptions.session))
    .where(and(inArray(browserSessions.userId, users), eq(pushSubscriptions.commands, true)));
  return new Set(rows.map(({ user }) => user));
}

export const claimPush = (db: Executor): Promise<Held<Push> | undefined> =>
  claimFirst<Push>(db, pushes, {
    key: [pushes.session, pushes.about],
    where: sql`${pushes.nextAt} <= statement_timestamp()`,
    order: pushes.createdAt,
  });

export async function pushDueInMs(db: Executor): Promise<number | undefined> {
  const [row] = await db
    .select({ ms: untilFirst(pushes) })
    .from(pushes)
    .where(isNotNull(pushes.nextAt));
  return row?.ms ?? undefined;
}

const isMine = (held: Held<Push>): SQL | undefined =>
  and(eq(pushes.session, held.row.session), eq(pushes.about, held.row.about), hasToken(pushes, held));

export async function renewPush(db: Executor, held: Held<Push>): Promise<void> {
  await db.update(pushes).set(RENEWED).where(isMine(held));
}

/** It was told, or is of no use any more. */
export async function endPush(db: Executor, held: Held<Push>): Promise<void> {
  await db
    .update(pushes)
    .set({ nextAt: null, ...RELEASED })
    .where(isMine(held));
}

export async function postponePush(db: Executor, held: Held<Push>, ms: number): Promise<void> {
  const attempts = sql`${pushes.attempts} + 1`;
  await db
    .update(pushes)
    .set({ attempts, nextAt: inMs(ms), ...RELEASED })
    .where(isMine(held));
}

export interface PushTarget {
  subscription: PushSubscription;
  session: Pick<BrowserSession, 'userId' | 'workspaces'>;
}

/** Undefined: that browser is signed out, or wants nothing any more. */
export async function findTarget(db: Executor, session: string): Promise<PushTarget | undefined> {
  const [row] = await db
    .select({
      subscription: pushSubscriptions,
      session: { userId: browserSessions.userId, workspaces: browserSessions.workspaces },
    })
    .from(pushSubscriptions)
    .innerJoin(browserSessions, eq(browserSessions.hash, pushSubscriptions.session))
    .where(and(eq(pushSubscriptions.session, session), gt(browserSessions.expiresAt, databaseNow)));
  return row;
}

/** Whether that question still waits for an answer. */
export async function isAsked(
  db: Executor,
  { task, turn, request }: Extract<PushEvent, { kind: 'question' }>,
): Promise<boolean> {
  const has = JSON.stringify([{ request }]);
  const waiting = await db
    .select({ turn: taskTurns.turn })
    .from(taskTurns)
    .where(
      and(
        eq(taskTurns.taskId, task),
        eq(taskTurns.turn, turn),
        eq(taskTurns.state, 'asking'),
        sql`${taskTurns.progress}->'questions' @> ${has}::jsonb and not ${taskTurns.decisions} @> ${has}::jsonb`,
      ),
    );
  return waiting.length > 0;
}

/** What was told is remembered for as long as it could be heard of again. */
export async function forgetPushes(db: Executor): Promise<void> {
  await db.delete(pushes).where(lt(pushes.createdAt, sql`clock_timestamp() - interval '1 day'`));
}

const KIND = 'push';

/** The one that is there, or the one that is made now: of two bots that make one, the first one's. */
export async function keepSenderKey(db: Executor, id: string, make: () => Sealed): Promise<Sealed> {
  const find = () => db.select().from(credentials).where(eq(credentials.id, id));
  const [kept] = await find();
  if (kept) return kept;
  await db
    .insert(credentials)
    .values({ id, kind: KIND, owner: id, ...make() })
    .onConflictDoNothing();
  const [made] = await find();
  if (!made) throw new Error('the key for push services got no row');
  return made;
}

/** The same under another key of the ring, unless another bot was first. */
export async function replaceSenderKey(
  db: Executor,
  id: string,
  { keyId }: Sealed,
  next: Sealed,
): Promise<void> {
  await db
    .update(credentials)
    .set({ keyId: next.keyId, ciphertext: next.ciphertext })
    .where(and(eq(credentials.id, id), eq(credentials.keyId, keyId)));
}
