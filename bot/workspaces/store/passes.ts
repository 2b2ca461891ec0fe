// The statements of a reconcile pass: claim a due row, renew, write the result under the lease.
import { and, asc, eq, isNotNull, ne, sql } from 'drizzle-orm';
import { commands, nodes, workspaces, type Node, type Workspace } from '../../database/schema.ts';
import { randomBase32 } from '../../ids.ts';
import {
  type Executor,
  databaseNow,
  LEASE,
  type Claim,
  notify,
  type Reconciled,
  holds,
  type WorkspacePatch,
  type NodePatch,
  wakeNodes,
  touchCards,
  append,
  readClock,
  phaseClock,
} from './rows.ts';

async function claim<Row extends Workspace | Node>(
  db: Executor,
  table: Reconciled,
): Promise<Claim<Row> | undefined> {
  const token = randomBase32(16);
  const due = db
    .select({ id: table.id })
    .from(table)
    .where(
      sql`${table.nextAt} <= clock_timestamp() and (${table.leaseUntil} is null or ${table.leaseUntil} < clock_timestamp())`,
    )
    .orderBy(asc(table.nextAt))
    .limit(1)
    .for('update', { skipLocked: true });
  const [found] = await db
    .update(table)
    .set({ leaseToken: token, leaseUntil: LEASE })
    .where(eq(table.id, sql`(${due})`))
    .returning();
  if (!found) return undefined;
  return { row: found as Row, token, now: await readClock(db) };
}

export const claimWorkspace = (db: Executor): Promise<Claim<Workspace> | undefined> =>
  claim<Workspace>(db, workspaces);

export const claimNode = (db: Executor): Promise<Claim<Node> | undefined> => claim<Node>(db, nodes);

/** In how many ms the next row of the table is due; undefined: none waits. */
export async function dueInMs(db: Executor, kind: 'workspace' | 'node'): Promise<number | undefined> {
  const table = kind === 'workspace' ? workspaces : nodes;
  const [row] = await db
    .select({
      ms: sql<
        number | null
      >`extract(epoch from min(greatest(${table.nextAt}, ${table.leaseUntil})) - clock_timestamp())::float8 * 1000`,
    })
    .from(table)
    .where(isNotNull(table.nextAt));
  return row?.ms ?? undefined;
}

export async function renewLease(
  db: Executor,
  kind: 'workspace' | 'node',
  held: Claim<{ id: string }>,
): Promise<void> {
  const table = kind === 'workspace' ? workspaces : nodes;
  await db.update(table).set({ leaseUntil: LEASE }).where(holds(table, held));
}

/** Changes that people see on the card. */
const SHOWN = ['phase', 'step', 'lastError', 'notice', 'warnedFor', 'desired', 'deleteAt', 'nodeId'] as const;

/** Writes the result of a pass and gives the lease back. False: the lease was lost, nothing was written. */
export async function finishWorkspace(
  db: Executor,
  held: Claim<Workspace>,
  patch: WorkspacePatch,
  nextAt: Date | null,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { id, gen, nodeId } = held.row;
    const written = await tx
      .update(workspaces)
      .set({
        ...patch,
        ...phaseClock(workspaces, patch.phase),
        nextAt: unlessNewer(workspaces, gen, nextAt),
        leaseToken: null,
        leaseUntil: null,
      })
      .where(holds(workspaces, held))
      .returning({ id: workspaces.id });
    if (written.length === 0) return false;
    if (!SHOWN.some((column) => column in patch)) return true;
    await append(tx, id, gen, 'phase', {
      phase: patch.phase,
      step: patch.step,
      error: patch.lastError,
      notice: patch.notice,
    });
    await touchCards(tx, [id]);
    await endCommands(tx, id, patch);
    const node = patch.nodeId === undefined ? nodeId : patch.nodeId;
    if (patch.phase === 'deleted' && nodeId) await wakeNodes(tx, [nodeId]);
    await notify(tx, 'due', ...(node ? [`desired:${node}` as const] : []));
    return true;
  });
}

/** Writes the result of a node's pass. A change of phase concerns its workspaces: they and their cards are woken. */
export async function finishNode(
  db: Executor,
  held: Claim<Node>,
  patch: NodePatch,
  nextAt: Date | null,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { id, gen } = held.row;
    const written = await tx
      .update(nodes)
      .set({
        ...patch,
        ...phaseClock(nodes, patch.phase),
        nextAt: unlessNewer(nodes, gen, nextAt),
        leaseToken: null,
        leaseUntil: null,
      })
      .where(holds(nodes, held))
      .returning({ id: nodes.id });
    if (written.length === 0) return false;
    if (!patch.phase && !patch.desired) return true;
    await append(tx, id, gen, 'phase', { phase: patch.phase, error: patch.lastError });
    await wakeWorkspacesOf(tx, id);
    return true;
  });
}

/** A command or report that came during the pass is due at once. */
const unlessNewer = (table: Reconciled, gen: number, nextAt: Date | null) =>
  sql`case when ${table.gen} = ${gen} then ${nextAt?.toISOString() ?? null}::timestamptz else clock_timestamp() end`;

async function endCommands(tx: Executor, workspaceId: string, patch: WorkspacePatch): Promise<void> {
  const isOpen = and(eq(commands.workspaceId, workspaceId), eq(commands.status, 'running'));
  if (patch.phase === 'failed')
    await tx
      .update(commands)
      .set({ status: 'failed', error: patch.lastError?.message ?? null, endedAt: databaseNow })
      .where(isOpen);
  if (patch.phase === 'running' || patch.phase === 'stopped' || patch.phase === 'deleted')
    await tx
      .update(commands)
      .set({ status: 'done', endedAt: databaseNow })
      .where(and(isOpen, eq(commands.desired, patch.phase)));
  // What was wanted is wanted no longer: a delete that was refused.
  if (patch.desired)
    await tx
      .update(commands)
      .set({ status: 'failed', error: patch.notice ?? null, endedAt: databaseNow })
      .where(and(isOpen, ne(commands.desired, patch.desired)));
}

async function wakeWorkspacesOf(tx: Executor, nodeId: string): Promise<void> {
  const woken = await tx
    .update(workspaces)
    .set({ gen: sql`${workspaces.gen} + 1`, nextAt: databaseNow })
    .where(and(eq(workspaces.nodeId, nodeId), ne(workspaces.phase, 'deleted')))
    .returning({ id: workspaces.id });
  await touchCards(
    tx,
    woken.map((row) => row.id),
  );
  await notify(tx, 'due');
}
