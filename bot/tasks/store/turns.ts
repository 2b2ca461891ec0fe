// Tasks and their turns in Postgres: asked for, answered to, given up, looked for. Knows no front and no socket.
import { and, asc, desc, eq, getTableColumns, inArray, isNull, ne, sql, type SQL } from 'drizzle-orm';
import type { CodingAgent } from '../../../agent/protocol.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import {
  cards,
  tasks,
  taskTurns,
  workspaces,
  type Task,
  type Turn,
  type TurnDecision,
  type Workspace,
} from '../../database/schema.ts';
import { newTaskId } from '../../ids.ts';
import { touchCards } from '../../workspaces/store/cards.ts';
import type { TurnPatch } from '../turn.ts';

export type NewTurn = Pick<Turn, 'actor' | 'source' | 'deliveryId' | 'prompt' | 'policy' | 'minutes'> &
  Partial<Pick<Turn, 'proposes' | 'budget'>> &
  Pick<Task, 'thread' | 'agent'> & {
    workspace: Pick<Workspace, 'id' | 'nodeId'>;
    /** The one that it goes on with, wherever that was begun; undefined: the thread's. */
    task?: string | undefined;
  };

/** Adds it to the thread's task in that workspace, or begins one. Gives how many of the workspace come before it. */
export async function addTurn(tx: Executor, asked: NewTurn): Promise<number> {
  const { workspace, thread, agent, source, task: known, ...turn } = asked;
  const before = await countOpen(tx, workspace.id);
  const wanted = { workspaceId: workspace.id, front: source, thread, agent };
  const task = known ?? (await findOrMakeTask(tx, wanted));
  await tx
    .insert(taskTurns)
    .values({
      ...turn,
      source,
      taskId: task,
      workspaceId: workspace.id,
      turn: sql`(select coalesce(max(t.turn), 0) + 1 from task_turns t where t.task_id = ${task})`,
    })
    .onConflictDoNothing({ target: [taskTurns.source, taskTurns.deliveryId] });
  await touchCards(tx, [workspace.id]);
  await notify(tx, 'due', ...(workspace.nodeId ? [`desired:${workspace.nodeId}` as const] : []));
  return before;
}

/** It goes on no more. */
export async function isOver(db: Executor, task: string): Promise<boolean> {
  const [row] = await db.select({ isStuck: tasks.isStuck }).from(tasks).where(eq(tasks.id, task));
  return row?.isStuck ?? false;
}

async function findOrMakeTask(
  tx: Executor,
  wanted: Pick<Task, 'workspaceId' | 'front' | 'thread' | 'agent'>,
): Promise<string> {
  const [found] = await tx
    .select({ id: tasks.id })
    .from(tasks)
    .where(
      and(
        eq(tasks.workspaceId, wanted.workspaceId),
        eq(tasks.front, wanted.front),
        eq(tasks.thread, wanted.thread),
        eq(tasks.agent, wanted.agent),
        eq(tasks.isStuck, false),
      ),
    )
    .orderBy(desc(tasks.createdAt))
    .limit(1)
    .for('update');
  if (found) return found.id;
  const id = newTaskId();
  await tx.insert(tasks).values({ id, ...wanted });
  return id;
}

/** Who works on that conversation, or on the thread's newest in that workspace; undefined: there is none yet. */
export async function findWorker(
  db: Executor,
  at: Pick<Task, 'workspaceId' | 'front' | 'thread'>,
  known: string | undefined,
): Promise<CodingAgent | undefined> {
  const here = and(
    eq(tasks.workspaceId, at.workspaceId),
    eq(tasks.front, at.front),
    eq(tasks.thread, at.thread),
    eq(tasks.isStuck, false),
    ne(tasks.agent, 'shell'),
  );
  const [newest] = await db
    .select({ agent: tasks.agent })
    .from(tasks)
    .innerJoin(taskTurns, eq(taskTurns.taskId, tasks.id))
    .where(known === undefined ? here : eq(tasks.id, known))
    .orderBy(desc(taskTurns.seq))
    .limit(1);
  return newest && newest.agent !== 'shell' ? newest.agent : undefined;
}

