// What agents say of turns: stored once and in order, and what it changes with it, in one transaction. Knows no socket.
import { and, asc, eq, gt, isNull, lte, sql } from 'drizzle-orm';
import type { TaskEvent, TurnHappening } from '../../../agent/protocol.ts';
import { redact } from '../../../agent/redact.ts';
import { notify, type Executor } from '../../database/executor.ts';
import { taskEvents, tasks, taskTurns, workspaces, type Task, type Turn } from '../../database/schema.ts';
import { touchCards } from '../../workspaces/store/cards.ts';
import { readClock } from '../../workspaces/store/reconciled.ts';
import { addPush } from '../../push/push-store.ts';
import { applyHappening, type TurnPatch } from '../turn.ts';
import { addProposal } from './proposals.ts';
import { noteSpending } from './spending.ts';
import { lockWorkspace, subjectOf, tellAgent, writeTurn } from './turns.ts';

/** The events of the task up to `seq` need not be said again. */
export interface Stored {
  task: string;
  seq: number;
}

/** A flood fills no database: of what comes later in a turn only what decides something is kept. */
const MAX_KEPT = 20_000;

/** What comes out of order is left for another time. What nobody here wants counts as stored. */
export async function saveTaskEvents(db: Executor, node: string, events: TaskEvent[]): Promise<Stored[]> {
  const stored: Stored[] = [];
  for (const [task, said] of Map.groupBy(events, (event) => event.task))
    stored.push({ task, seq: await db.transaction((tx) => saveInOrder(tx, node, task, said)) });
  return stored;
}

async function saveInOrder(tx: Executor, node: string, id: string, said: TaskEvent[]): Promise<number> {
  const events = said.toSorted((one, other) => one.seq - other.seq);
  const task = await lockTask(tx, node, id);
  if (!task) return events.at(-1)?.seq ?? 0;
  let { seq } = task;
  const news: TaskEvent[] = [];
  for (const event of events) {
    if (event.seq !== seq + 1) continue;
    seq += 1;
    news.push({ ...event, event: redacted(event.event) });
  }
  if (news.length === 0) return seq;
  const floods = await findFloods(tx, id, news);
  const kept = news.filter(({ turn, event }) => !floods.has(turn) || isDeciding(event));
  if (kept.length > 0)
    await tx.insert(taskEvents).values(
      kept.map(({ seq: place, turn, at, event }) => ({
        taskId: id,
        seq: place,
        turn,
        at: new Date(at),
        event,
      })),
    );
  await tx.update(tasks).set({ seq }).where(eq(tasks.id, id));
  const isShown = await applyAll(tx, node, task, news);
  await noteWork(tx, task.workspaceId);
  if (isShown) await touchCards(tx, [task.workspaceId]);
  // Whoever looks on hears each word.
  await notify(tx, 'card');
  return seq;
}

/** Turns that have so much already: their beginning, which is always kept, is too far behind. */
async function findFloods(tx: Executor, task: string, news: TaskEvent[]): Promise<Set<number>> {
  const floods = new Set<number>();
  for (const [turn, events] of Map.groupBy(news, (one) => one.turn)) {
    const before = (events[0]?.seq ?? 0) - MAX_KEPT;
    if (before <= 0 || events.some(({ event }) => event.kind === 'started')) continue;
    const [begun] = await tx
      .select({ seq: taskEvents.seq })
      .from(taskEvents)
      .where(
        and(
          eq(taskEvents.taskId, task),
          gt(taskEvents.seq, before),
          eq(taskEvents.turn, turn),
          sql`${taskEvents.event}->>'kind' = 'started'`,
        ),
      )
      .limit(1);
    if (!begun) floods.add(turn);
  }
  return floods;
}

/** Undefined: nobody knows it, or its workspace is not on that node. */
async function lockTask(tx: Executor, node: string, id: string): Promise<Task | undefined> {
  const [known] = await tx.select({ workspace: tasks.workspaceId }).from(tasks).where(eq(tasks.id, id));
  if (!known || !(await lockWorkspace(tx, known.workspace, node))) return undefined;
  const [task] = await tx.select().from(tasks).where(eq(tasks.id, id)).for('update');
  return task;
}

const isDeciding = ({ kind }: TurnHappening): boolean => kind !== 'text' && kind !== 'tool';

/** Whether anything changed that people see. */
async function applyAll(tx: Executor, node: string, task: Task, events: TaskEvent[]): Promise<boolean> {
  const now = await readClock(tx);
  let isShown = false;
  for (const [number, said] of Map.groupBy(events, ({ turn }) => turn)) {
    const [turn] = await tx
      .select()
      .from(taskTurns)
      .where(and(eq(taskTurns.taskId, task.id), eq(taskTurns.turn, number)))
      .for('update');
    if (!turn) continue;
    const patch = patchOf(await noteSpending(tx, task, turn, said), said, now);
    if (Object.keys(patch).length === 0) continue;
    await writeTurn(tx, { turn, task }, patch);
    await tellDevices(tx, turn, task, patch);
    if (patch.state === 'done' && turn.proposes && patch.changes) await propose(tx, turn, task);
    if (patch.state === 'done') await endCircles(tx, node, task, turn, now);
    isShown = true;
  }
  return isShown;
}

