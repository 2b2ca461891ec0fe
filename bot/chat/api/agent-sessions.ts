// What coding agents are asked over HTTP: each prompt and each stop is a command, what came of them is read. Writes nothing itself.
import type { z } from 'zod';
import { createBucket } from '../../access/repository-guard.ts';
import { isOwner } from '../../access/rights.ts';
import type { Task, Turn, Workspace as Row } from '../../database/types.ts';
import {
  findAsked,
  findTask,
  listHappened,
  listTasks,
  listTurns,
  readLastTurns,
  readSeqs,
  type Happened,
  type TaskScope,
  type ToldTurn,
} from '../../tasks/store/history.ts';
import { openQuestions } from '../../tasks/turn.ts';
import { findWorkspace } from '../../workspaces/store/workspaces.ts';
import type { FrontOptions } from '../front.ts';
import { createStreams, type Streams } from '../streams.ts';
import { createSay, TRIGGER, wordTurnFailure } from '../wording.ts';
import type { Asking, Spoken } from './asking.ts';
import { asksOn, NAME } from './conversation.ts';
import { pageOf, readCursor } from './cursors.ts';
import { told, type Followed } from './following.ts';
import { refuse, refuseStranger, type Call, type Caller, type Operation, type Reply } from './operation.ts';
import {
  AgentEvent,
  AgentEventList,
  AgentPrompt,
  AgentSession,
  AgentSessionList,
  type AgentSessionSummary,
  limitOf,
  Nothing,
  Page,
  Prompt,
} from './schemas.ts';
import { ID } from './workspaces.ts';

type SessionOptions = Pick<FrontOptions, 'db' | 'forges'> & { asking: Asking; beatMs?: number };

const ALL = '/api/workspaces/:id/agent-sessions';
const ONE = `${ALL}/:task`;
const TASK_ID = /^tk-[a-z2-7]{12}$/;
const MAX_PROMPTS = 50;

/** What somebody may see: a workspace's tasks, and the one of them that they named. */
interface Seen {
  workspace: Row;
  scope: TaskScope;
  task: Task | undefined;
}

type Finder = (who: 'owner' | 'askers') => NonNullable<Operation['find']>;

export function createAgentSessions(options: SessionOptions): { operations: Operation[]; streams: Streams } {
  const mayLook = createBucket();
  const finder: Finder = (who) => (caller, params) => findSeen({ ...options, mayLook }, caller, params, who);
  const streams = createStreams({
    name: 'listeners to sessions',
    beatMs: options.beatMs,
    readVersions: async (tasks) =>
      new Map([...(await readSeqs(options.db, tasks))].map(([id, seq]) => [id, String(seq)])),
  });
  return { operations: [...asked(options, finder), ...looked(options, finder, streams)], streams };
}

const SHARED = { for: 'person', answers: { status: 200, schema: AgentSession }, refusals: [404] } as const;
const TAKEN = { answers: { status: 202, schema: AgentSession }, refusals: [404, 409, 422] } as const;

const asked = (options: SessionOptions, finder: Finder): Operation[] => [
  {
    ...SHARED,
    ...TAKEN,
    id: 'createAgentSession',
    method: 'POST',
    path: ALL,
    summary: 'Asks the coding agent of a workspace for something, in a conversation of its own.',
    body: Prompt,
    find: finder('owner'),
    run: (call) => say(options, call, { verb: 'ask', prompt: promptOf(call) }),
  },
  {
    ...SHARED,
    ...TAKEN,
    id: 'promptAgentSession',
    method: 'POST',
    path: `${ONE}/prompts`,
    summary: 'Asks for something more in the same conversation.',
    body: Prompt,
    find: finder('owner'),
    run: (call) => say(options, call, { verb: 'ask', prompt: promptOf(call), id: call.params['task'] }),
  },
  {
    ...SHARED,
    ...TAKEN,
    id: 'stopAgentSession',
    method: 'POST',
    path: `${ONE}/stop`,
    summary: 'Ends what the coding agent works on in that conversation, and what waits there.',
    body: Nothing,
    find: finder('askers'),
    run: (call) => say(options, call, { verb: 'cancel', id: call.params['task'] }),
  },
];

const looked = (options: SessionOptions, finder: Finder, streams: Streams): Operation[] => [
  {
    ...SHARED,
    id: 'listAgentSessions',
    method: 'GET',
    path: ALL,
    summary: 'What the coding agent of a workspace was asked, newest conversation first.',
    query: Page,
    answers: { status: 200, schema: AgentSessionList },
    find: finder('askers'),
    run: (call) => list(options, call as Call<z.infer<typeof Page>>),
  },
  {
    ...SHARED,
    id: 'getAgentSession',
    method: 'GET',
    path: ONE,
    summary: 'A conversation with a coding agent: prompts, questions, answers.',
    find: finder('askers'),
    run: async ({ found }) => ({ status: 200, body: await describe(options, taskIn(found)) }),
  },
  {
    ...SHARED,
    id: 'listAgentEvents',
    method: 'GET',
    path: `${ONE}/events`,
    summary: 'What happened in a conversation, oldest first; as server-sent events it goes on.',
    answers: { status: 200, schema: AgentEventList },
    find: finder('askers'),
    ...told((call) => eventsOf(options.db, taskIn(call.found)), streams),
  },
];

