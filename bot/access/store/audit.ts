// Who did what, where from, with which right, and what came of it: written in the transaction of what it is about, read, and forgotten
// when its time is over. What keeps its rows as they are is in the database itself. No secret and no prompt gets in here.
import { and, desc, eq, gte, inArray, lt, or, sql } from 'drizzle-orm';
import { redact } from '../../../agent/redact.ts';
import type { Executor } from '../../database/executor.ts';
import { audit, settings, users, workspaces } from '../../database/schema.ts';

/** What is no command. */
export type Act =
  | 'sign-in'
  | 'sign-out'
  | 'sign-out-everywhere'
  | 'connect'
  | 'disconnect'
  | 'link-spent'
  | 'ticket'
  | 'token-made'
  | 'token-ended'
  | 'credential-set'
  | 'credential-ended'
  | 'session-ended'
  | 'person-deleted';

/** Where what is done on our own pages comes from. */
export const BROWSER = 'browser';

export interface AuditEntry {
  actor: string;
  front: string;
  /** The thread or channel. */
  place?: string | undefined;
  /** An act, the verb of a command, or the name of an operation that was refused. */
  action: string;
  target?: string | undefined;
  workspace?: string | undefined;
  /** `self`: it is about nobody else. `none`: it was refused. */
  right: string;
  /** `ok`, or the code of the refusal. */
  result: string;
}

const MAX_TARGET = 300;

/** `tx`: of what it is about, so that neither is there without the other. */
export async function record(tx: Executor, entry: AuditEntry): Promise<void> {
  await tx.insert(audit).values(rowOf(entry));
}

/** What a person did of their own on a page of ours. */
export const recordOwn = (tx: Executor, actor: string, action: Act, target?: string): Promise<void> =>
  record(tx, { actor, front: BROWSER, action, target, right: 'self', result: 'ok' });

const rowOf = ({ actor, front, place, action, target = '', workspace, right, result }: AuditEntry) => ({
  actor,
  front,
  place: place ?? null,
  action,
  target: redact(target).slice(0, MAX_TARGET).toWellFormed(),
  workspaceId: workspace ?? null,
  right,
  result,
});

/** As many of somebody's newest rows are looked at. */
const RECENT = 20;

/** The same refusal, again and again, is one row a minute: pages and programs ask by themselves. */
export async function recordRefusal(tx: Executor, refused: Omit<AuditEntry, 'right'>): Promise<void> {
  const row = rowOf({ ...refused, right: 'none' });
  const recent = tx
    .select()
    .from(audit)
    .where(eq(audit.actor, row.actor))
    .orderBy(desc(audit.id))
    .limit(RECENT)
    .as('recent');
  const [known] = await tx
    .select({ id: recent.id })
    .from(recent)
    .where(
      and(
        eq(recent.action, row.action),
        eq(recent.result, row.result),
        eq(recent.target, row.target),
        sql`${recent.workspaceId} is not distinct from ${row.workspaceId}`,
        gte(recent.at, sql`clock_timestamp() - interval '1 minute'`),
      ),
    )
    .limit(1);
  if (!known) await tx.insert(audit).values(row);
}

/** Which rows; all that are absent do not matter. */
export interface AuditFilter {
  /** What this person did, and what was done to their workspaces. */
  of?: string | undefined;
  actor?: string | undefined;
  workspace?: string | undefined;
  since?: Date | undefined;
}

export interface Audited {
  id: number;
  at: Date;
  actor: string;
  /** Null: there is no such person any more. */
  name: string | null;
  front: string;
  place: string | null;
  action: string;
  target: string;
  workspaceId: string | null;
  right: string;
  result: string;
}

/** Newest first, those before `before` where that is said. */
export async function listAudit(
  db: Executor,
  { of, actor, workspace, since }: AuditFilter,
  { before, limit }: { before?: number | undefined; limit: number },
): Promise<Audited[]> {
  const { id, at, front, place, action, target, workspaceId, right, result } = audit;
  const theirs = db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(eq(workspaces.owner, of ?? ''));
  const columns = { id, at, actor: audit.actor, name: users.name, front, place, action, target };
  return db
    .select({ ...columns, workspaceId, right, result })
    .from(audit)
    .leftJoin(users, eq(users.id, audit.actor))
    .where(
      and(
        of === undefined ? undefined : or(eq(audit.actor, of), inArray(workspaceId, theirs)),
        actor === undefined ? undefined : eq(audit.actor, actor),
        workspace === undefined ? undefined : eq(workspaceId, workspace),
        since && gte(at, since),
        before === undefined ? undefined : lt(id, before),
      ),
    )
    .orderBy(desc(id))
    .limit(limit);
}

const KEEP = 'audit-keep-ms';

/** How long rows are kept that are written from now on; 0: for ever. Earlier ones stay as long as they were to. */
export async function keepAuditFor(db: Executor, ms: number): Promise<void> {
  const value = String(ms);
  await db
    .insert(settings)
    .values({ name: KEEP, value })
    .onConflictDoUpdate({ target: settings.name, set: { value } });
}

/** Those whose time is over; found by their index, which takes a clock that stands still. */
export async function forgetAudit(db: Executor): Promise<void> {
  await db.delete(audit).where(sql`${audit.keepUntil} <= statement_timestamp()`);
}
