// Which turn somebody has to look at, and what a pass needs and writes of it.
import { and, eq, isNotNull, isNull, or, sql, type SQL } from 'drizzle-orm';
import {
  claimFirst,
  hasToken,
  isHeld,
  RELEASED,
  RENEWED,
  untilFirst,
  type Held,
} from '../../database/claims.ts';
import type { Executor } from '../../database/executor.ts';
import { proposals, taskEvents, tasks, taskTurns, workspaces, type Turn } from '../../database/schema.ts';
import { touchCards } from '../../workspaces/store/cards.ts';
import type { TurnPatch, TurnPlace } from '../turn.ts';
import { lockWorkspace, writeTurn } from './turns.ts';

/** What became of its workspace is no row of ours: it is looked at whenever something is due. */
const isLost = sql`exists (select from ${workspaces} w where w.id = ${taskTurns.workspaceId}
  and (w.desired <> 'running' or w.phase in ('failed', 'deleted')))`;

export const claimTurn = (db: Executor): Promise<Held<Turn> | undefined> =>
  claimFirst<Turn>(db, taskTurns, {
    key: [taskTurns.seq],
    where: and(isNull(taskTurns.endedAt), or(sql`${taskTurns.nextAt} <= statement_timestamp()`, isLost)),
    order: taskTurns.seq,
  });

export async function turnDueInMs(db: Executor): Promise<number | undefined> {
  const [row] = await db
    .select({ ms: untilFirst(taskTurns) })
    .from(taskTurns)
    .where(isNotNull(taskTurns.nextAt));
  return row?.ms ?? undefined;
}

const isMine = (held: Held<Turn>): SQL | undefined =>
  and(eq(taskTurns.seq, held.row.seq ?? 0), hasToken(taskTurns, held));

export async function renewTurn(db: Executor, held: Held<Turn>): Promise<void> {
  await db.update(taskTurns).set(RENEWED).where(isMine(held));
}

export async function readPlace(db: Executor, { workspaceId, seq }: Turn): Promise<TurnPlace> {
  const { desired, phase, runningAt } = workspaces;
  const hasOneAhead = sql<boolean>`exists (select from ${taskTurns} t where t.workspace_id = ${workspaceId}
    and t.ended_at is null and t.seq < ${seq})`;
  const [row] = await db
    .select({ desired, phase, runningAt, hasOneAhead })
    .from(workspaces)
    .where(eq(workspaces.id, workspaceId));
  if (!row) throw new Error(`workspace ${workspaceId} has no row`);
  return row;
}

/** What changed meanwhile brings it forward: then it is looked at again. */
export async function restTurn(db: Executor, held: Held<Turn>, until: Date | null): Promise<void> {
  const { nextAt } = held.row;
  await db
    .update(taskTurns)
    .set({
      nextAt: sql`case when ${taskTurns.nextAt} is not distinct from ${nextAt?.toISOString() ?? null}::timestamptz
        then ${until?.toISOString() ?? null}::timestamptz else ${taskTurns.nextAt} end`,
      ...RELEASED,
    })
    .where(isMine(held));
}

/** Unless its agent said so meanwhile. */
export async function endTurn(db: Executor, held: Held<Turn>, patch: TurnPatch): Promise<void> {
  await db.transaction(async (tx) => {
    await lockWorkspace(tx, held.row.workspaceId);
    const [row] = await tx
      .select({ turn: taskTurns, task: tasks })
      .from(taskTurns)
      .innerJoin(tasks, eq(tasks.id, taskTurns.taskId))
      .where(and(eq(taskTurns.seq, held.row.seq ?? 0), isHeld(taskTurns, held), isNull(taskTurns.endedAt)))
      .for('update', { of: taskTurns });
    if (row) {
      await writeTurn(tx, row, { ...patch, ...RELEASED });
      await touchCards(tx, [row.turn.workspaceId]);
    } else await tx.update(taskTurns).set(RELEASED).where(isMine(held));
  });
}

/** Days after its end. */
export interface KeptDays {
  asked: number;
  /** What a command line wrote is larger, and worth less. */
  run: number;
}

/** Of turns, and offers of work, that ended so long ago: what was said in them. That they were, and how they ended, stays. */
export async function forgetTurns(db: Executor, { asked, run }: KeptDays): Promise<void> {
  const days = sql`case when (select t.agent from ${tasks} t where t.id = ${taskTurns.taskId}) = 'shell'
    then ${run}::int else ${asked}::int end`;
  const isOld = sql`${taskTurns.endedAt} < clock_timestamp() - (${days}) * interval '1 day'`;
  await db.delete(taskEvents).where(
    sql`exists (select from ${taskTurns} where ${taskTurns.taskId} = ${taskEvents.taskId}
      and ${taskTurns.turn} = ${taskEvents.turn} and ${isOld})`,
  );
  await db
    .update(taskTurns)
    .set({ prompt: '', answer: null, progress: {}, changes: null })
    .where(and(isOld, sql`${taskTurns.prompt} <> ''`));
  // A title is the first line of a prompt, and what a forge said may repeat it.
  await db
    .update(proposals)
    .set({ title: null, lastError: null, failure: sql`${proposals.failure} #- '{details,said}'` })
    .where(
      sql`${proposals.endedAt} < clock_timestamp() - ${asked}::int * interval '1 day'
        and (${proposals.title} is not null or ${proposals.lastError} is not null or ${proposals.failure} #> '{details,said}' is not null)`,
    );
}
