// What was asked in a workspace and what happened then, as it is shown to those who look on. Changes nothing; knows no front.
import { and, asc, desc, eq, gt, inArray, lt, lte, ne, or, sql, type SQL } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { taskEvents, tasks, taskTurns, users, type Task, type Turn } from '../../database/schema.ts';
import type { WorkedTurn } from './turns.ts';

/** Which of a workspace's tasks; `thread`: only what was asked there. */
export interface TaskScope {
  workspace: string;
  thread?: string | undefined;
}

/** A command line is nobody's conversation. */
const isOf = ({ workspace, thread }: TaskScope): SQL | undefined =>
  and(
    eq(tasks.workspaceId, workspace),
    ne(tasks.agent, 'shell'),
    thread === undefined ? undefined : eq(tasks.thread, thread),
  );

/** Newest first, behind `after`. */
export const listTasks = (
  db: Executor,
  scope: TaskScope,
  { limit, after }: { limit: number; after: { at: Date; id: string } | undefined },
): Promise<Task[]> =>
  db
    .select()
    .from(tasks)
    .where(
      and(
        isOf(scope),
        after &&
          or(lt(tasks.createdAt, after.at), and(eq(tasks.createdAt, after.at), lt(tasks.id, after.id))),
      ),
    )
    .orderBy(desc(tasks.createdAt), desc(tasks.id))
    .limit(limit);

/** Undefined: there is none of that id there. */
export async function findTask(db: Executor, scope: TaskScope, id: string): Promise<Task | undefined> {
  const [task] = await db
    .select()
    .from(tasks)
    .where(and(isOf(scope), eq(tasks.id, id)));
  return task;
}

/** The task that a request was about, where it asked for something. */
export async function findAsked(
  db: Executor,
  source: Turn['source'],
  deliveryId: string,
): Promise<string | undefined> {
  const [row] = await db
    .select({ id: taskTurns.taskId })
    .from(taskTurns)
    .where(and(eq(taskTurns.source, source), eq(taskTurns.deliveryId, deliveryId)));
  return row?.id;
}

/** A turn, who asked it, and its place among all turns that there are. */
export type ToldTurn = WorkedTurn & { by: string; seq: number };

/** The newest of these, and before `before` in the order in which they were asked; oldest first. */
export async function listTurns(
  db: Executor,
  which: { workspace: string } | { tasks: string[] },
  { limit, before }: { limit: number; before?: number | undefined },
): Promise<ToldTurn[]> {
  const isMeant =
    'workspace' in which ? isOf({ workspace: which.workspace }) : inArray(tasks.id, which.tasks);
  const rows = await db
    .select({ turn: taskTurns, by: users.name, agent: tasks.agent })
    .from(taskTurns)
    .innerJoin(tasks, eq(tasks.id, taskTurns.taskId))
    .innerJoin(users, eq(users.id, taskTurns.actor))
    .where(and(isMeant, before === undefined ? undefined : lt(taskTurns.seq, before)))
    .orderBy(desc(taskTurns.seq))
    .limit(limit);
  return rows.map(({ turn, ...more }) => ({ ...turn, ...more, seq: turn.seq ?? 0 })).toReversed();
}

/** Of each task its newest turn. */
export async function readLastTurns(db: Executor, ids: string[]): Promise<Map<string, Turn>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectDistinctOn([taskTurns.taskId])
    .from(taskTurns)
    .where(inArray(taskTurns.taskId, ids))
    .orderBy(taskTurns.taskId, desc(taskTurns.turn));
  return new Map(rows.map((turn) => [turn.taskId, turn]));
}

export type Happened = Pick<typeof taskEvents.$inferSelect, 'taskId' | 'seq' | 'turn' | 'at' | 'event'>;

const happened = {
  taskId: taskEvents.taskId,
  seq: taskEvents.seq,
  turn: taskEvents.turn,
  at: taskEvents.at,
  event: taskEvents.event,
};

/** Behind `after`, oldest first. */
export const listHappened = (
  db: Executor,
  task: string,
  { after, limit }: { after: number; limit: number },
): Promise<Happened[]> =>
  db
    .select(happened)
    .from(taskEvents)
    .where(and(eq(taskEvents.taskId, task), gt(taskEvents.seq, after)))
    .orderBy(asc(taskEvents.seq))
    .limit(limit);

/** Of these turns the newest, up to what their tasks have by now; in the order of each task. */
export async function listNewest(
  db: Executor,
  turns: readonly Pick<Turn, 'taskId' | 'turn'>[],
  { limit, upTo }: { limit: number; upTo: ReadonlyMap<string, number> },
): Promise<Happened[]> {
  const those = [...Map.groupBy(turns, ({ taskId }) => taskId)].map(([id, some]) =>
    and(
      eq(taskEvents.taskId, id),
      lte(taskEvents.seq, upTo.get(id) ?? 0),
      inArray(
        taskEvents.turn,
        some.map(({ turn }) => turn),
      ),
    ),
  );
  if (those.length === 0) return [];
  const rows = await db
    .select(happened)
    .from(taskEvents)
    .where(or(...those))
    .orderBy(desc(taskEvents.storedAt), desc(taskEvents.seq))
    .limit(limit);
  return rows.toReversed();
}

/** How many events of each task are known. */
export async function readSeqs(db: Executor, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({ id: tasks.id, seq: tasks.seq })
    .from(tasks)
    .where(inArray(tasks.id, [...ids]));
  return new Map(rows.map(({ id, seq }) => [id, seq]));
}

/** Of each workspace a text that changes with all that is told of its tasks; one statement for all of them. */
export async function readTaskVersions(
  db: Executor,
  workspaces: readonly string[],
): Promise<Map<string, string>> {
  const version = sql<string>`concat_ws(' ', sum(${tasks.seq}), count(${taskTurns.seq}), count(${taskTurns.endedAt}),
    sum(jsonb_array_length(${taskTurns.decisions})), count(*) filter (where ${taskTurns.desired} = 'cancelled'))`;
  const rows = await db
    .select({ id: tasks.workspaceId, version })
    .from(tasks)
    .leftJoin(taskTurns, eq(taskTurns.taskId, tasks.id))
    .where(and(inArray(tasks.workspaceId, [...workspaces]), ne(tasks.agent, 'shell')))
    .groupBy(tasks.workspaceId);
  return new Map(rows.map((row) => [row.id, row.version]));
}
