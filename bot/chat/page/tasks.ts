// The task tab of the terminal's page: its stream, and its prompts and buttons, which are stored and run like every command. Shows
// nothing itself.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { PAGE } from '../../access/store/places.ts';
import { findUserName } from '../../access/store/people.ts';
import { refuse } from '../../access/terminal-token.ts';
import { isPrompt } from '../../commands/parser/parse.ts';
import type { Delivery, Executor, FrontName, Turn, User } from '../../database/types.ts';
import { UserError } from '../../errors.ts';
import { BodyError, readBody, sendJson, type Params, type Route } from '../../http/routes.ts';
import { readTaskVersions } from '../../tasks/store/history.ts';
import { findTurn } from '../../tasks/store/turns.ts';
import type { IncomingCommand } from '../front.ts';
import { readLastPresses, threadOf } from '../store/live.ts';
import { createStreams, type Streams } from '../streams.ts';
import { createSay, type Say } from '../wording.ts';
import { readConversation, readTasksCursor, tasksThread, type Told } from './conversation.ts';
import { acceptPress } from './press.ts';
import { findVisitor, refusedStream, type Visitor, type VisitorOptions } from './visitors.ts';

export interface PageTasks {
  routes: Route[];
  streams: Streams;
}

export interface PageTasksOptions extends VisitorOptions {
  triggers: Partial<Record<FrontName, string>>;
  beatMs?: number | undefined;
}

const MAX_BODY_BYTES = 256 * 1024;
const MAX_PER_HOUR = 600;

const task = z.string().regex(/^tk-[a-z2-7]{12}$/);
const turn = z.int32().min(1);
const request = z.string().min(1).max(500);

/** What the page may say, by verb. */
const SAID = {
  ask: z.strictObject({ prompt: z.string().trim().min(1).refine(isPrompt) }),
  allow: z.strictObject({ task, turn, request, always: z.boolean().optional() }),
  deny: z.strictObject({ task, turn, request }),
  cancel: z.strictObject({ task, turn }),
};
type Verb = keyof typeof SAID;

/** Stored with a press of the task tab. */
export const TaskPress = z.object({
  user: z.string(),
  workspace: z.string(),
  name: z.string(),
  task: z.object({
    verb: z.enum(Object.keys(SAID) as Verb[]),
    prompt: z.string().optional(),
    task: z.string().optional(),
    turn: z.number().optional(),
    request: z.string().optional(),
    always: z.boolean().optional(),
  }),
});

export function createPageTasks(options: PageTasksOptions): PageTasks {
  const { db } = options;
  const streams = createStreams({
    name: 'task tabs',
    // Whether somebody may ask depends on their keys, which no version has.
    isToldWithBeats: true,
    beatMs: options.beatMs,
    readVersions: async (ids) => {
      const [versions, presses] = [
        await readTaskVersions(db, ids),
        await readLastPresses(db, PAGE, ids.map(tasksThread)),
      ];
      return new Map(ids.map((id) => [id, `${versions.get(id)} ${presses.get(tasksThread(id))}`]));
    },
  });
  const press = (verb: Verb): Route => ({
    method: 'POST',
    path: `/w/:workspace/tasks/${verb}`,
    handle: (req, res, { workspace = '' }) =>
      acceptPress(options, req, res, workspace, {
        thread: tasksThread(workspace),
        event: `task-${verb}`,
        scope: 'task',
        most: MAX_PER_HOUR,
        for: 'typist',
        async read() {
          const said = await readSaid(verb, req);
          return said && { task: { verb, ...said } };
        },
      }),
  });
  const look: Route = {
    method: 'GET',
    path: '/w/:workspace/tasks',
    handle: (req, res, params) => answerLook(options, streams, req, res, params),
  };
  return { routes: [look, ...(Object.keys(SAID) as Verb[]).map(press)], streams };
}

