// The statements of a reconcile pass: claim a due row, renew, write the result under the lease.
import { and, asc, eq, isNotNull, sql } from 'drizzle-orm';
import { claimFirst, isFree, RELEASED, RENEWED, type Held } from '../../database/claims.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { nodes, workspaces, type Node, type Workspace } from '../../database/schema.ts';
import { touchCards } from './cards.ts';
import { endCommands } from './commands.ts';
import { append } from './events.ts';
import { wakeNodes } from './nodes.ts';
import { holds, phaseClock, type NodePatch, type Reconciled, type WorkspacePatch } from './reconciled.ts';
import { wakeWorkspacesOf } from './workspace-changes.ts';

const claim = <Row extends Workspace | Node>(
  db: Executor,
  table: Reconciled,
): Promise<Held<Row> | undefined> =>
  claimFirst<Row>(db, table, {
    key: [table.id],
    where: sql`${table.nextAt} <= statement_timestamp()`,
    order: table.nextAt,
  });

export const claimWorkspace = (db: Executor): Promise<Held<Workspace> | undefined> => claim(db, workspaces);

export const claimNode = (db: Executor): Promise<Held<Node> | undefined> => claim(db, nodes);

/** In how many ms the next row that nobody works on is due; undefined: none waits. */
export async function dueInMs(db: Executor, kind: 'workspace' | 'node'): Promise<number | undefined> {
  const table = kind === 'workspace' ? workspaces : nodes;
  const [row] = await db
    .select({
      ms: sql<number | null>`extract(epoch from ${table.nextAt} - clock_timestamp())::float8 * 1000`,
    })
    .from(table)
    .where(and(isNotNull(table.nextAt), isFree(table)))
    .orderBy(asc(table.nextAt))
    .limit(1);
  return row?.ms ?? undefined;
}

export async function renewLease(
  db: Executor,
  kind: 'workspace' | 'node',
  held: Held<{ id: string }>,
): Promise<void> {
  const table = kind === 'workspace' ? workspaces : nodes;
  await db.update(table).set(RENEWED).where(holds(table, held));
}

/** Changes that people see on the card. */
const SHOWN = ['phase', 'step', 'lastError', 'notice', 'warnedFor', 'desired', 'deleteAt', 'nodeId'] as const;

/**
 * Writes the result of a pass and gives the lease back. False: nothing of it was written, because the lease was lost or
 * because somebody wanted or said something meanwhile; then the row is due at once.
 */
export async function finishWorkspace(
  db: Executor,
  held: Held<Workspace>,
  patch: WorkspacePatch,
  nextAt: Date | null,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { id, gen, nodeId } = held.row;
    const isLeaving = patch.phase === 'deleted' || (patch.nodeId !== undefined && patch.nodeId !== nodeId);
    // The node's row before the workspace's, as everywhere: two passes cannot wait for each other.
    if (nodeId && isLeaving) await wakeNodes(tx, [nodeId]);
    if (!(await endPass(tx, workspaces, held, patch, nextAt))) return false;
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
    await notify(tx, 'due', ...(node ? [`desired:${node}` as const] : []));
    return true;
  });
}

/** The same for a node. A change of phase concerns its workspaces: they and their cards are woken. */
export async function finishNode(
  db: Executor,
  held: Held<Node>,
  patch: NodePatch,
  nextAt: Date | null,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    if (!(await endPass(tx, nodes, held, patch, nextAt))) return false;
    await tellOfNode(tx, held, patch);
    return true;
  });
}

/** What a provider refused for good stays refused, whatever was wanted meanwhile. */
export async function failNode(
  db: Executor,
  held: Held<Node>,
  patch: Pick<NodePatch, 'attempts' | 'lastError'>,
): Promise<void> {
  const failed: NodePatch = { ...patch, phase: 'failed' };
  await db.transaction(async (tx) => {
    const written = await tx
      .update(nodes)
      .set({ ...failed, ...phaseClock(nodes, 'failed'), ...RELEASED, nextAt: databaseNow })
      .where(holds(nodes, held))
      .returning({ id: nodes.id });
    if (written.length > 0) await tellOfNode(tx, held, failed);
  });
}

async function tellOfNode(tx: Executor, held: Held<Node>, patch: NodePatch): Promise<void> {
  if (!patch.phase && !patch.desired) return;
  const { id, gen } = held.row;
  await append(tx, id, gen, 'phase', { phase: patch.phase, desired: patch.desired, error: patch.lastError });
  await wakeWorkspacesOf(tx, id);
}

async function endPass(
  tx: Executor,
  table: Reconciled,
  held: Held<Workspace | Node>,
  patch: WorkspacePatch | NodePatch,
  nextAt: Date | null,
): Promise<boolean> {
  const written = await tx
    .update(table)
    .set({ ...patch, ...phaseClock(table, patch.phase), ...RELEASED, nextAt })
    .where(and(holds(table, held), eq(table.gen, held.row.gen)))
    .returning({ id: table.id });
  if (written.length > 0) return true;
  // What this pass concluded is of yesterday: the next one sees what came meanwhile.
  await tx
    .update(table)
    .set({ ...RELEASED, nextAt: databaseNow })
    .where(holds(table, held));
  return false;
}