const isOpen = isNull(taskTurns.endedAt);

export const countOpen = (db: Executor, workspace: string): Promise<number> =>
  db.$count(taskTurns, and(eq(taskTurns.workspaceId, workspace), isOpen));

/**
 * Before any of its tasks and turns is locked, by whoever goes on to its cards: reports and commands take the workspace first, too, so
 * that no two wait for each other. True: its node is that one, where one is asked for.
 */
export async function lockWorkspace(tx: Executor, id: string, node?: string): Promise<boolean> {
  const rows = await tx
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.id, id), node === undefined ? undefined : eq(workspaces.nodeId, node)))
    .for('no key update');
  return rows.length > 0;
}

export interface OpenTurn {
  turn: Turn;
  task: Task;
  workspace: Workspace;
}

/** Where they are looked for: in a thread, of a workspace, of all that a person has, or in one task. */
export type Scope =
  | { front: string; thread: string }
  | { workspace: string }
  | { owner: string }
  | { task: { id: string; turn?: number } };

const isIn = (scope: Scope): SQL | undefined => {
  if ('workspace' in scope) return eq(taskTurns.workspaceId, scope.workspace);
  if ('owner' in scope) return eq(workspaces.owner, scope.owner);
  if ('task' in scope) {
    const { id, turn } = scope.task;
    return and(eq(taskTurns.taskId, id), turn === undefined ? undefined : eq(taskTurns.turn, turn));
  }
  return and(eq(tasks.front, scope.front), eq(tasks.thread, scope.thread));
};

/** Turns that have not ended, in order, and their rows locked. */
export async function lockOpenTurns(tx: Executor, scope: Scope): Promise<OpenTurn[]> {
  return tx
    .select({ turn: taskTurns, task: tasks, workspace: workspaces })
    .from(taskTurns)
    .innerJoin(tasks, eq(tasks.id, taskTurns.taskId))
    .innerJoin(workspaces, eq(workspaces.id, taskTurns.workspaceId))
    .where(and(isOpen, isIn(scope)))
    .orderBy(asc(taskTurns.seq))
    .for('update', { of: taskTurns });
}

/** The last question there that was answered, if it has that number; for whoever comes too late. */
export async function findDecision(
  db: Executor,
  scope: Scope,
  number: number | undefined,
): Promise<{ number: number; by: string } | undefined> {
  const rows = await db
    .select({ turn: taskTurns })
    .from(taskTurns)
    .innerJoin(tasks, eq(tasks.id, taskTurns.taskId))
    .innerJoin(workspaces, eq(workspaces.id, taskTurns.workspaceId))
    .where(and(isIn(scope), sql`jsonb_array_length(${taskTurns.decisions}) > 0`))
    .orderBy(desc(taskTurns.seq))
    .limit(1);
  const decisions = rows[0]?.turn.decisions ?? [];
  const found = number === undefined ? decisions.at(-1) : decisions.find((one) => one.number === number);
  return found && { number: found.number, by: found.by };
}

const isTurn = ({ taskId, turn }: Pick<Turn, 'taskId' | 'turn'>): SQL | undefined =>
  and(eq(taskTurns.taskId, taskId), eq(taskTurns.turn, turn));

export async function keepDecision(
  tx: Executor,
  { turn, workspace }: OpenTurn,
  decision: TurnDecision,
): Promise<void> {
  await tx
    .update(taskTurns)
    .set({ decisions: [...turn.decisions, decision] })
    .where(isTurn(turn));
  await tellAgent(tx, workspace);
}

/** Its agent ends it; one that nobody has begun ends at the next look. */
export async function cancelTurn(tx: Executor, { turn, workspace }: OpenTurn): Promise<void> {
  await tx
    .update(taskTurns)
    .set({ desired: 'cancelled', nextAt: databaseNow, ...(turn.startedAt && { since: databaseNow }) })
    .where(and(isTurn(turn), ne(taskTurns.desired, 'cancelled')));
  await notify(tx, 'due');
  await tellAgent(tx, workspace);
}