/** Whoever waits for what takes longer than this has turned to something else. */
const LONG_MS = 30_000;

/** Whoever asked wants to know, if they said so: that it asks, and that their command line has ended. */
async function tellDevices(tx: Executor, turn: Turn, { agent }: Task, patch: TurnPatch): Promise<void> {
  const to = { user: turn.actor, workspace: turn.workspaceId };
  const known = new Set(turn.progress.questions?.map(({ request }) => request));
  for (const { request, until } of patch.progress?.questions ?? [])
    if (!known.has(request))
      await addPush(tx, {
        ...to,
        topic: 'questions',
        about: `question:${subjectOf(turn)}/${request}`,
        event: { kind: 'question', task: turn.taskId, turn: turn.turn, request, until },
      });
  const startedAt = patch.startedAt ?? turn.startedAt;
  if (agent !== 'shell' || !patch.endedAt || turn.endedAt || !startedAt) return;
  const ms = patch.endedAt.getTime() - startedAt.getTime();
  const { code } = patch.progress?.exit ?? {};
  if (ms > LONG_MS && patch.state !== 'cancelled')
    await addPush(tx, {
      ...to,
      topic: 'commands',
      about: `run:${subjectOf(turn)}`,
      event: { kind: 'command', ms, ...(code !== undefined && { code }) },
    });
}

/** So many equal answers in a row are enough. */
const MAX_SAME = 3;

/** A conversation that goes in circles ends, with all that waits in it: what is asked next begins another one. */
async function endCircles(tx: Executor, node: string, task: Task, turn: Turn, now: Date): Promise<void> {
  // The same line has the same output as often as it is run.
  if (task.agent === 'shell') return;
  const isOfTask = eq(taskTurns.taskId, task.id);
  const last = await tx
    .select({ state: taskTurns.state, answer: taskTurns.answer })
    .from(taskTurns)
    .where(and(isOfTask, lte(taskTurns.turn, turn.turn), gt(taskTurns.turn, turn.turn - MAX_SAME)));
  const answers = new Set(last.map(({ state, answer }) => (state === 'done' ? (answer ?? '').trim() : '')));
  if (last.length < MAX_SAME || answers.size > 1 || answers.has('')) return;
  await tx.update(tasks).set({ isStuck: true }).where(eq(tasks.id, task.id));
  const waiting = await tx
    .select()
    .from(taskTurns)
    .where(and(isOfTask, gt(taskTurns.turn, turn.turn), isNull(taskTurns.endedAt)))
    .for('update');
  const failure = { code: 'in-circles', details: { times: MAX_SAME } } as const;
  for (const one of waiting)
    await writeTurn(tx, { turn: one, task }, { state: 'failed', since: now, endedAt: now, failure });
  if (waiting.length > 0) await tellAgent(tx, { id: task.workspaceId, nodeId: node });
}

/** What it changed goes on by itself. */
async function propose(
  tx: Executor,
  turn: Turn,
  { front, thread }: Pick<Task, 'front' | 'thread'>,
): Promise<void> {
  const [workspace] = await tx.select().from(workspaces).where(eq(workspaces.id, turn.workspaceId));
  if (!workspace) return;
  const { actor, prompt } = turn;
  await addProposal(tx, { front, thread, workspace, actor, prompt, cause: subjectOf(turn) });
}

function patchOf(turn: Turn, events: TaskEvent[], now: Date): TurnPatch {
  let patch: TurnPatch = {};
  for (const { event } of events) patch = { ...patch, ...applyHappening({ ...turn, ...patch }, event, now) };
  return patch;
}

/** A coding agent at work on what a person asked keeps its workspace running. */
async function noteWork(tx: Executor, workspace: string): Promise<void> {
  await tx
    .update(workspaces)
    .set({ lastActivityAt: sql`clock_timestamp()` })
    .where(
      sql`${workspaces.id} = ${workspace} and ${workspaces.lastActivityAt} < clock_timestamp() - interval '1 minute'`,
    );
}

/** Secrets are in no row. */
function redacted(event: TurnHappening): TurnHappening {
  switch (event.kind) {
    case 'text':
      return { ...event, text: redact(event.text) };
    case 'plan':
      return { ...event, entries: event.entries.map((one) => ({ ...one, content: redact(one.content) })) };
    case 'tool':
    case 'question':
      return { ...event, title: redact(event.title) };
    case 'ended': {
      const { failure } = event;
      return {
        ...event,
        answer: redact(event.answer),
        ...(failure?.said === undefined ? {} : { failure: { ...failure, said: redact(failure.said) } }),
      };
    }
    default:
      return event;
  }
}

/** What was said in a turn, in order, as far as it is kept. `message`: which of them a piece belongs to. */
export async function readTexts(
  db: Executor,
  { taskId, turn }: Pick<Turn, 'taskId' | 'turn'>,
): Promise<{ message: string; text: string }[]> {
  const rows = await db
    .select({ event: taskEvents.event })
    .from(taskEvents)
    .where(
      and(
        eq(taskEvents.taskId, taskId),
        eq(taskEvents.turn, turn),
        sql`${taskEvents.event}->>'kind' = 'text'`,
      ),
    )
    .orderBy(asc(taskEvents.seq));
  return rows.flatMap(({ event }) => (event.kind === 'text' ? [event] : []));
}