const promptOf = ({ body }: Call): string => (body as z.infer<typeof Prompt>).prompt;
const taskIn = (found: unknown): Task => (found as Seen & { task: Task }).task;

/**
 * Its owner sees all of a workspace's. Whoever may ask on its repository sees what was asked in the thread that it belongs to, where
 * they read it anyway. Unknown, deleted and not theirs are one and the same. Throws ApiError.
 */
async function findSeen(
  { db, forges, mayLook }: SessionOptions & { mayLook: (user: string) => boolean },
  caller: Caller,
  { id = '', task: named }: Record<string, string>,
  who: 'owner' | 'askers',
): Promise<Seen> {
  const workspace = ID.test(id) ? await findWorkspace(db, id) : undefined;
  if (!workspace || workspace.phase === 'deleted') throw refuse(404, 'not-found');
  const { user } = caller;
  const { topic, repository } = workspace;
  const isTheirs = isOwner(user, workspace);
  if (!isTheirs) {
    const refused = () => refuseStranger({ db }, caller, { action: 'open-workspace', workspace: id });
    if (who === 'owner' || topic === null) throw await refused();
    if (!mayLook(user)) throw refuse(429, 'too-often');
    if (!(await asksOn({ db, forges }, user, repository))) throw await refused();
  }
  const scope = { workspace: id, ...(!isTheirs && topic !== null && { thread: topic }) };
  const task = named !== undefined && TASK_ID.test(named) ? await findTask(db, scope, named) : undefined;
  if (named !== undefined && !task) throw refuse(404, 'not-found');
  return { workspace, scope, task };
}

/** What is said of it in words is a name for it alone: prompts begin as they like. */
const say = (options: SessionOptions, call: Call, task: NonNullable<Spoken['task']>): Promise<Reply> =>
  options.asking.ask(
    call,
    { line: task.verb, workspace: call.params['id'] ?? '', field: 'prompt', task },
    async (workspace, deliveryId) => {
      const id = task.id ?? (await findAsked(options.db, NAME, deliveryId)) ?? '';
      const row = await findTask(options.db, { workspace }, id);
      if (!row) throw refuse(404, 'not-found');
      return { status: 202, body: await describe(options, row) };
    },
  );

const listOf = ({ params }: Call): string => `sessions ${params['id']}`;

async function list({ db }: SessionOptions, call: Call<z.infer<typeof Page>>): Promise<Reply> {
  const { query, found } = call;
  const after = readCursor(listOf(call), query.cursor);
  const limit = limitOf(query);
  const all = await listTasks(db, (found as Seen).scope, { limit: limit + 1, after });
  const { rows, next } = pageOf(listOf(call), all, limit);
  const last = await readLastTurns(
    db,
    rows.map(({ id }) => id),
  );
  return { status: 200, body: { items: rows.map((row) => summaryOf(row, last.get(row.id))), next } };
}

const summaryOf = (
  { id, workspaceId, agent, createdAt }: Task,
  last: Pick<Turn, 'state'> | undefined,
): z.infer<typeof AgentSessionSummary> => ({
  id,
  workspace: workspaceId,
  agent,
  state: last?.state ?? 'queued',
  createdAt: createdAt.toISOString(),
});

async function describe({ db }: SessionOptions, task: Task): Promise<z.infer<typeof AgentSession>> {
  const turns = await listTurns(db, { tasks: [task.id] }, { limit: MAX_PROMPTS });
  return { ...summaryOf(task, turns.at(-1)), prompts: turns.map(promptToTell) };
}

function promptToTell(turn: ToldTurn): z.infer<typeof AgentPrompt> {
  const { changes, failure, progress } = turn;
  return {
    number: turn.turn,
    by: turn.by,
    prompt: turn.prompt,
    state: turn.state,
    questions: openQuestions(turn).map(({ number, tool, title, until }) => ({ number, tool, title, until })),
    plan: (progress.plan ?? []).map(({ content, status }) => ({ content, status })),
    answer: turn.answer,
    failure: failure && {
      error: failure.code,
      message: wordTurnFailure(failure, turn.workspaceId, createSay(TRIGGER), turn.agent).text,
    },
    changes: changes && { branch: changes.branch ?? null, files: changes.files, count: changes.count },
    cost: progress.cost ?? null,
    createdAt: turn.createdAt.toISOString(),
    startedAt: turn.startedAt?.toISOString() ?? null,
    endedAt: turn.endedAt?.toISOString() ?? null,
  };
}

const eventOf = ({ seq, turn, at, event }: Happened): z.infer<typeof AgentEvent> => ({
  id: String(seq),
  prompt: turn,
  at: at.toISOString(),
  event: { ...event },
});

const eventsOf = (db: SessionOptions['db'], { id }: Task): Followed<Happened> => ({
  key: id,
  event: 'agent',
  list: (which) => listHappened(db, id, which),
  seqOf: ({ seq }) => seq,
  // As much as the database counts.
  most: 2 ** 31 - 1,
  itemOf: eventOf,
});