/** Its cards, and its node, hear of it. */
export async function tellAgent(
  tx: Executor,
  { id, nodeId }: Pick<Workspace, 'id' | 'nodeId'>,
): Promise<void> {
  await touchCards(tx, [id]);
  if (nodeId) await notify(tx, `desired:${nodeId}`);
}

/** Writes what became of it. With its end its answer is wanted in the thread, and the next one's time begins. */
export async function writeTurn(
  tx: Executor,
  { turn, task }: { turn: Turn; task: Pick<Task, 'front' | 'thread'> },
  patch: TurnPatch & { leaseToken?: null; leaseUntil?: null },
): Promise<void> {
  const ends = patch.endedAt !== undefined && turn.endedAt === null;
  await tx
    .update(taskTurns)
    .set({ ...patch, ...(ends ? { nextAt: null } : patch.state ? { nextAt: databaseNow } : {}) })
    .where(isTurn(turn));
  if (!ends) return;
  // Nobody waits for what was taken back before it began.
  const isSaid = patch.state !== 'cancelled' || turn.startedAt !== null;
  if (isSaid) {
    await tx
      .insert(cards)
      .values({ ...pick(task), subject: subjectOf(turn), kind: 'answer' })
      .onConflictDoNothing();
    await notify(tx, 'card');
  }
  await tx
    .update(taskTurns)
    .set({ since: databaseNow, nextAt: databaseNow })
    .where(and(eq(taskTurns.workspaceId, turn.workspaceId), isOpen, isNull(taskTurns.startedAt)));
  await notify(tx, 'due');
}

const pick = ({ front, thread }: Pick<Task, 'front' | 'thread'>) => ({ front, thread });

/** How its answer is called among what is shown. */
export const subjectOf = ({ taskId, turn }: Pick<Turn, 'taskId' | 'turn'>): string => `${taskId}/${turn}`;

/** And who works on it. */
export type WorkedTurn = Turn & Pick<Task, 'agent'>;

const WORKED = { ...getTableColumns(taskTurns), agent: tasks.agent };

export interface ShownTurn {
  turn: WorkedTurn;
  workspace: Workspace;
  /** The name of who asked. */
  by: string;
}

/** By what its answer is called; undefined: its rows are gone. */
export async function findTurn(db: Executor, subject: string): Promise<Omit<ShownTurn, 'by'> | undefined> {
  const [taskId = '', turn = '0'] = subject.split('/');
  const [row] = await db
    .select({ turn: WORKED, workspace: workspaces })
    .from(taskTurns)
    .innerJoin(tasks, eq(tasks.id, taskTurns.taskId))
    .innerJoin(workspaces, eq(workspaces.id, taskTurns.workspaceId))
    .where(isTurn({ taskId, turn: Number(turn) }));
  return row;
}

/** A repository has a new name: what was asked in its threads goes on there. */
export async function moveTasks(tx: Executor, front: string, from: string, to: string): Promise<void> {
  const thread = sql`${to} || substr(${tasks.thread}, ${from.length + 1})`;
  const isThere = sql`starts_with(${tasks.thread}, ${`${from}#`})`;
  await tx
    .update(tasks)
    .set({ thread })
    .where(and(eq(tasks.front, front), isThere));
}

/** Of each workspace those that have not ended, in order. */
export async function listOpenTurns(db: Executor, ids: string[]): Promise<WorkedTurn[]> {
  if (ids.length === 0) return [];
  return db
    .select(WORKED)
    .from(taskTurns)
    .innerJoin(tasks, eq(tasks.id, taskTurns.taskId))
    .where(and(inArray(taskTurns.workspaceId, ids), isOpen))
    .orderBy(asc(taskTurns.seq));
}
