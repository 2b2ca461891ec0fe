// Which turns nodes work on, and what each may cost. Changes nothing; knows no connection.
import { and, asc, eq, getTableColumns, inArray, isNull, or, sql } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { tasks, taskTurns, workspaces, type Task, type Turn } from '../../database/schema.ts';
import { leftOf, SPENT_BESIDE } from './spending.ts';

export interface NodeTurn {
  node: string;
  turn: Turn;
  agent: Task['agent'];
  /** US dollars that it may cost; absent: nobody said. */
  budgetUsd?: number;
}

/** Turns that have not ended, and those that ended here and of which their agent has not said so. */
export async function turnsOn(db: Executor, nodes: string[]): Promise<NodeTurn[]> {
  const isUnheard = sql`not ${taskTurns.isClosed} and ${taskTurns.endedAt} > clock_timestamp() - interval '1 day'`;
  const rows = await db
    .select({
      node: workspaces.nodeId,
      turn: getTableColumns(taskTurns),
      agent: tasks.agent,
      task: SPENT_BESIDE.task,
      month: SPENT_BESIDE.month,
    })
    .from(taskTurns)
    .innerJoin(tasks, eq(tasks.id, taskTurns.taskId))
    .innerJoin(workspaces, eq(workspaces.id, taskTurns.workspaceId))
    .where(
      and(
        inArray(workspaces.nodeId, nodes),
        eq(workspaces.desired, 'running'),
        eq(workspaces.phase, 'running'),
        or(isNull(taskTurns.endedAt), isUnheard),
      ),
    )
    .orderBy(asc(taskTurns.seq));
  return rows.flatMap(({ node, turn, agent, ...spent }) => {
    if (node === null) return [];
    const budgetUsd = leftOf(turn.budget, spent);
    return [{ node, turn, agent, ...(budgetUsd !== undefined && { budgetUsd }) }];
  });
}
