// What turns cost, in Postgres, and the end of those that cost more than they may. Knows no front and no socket.
import { and, eq, sql } from 'drizzle-orm';
import type { TaskEvent } from '../../../agent/protocol.ts';
import type { CostLimit } from '../../codes.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { tasks, taskTurns, workspaces, type Task, type Turn } from '../../database/schema.ts';

const MICROS = 1_000_000;

/** `5.00 USD`: coding agents count in that. */
export const formatMicros = (micros: number): string => `${(micros / MICROS).toFixed(2)} USD`;

/** What a person has spent since this month began. */
export async function spentThisMonth(db: Executor, actor: string): Promise<number> {
  const [row] = await db
    .select({ sum: sql<string>`coalesce(sum(${taskTurns.spentMicros}), 0)` })
    .from(taskTurns)
    .where(
      sql`${taskTurns.actor} = ${actor} and ${taskTurns.createdAt} >= date_trunc('month', clock_timestamp())`,
    );
  return Number(row?.sum ?? 0);
}

/** Writes down what the events cost; the turn as it is then. One that costs too much is told to end. The task's row is locked. */
export async function noteSpending(
  tx: Executor,
  task: Task,
  turn: Turn,
  events: readonly TaskEvent[],
): Promise<Turn> {
  const costs = events.flatMap(({ event }) =>
    event.kind === 'cost' ? [Math.round(Number(event.amount) * MICROS)] : [],
  );
  if (costs.length === 0) return turn;
  let spentMicros = turn.spentMicros;
  for (const cost of costs) {
    // Less than before: it counts anew, in a new conversation.
    spentMicros += cost >= task.costMicros ? cost - task.costMicros : cost;
    task.costMicros = cost;
  }
  await tx.update(tasks).set({ costMicros: task.costMicros }).where(eq(tasks.id, task.id));
  const isThis = and(eq(taskTurns.taskId, turn.taskId), eq(taskTurns.turn, turn.turn));
  await tx.update(taskTurns).set({ spentMicros }).where(isThis);
  const spent = { ...turn, spentMicros };
  const overspent = turn.endedAt || turn.overspent ? null : await findOverspent(tx, spent);
  if (!overspent) return spent;
  const ending = { overspent, desired: 'cancelled' as const };
  await tx
    .update(taskTurns)
    .set({ ...ending, since: databaseNow, nextAt: databaseNow })
    .where(isThis);
  const [place] = await tx
    .select({ node: workspaces.nodeId })
    .from(workspaces)
    .where(eq(workspaces.id, turn.workspaceId));
  await notify(tx, 'due', ...(place?.node ? [`desired:${place.node}` as const] : []));
  return { ...spent, ...ending };
}

async function findOverspent(tx: Executor, turn: Turn): Promise<CostLimit | null> {
  const { budget, spentMicros, taskId, actor } = turn;
  const over = (limit: CostLimit['limit'], spent: number): CostLimit | null => {
    const most = budget[limit];
    return most !== undefined && spent > most ? { limit, most: formatMicros(most) } : null;
  };
  const byTurn = over('turn', spentMicros);
  if (byTurn) return byTurn;
  const byTask = budget.task === undefined ? null : over('task', await spentOnTask(tx, taskId));
  if (byTask) return byTask;
  return budget.month === undefined ? null : over('month', await spentThisMonth(tx, actor));
}

async function spentOnTask(tx: Executor, task: string): Promise<number> {
  const [row] = await tx
    .select({ sum: sql<string>`coalesce(sum(${taskTurns.spentMicros}), 0)` })
    .from(taskTurns)
    .where(eq(taskTurns.taskId, task));
  return Number(row?.sum ?? 0);
}