async function answerLook(
  options: PageTasksOptions,
  streams: Streams,
  req: IncomingMessage,
  res: ServerResponse,
  { workspace: id = '' }: Params,
): Promise<void> {
  const visitor = await findVisitor(options, req, id);
  if ('refusal' in visitor) return refuse(res, visitor.refusal);
  const since = req.headers['last-event-id'] ?? askedIn(req, 'since');
  let cursor = readTasksCursor(since === undefined ? undefined : String(since));
  const about = { ...options, say: sayFor(options, visitor) };
  if (!/text\/event-stream/.test(req.headers.accept ?? '')) {
    const said = askedIn(req, 'before') ?? '';
    const before = /^\d{1,15}$/.test(said) ? Number(said) : undefined;
    return sendJson(res, 200, await readConversation(about, visitor, { cursor, before }));
  }
  let last = '';
  await streams.open(res, {
    key: id,
    user: visitor.session.user,
    isRefused: async () => 'refusal' in (await findVisitor(options, req, id)),
    async tell() {
      const now = await findVisitor(options, req, id);
      if ('refusal' in now) return { text: '', ...refusedStream(now.refusal) };
      const told = await readConversation(about, now, { cursor });
      const { id: next, ...rest } = told;
      const head = JSON.stringify({ ...rest, turns: [], happened: [], isNew: false });
      const isNews = told.isNew || told.turns.length + told.happened.length > 0 || head !== last;
      cursor = readTasksCursor(next);
      last = head;
      return { text: isNews ? eventOf(told) : '', isMore: told.isMore };
    },
  });
}

const eventOf = (told: Told): string => `id: ${told.id}\nevent: tasks\ndata: ${JSON.stringify(told)}\n\n`;

const sayFor = ({ triggers }: PageTasksOptions, { front }: Visitor): Say =>
  createSay((front === null ? undefined : triggers[front]) ?? '');

const askedIn = (req: IncomingMessage, name: string): string | undefined =>
  URL.parse(req.url ?? '', 'http://localhost')?.searchParams.get(name) ?? undefined;

/** Undefined: it is nothing that can be said here. */
async function readSaid(verb: Verb, req: IncomingMessage): Promise<object | undefined> {
  if (!/^application\/json(;|$)/i.test(req.headers['content-type'] ?? '')) return undefined;
  try {
    return SAID[verb].parse(JSON.parse((await readBody(req, MAX_BODY_BYTES)).toString('utf8')));
  } catch (error) {
    if (error instanceof BodyError) throw error;
    return undefined;
  }
}

/** A stored press, as a command. */
export async function hearTask(db: Executor, { payload }: Delivery): Promise<IncomingCommand> {
  const { user, workspace, name, task: said } = TaskPress.parse(payload);
  const { verb, prompt, always } = said;
  const actor = {
    id: user,
    name: (await findUserName(db, user)) ?? user,
    createdAt: new Date(0),
  } satisfies User;
  const found = said.task === undefined ? undefined : await findTurn(db, `${said.task}/${said.turn}`);
  // What is pressed here is of this workspace, whatever the press names.
  if (said.task !== undefined && found?.workspace.id !== workspace)
    throw new UserError(verb === 'cancel' ? 'nothing-asked' : 'no-question', {});
  const question = said.request === undefined ? undefined : numberOf(found?.turn, said.request);
  const about =
    said.task === undefined ? undefined : { id: said.task, ...(said.turn && { turn: said.turn }) };
  return {
    actor,
    spoken: {
      command: {
        kind: 'command',
        verb,
        ...(verb === 'ask' && { target: { kind: 'name', name: workspace } }),
        ...(prompt !== undefined && { prompt }),
        ...(question !== undefined && { question }),
        flags: always ? { always: true } : {},
        words: [],
        line: verb === 'ask' ? `ask --ws ${name}` : verb,
        ignored: [],
      },
    },
    // All that is asked here is one conversation.
    place: { thread: threadOf(workspace), workspace, ...(about && { task: about }) },
  };
}

/** People answer what they see, whatever number it has; 0: there is no such question. */
function numberOf(turn: Pick<Turn, 'progress' | 'decisions'> | undefined, request: string): number {
  const questions = [...(turn?.progress.questions ?? []), ...(turn?.decisions ?? [])];
  return questions.find((one) => one.request === request)?.number ?? 0;
}
