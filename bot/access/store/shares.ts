// Who else is let into a workspace, in Postgres: found, let in, let out. A share is open until its time, or until the workspace's
// `access` moves, whatever comes first. Knows no card.
import { and, asc, eq, gt, inArray, isNull, ne, sql, type SQL } from 'drizzle-orm';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { shares, users, workspaces, type Share, type Workspace } from '../../database/schema.ts';
import { newShareId } from '../../ids.ts';

/** Beside the workspace's row: it may be used now. */
export const isOpen = and(
  isNull(shares.endedAt),
  gt(shares.until, databaseNow),
  eq(shares.access, workspaces.access),
);

export type OpenShare = Pick<Share, 'id' | 'seq' | 'person' | 'may' | 'until' | 'createdAt'> & {
  workspaceId: string;
  /** What the person is called. */
  name: string;
};

/** The columns of one. */
export const SHOWN = {
  id: shares.id,
  seq: shares.seq,
  workspaceId: shares.workspaceId,
  person: shares.person,
  may: shares.may,
  until: shares.until,
  createdAt: shares.createdAt,
  name: users.name,
};

/** Those of these workspaces, the oldest first. */
export const listShares = (db: Executor, ids: readonly string[]): Promise<OpenShare[]> =>
  ids.length === 0 ? Promise.resolve([]) : select(db, inArray(shares.workspaceId, [...ids]));

/** The person's, with which they are let in there. */
export async function findShare(
  db: Executor,
  workspace: string,
  person: string,
): Promise<OpenShare | undefined> {
  const [found] = await select(db, and(eq(shares.workspaceId, workspace), eq(shares.person, person)));
  return found;
}

const select = (db: Executor, which: SQL | undefined): Promise<OpenShare[]> =>
  db
    .select(SHOWN)
    .from(shares)
    .innerJoin(workspaces, eq(workspaces.id, shares.workspaceId))
    .innerJoin(users, eq(users.id, shares.person))
    .where(and(which, isOpen, ne(workspaces.phase, 'deleted')))
    .orderBy(asc(shares.seq));

export type ReceivedShare = Pick<Share, 'id' | 'may' | 'until' | 'createdAt'> & {
  workspace: Workspace;
  ownerName: string;
};

/** What somebody else lets the person into, newest first. */
export const listSharedWith = (db: Executor, person: string): Promise<ReceivedShare[]> =>
  db
    .select({
      id: shares.id,
      may: shares.may,
      until: shares.until,
      createdAt: shares.createdAt,
      workspace: workspaces,
      ownerName: users.name,
    })
    .from(shares)
    .innerJoin(workspaces, eq(workspaces.id, shares.workspaceId))
    .innerJoin(users, eq(users.id, workspaces.owner))
    .where(and(eq(shares.person, person), isOpen, ne(workspaces.desired, 'deleted')))
    .orderBy(sql`${shares.seq} desc`);

/** Lets the person in from now on, in place of what they were let in for before. The workspace's row is locked. */
export async function insertShare(
  tx: Executor,
  { id: workspaceId, access, nodeId }: Pick<Workspace, 'id' | 'access' | 'nodeId'>,
  wanted: Pick<Share, 'person' | 'may' | 'until'>,
): Promise<Share> {
  const before = and(eq(shares.workspaceId, workspaceId), eq(shares.person, wanted.person));
  await tx
    .update(shares)
    .set({ until: sql`least(${shares.until}, ${databaseNow})`, endedAt: databaseNow })
    .where(and(before, isNull(shares.endedAt)));
  const [share] = await tx
    .insert(shares)
    .values({ id: newShareId(), workspaceId, access, ...wanted })
    .returning();
  if (!share) throw new Error(`a share of ${workspaceId} got no row`);
  await notify(tx, 'due', ...(nodeId ? [`desired:${nodeId}` as const] : []));
  return share;
}

/** One of them is over from now on, or all of a person's: agents close what is open, at once. */
export async function endShares(tx: Executor, which: { id: string } | { person: string }): Promise<void> {
  const isMeant = 'id' in which ? eq(shares.id, which.id) : eq(shares.person, which.person);
  const ended = await tx
    .update(shares)
    .set({ until: databaseNow })
    .from(workspaces)
    .where(
      and(
        isMeant,
        eq(workspaces.id, shares.workspaceId),
        isNull(shares.endedAt),
        gt(shares.until, databaseNow),
      ),
    )
    .returning({ node: workspaces.nodeId });
  const nodes = ended.flatMap(({ node }) => (node ? [`desired:${node}` as const] : []));
  if (ended.length > 0) await notify(tx, 'due', ...nodes);
}

/** Of each workspace that was ever shared: the highest number, and those that are open; in the order of their numbers. */
export async function readLetIn(
  db: Executor,
  ids: readonly string[],
): Promise<Map<string, { upTo: number; open: number[] }>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({
      id: shares.workspaceId,
      upTo: sql<number>`max(${shares.seq})::int`,
      open: sql<
        number[]
      >`coalesce(jsonb_agg(${shares.seq} order by ${shares.seq}) filter (where ${isOpen}), '[]')`,
    })
    .from(shares)
    .innerJoin(workspaces, eq(workspaces.id, shares.workspaceId))
    .where(inArray(shares.workspaceId, [...ids]))
    .groupBy(shares.workspaceId);
  return new Map(rows.map(({ id, ...numbers }) => [id, numbers]));
}
