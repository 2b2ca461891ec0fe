// What turns cost, in Postgres, and the end of those that cost more than they may. Knows no front and no socket.
import { and, eq, inArray, isNull, ne, sql, type SQL } from 'drizzle-orm';
import type { TaskEvent } from '../../../agent/protocol.ts';
import type { CostLimit } from '../../codes.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { tasks, taskTurns, workspaces, type Task, type Turn } from '../../database/schema.ts';
import { tellAgent } from './turns.ts';

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

/** What was spent beside a turn on what has a maximum for it; null: that has none. */
export const SPENT_BESIDE = {
  task: sql<
    string | null
  >`case when ${taskTurns.budget}->'task' is not null then (select coalesce(sum(t.spent_micros), 0)
    from task_turns t where t.task_id = ${taskTurns.taskId} and t.turn <> ${taskTurns.turn}) end`,
  month: sql<
    string | null
  >`case when ${taskTurns.budget}->'month' is not null then (select coalesce(sum(t.spent_micros), 0)
    from task_turns t where t.actor = ${taskTurns.actor} and t.created_at >= date_trunc('month', clock_timestamp())
     and t.seq <> ${taskTurns.seq}) end`,
};

/** Less than that is nothing, and nothing is no budget. */
const LEAST_USD = 0.0001;

/** US dollars that it may cost; undefined: there is no maximum. */
export function leftOf(
  { turn, task, month }: Turn['budget'],
  spent: { task: string | null; month: string | null },
): number | undefined {
  const all = [
    ...(turn === undefined ? [] : [turn]),
    ...(task === undefined ? [] : [task - Number(spent.task)]),
    ...(month === undefined ? [] : [month - Number(spent.month)]),
  ];
  return all.length === 0 ? undefined : Math.max(Math.min(...all) / MICROS, LEAST_USD);
}

/**
 * Writes down what the events cost; the turn as it is then. One that costs too much is told to end, and what waits where a maximum is
 * reached is not begun. The task's row is locked.
 */
export async function noteSpending(
  tx: Executor,
  task: Task,
  turn: Turn,
  events: readonly TaskEvent[],
): Promise<Turn> {
  const spentMicros = await addCosts(tx, task, turn, events);
  const isCut = events.some(({ event }) => event.kind === 'ended' && event.failure?.code === 'budget-spent');
  if (spentMicros === undefined && !isCut) return turn;
  const spent = { ...turn, spentMicros: spentMicros ?? turn.spentMicros };
  const passed = await findPassed(tx, spent, isCut);
  for (const limit of passed) await endWaiting(tx, spent, limit);
  const [overspent] = passed;
  if (!overspent || turn.endedAt || turn.overspent) return spent;
  const ending = { overspent, desired: 'cancelled' as const };
  await tx
    .update(taskTurns)
    .set({ ...ending, since: databaseNow, nextAt: databaseNow })
    .where(isThis(turn));
  const [place] = await tx
    .select({ id: workspaces.id, nodeId: workspaces.nodeId })
    .from(workspaces)
    .where(eq(workspaces.id, turn.workspaceId));
  await notify(tx, 'due');
  if (place) await tellAgent(tx, place);
  return { ...spent, ...ending };
}

const isThis = ({ taskId, turn }: Turn): SQL | undefined =>
  and(eq(taskTurns.taskId, taskId), eq(taskTurns.turn, turn));

/** What the turn has cost with them; undefined: they say nothing of it. */
async function addCosts(
  tx: Executor,
  task: Task,
  turn: Turn,
  events: readonly TaskEvent[],
): Promise<number | undefined> {
  const costs = events.flatMap(({ event }) => (event.kind === 'cost' ? [event] : []));
  if (costs.length === 0) return undefined;
  let { spentMicros } = turn;
  for (const { amount, isNew } of costs) {
    const cost = Math.round(Number(amount) * MICROS);
    const before = isNew ? 0 : task.costMicros;
    // Less than before is no other count, unless its agent says so: nothing is paid twice.
    if (cost < before) continue;
    spentMicros += cost - before;
    task.costMicros = cost;
  }
  await tx.update(tasks).set({ costMicros: task.costMicros }).where(eq(tasks.id, task.id));
  await tx.update(taskTurns).set({ spentMicros }).where(isThis(turn));
  return spentMicros;
}

const LIMITS = ['turn', 'task', 'month'] as const;

/** The maxima that are reached. `isCut`: its coding agent ended it for the one that is nearest, which it counts more exactly. */
async function findPassed(tx: Executor, turn: Turn, isCut: boolean): Promise<CostLimit[]> {
  const { budget, spentMicros, taskId, actor } = turn;
  const spent = {
    turn: spentMicros,
    task: budget.task === undefined ? 0 : await spentOnTask(tx, taskId),
    month: budget.month === undefined ? 0 : await spentThisMonth(tx, actor),
  };
  const left = LIMITS.flatMap((limit) => {
    const most = budget[limit];
    return most === undefined ? [] : [{ limit, most: formatMicros(most), left: most - spent[limit] }];
  });
  const passed = left.filter((one) => one.left < 0);
  const nearest = left.toSorted((one, other) => one.left - other.left).slice(0, isCut ? 1 : 0);
  return (passed.length > 0 ? passed : nearest).map(({ limit, most }) => ({ limit, most }));
}

/** Of the conversation, or all that the person asked: the next look ends it. What is asked next begins another conversation. */
async function endWaiting(tx: Executor, { taskId, turn, actor }: Turn, limit: CostLimit): Promise<void> {
  if (limit.limit === 'turn') return;
  const isOfTask = eq(taskTurns.taskId, taskId);
  if (limit.limit === 'task') await tx.update(tasks).set({ isStuck: true }).where(eq(tasks.id, taskId));
  const isOthers = sql`not (${isOfTask} and ${taskTurns.turn} = ${turn})`;
  const waiting = await tx
    .select({ seq: taskTurns.seq, id: workspaces.id, nodeId: workspaces.nodeId })
    .from(taskTurns)
    .innerJoin(workspaces, eq(workspaces.id, taskTurns.workspaceId))
    .innerJoin(tasks, and(eq(tasks.id, taskTurns.taskId), ne(tasks.agent, 'shell')))
    .where(
      and(
        limit.limit === 'task' ? isOfTask : eq(taskTurns.actor, actor),
        isOthers,
        isNull(taskTurns.endedAt),
        isNull(taskTurns.startedAt),
        eq(taskTurns.desired, 'done'),
      ),
    )
    .orderBy(taskTurns.seq)
    // Of another workspace: whoever writes it holds that one, and may wait for ours.
    .for('update', { of: taskTurns, skipLocked: true });
  if (waiting.length === 0) return;
  const seqs = waiting.flatMap(({ seq }) => seq ?? []);
  await tx
    .update(taskTurns)
    .set({ overspent: { ...limit, when: 'before' }, desired: 'cancelled', nextAt: databaseNow })
    .where(inArray(taskTurns.seq, seqs));
  const nodes = new Set(waiting.flatMap(({ nodeId }) => nodeId ?? []));
  await notify(tx, 'due', ...[...nodes].map((node) => `desired:${node}` as const));
}

async function spentOnTask(tx: Executor, task: string): Promise<number> {
  const [row] = await tx
    .select({ sum: sql<string>`coalesce(sum(${taskTurns.spentMicros}), 0)` })
    .from(taskTurns)
    .where(eq(taskTurns.taskId, task));
  return Number(row?.sum ?? 0);
}
