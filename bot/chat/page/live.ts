// How a workspace stands, told to its page as it changes: server-sent events, or one answer to whoever hears none. Starts nothing.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { redact } from '../../../agent/redact.ts';
import { isCurrent, isOwner } from '../../access/rights.ts';
import { PAGE } from '../../access/store/places.ts';
import { refuse } from '../../access/terminal-token.ts';
import type { RefusalCodes, Said } from '../../codes.ts';
import type { FrontName } from '../../database/types.ts';
import { sendJson, type Route } from '../../http/routes.ts';
import { readLastPress, readTurn, readVersions, threadOf } from '../store/live.ts';
import { readSubject } from '../store/subjects.ts';
import { createStreams, type Streams, type Telling } from '../streams.ts';
import { lookOf, viewOf, type CardView, type CheckItem } from '../view.ts';
import { createSay, PRESSES, wordLive, wordRefusal, type Press, type Say } from '../wording.ts';
import { readLineId, readWritten, type Written } from './log.ts';
import { findVisitor, refusedStream, type Visitor, type VisitorOptions } from './visitors.ts';

export interface LiveOptions extends VisitorOptions {
  /** What commands begin with, by front: the page names them as its person types them. */
  triggers: Partial<Record<FrontName, string>>;
  /** How often pages hear that somebody is there; tests pass their own. */
  beatMs?: number | undefined;
}

/** What the page shows; commands in sentences stand between backticks. */
interface LiveState {
  name: string;
  look: ReturnType<typeof lookOf>;
  /** There is a terminal to go to. */
  isOpen: boolean;
  title: string;
  text: string;
  steps: CheckItem[];
  /** For pages of the version before, which had the last lines here: they are told by themselves. */
  log: string[];
  /** A command for the chat, without what it begins with. */
  command?: string;
  trigger?: string;
  /** A button that does the same; `turn`: of the state that it belongs to. */
  press?: { verb: Press; label: string; turn: number };
  /** Why the last press came to nothing. */
  refused?: string;
}

export interface Live {
  route: Route;
  streams: Streams;
}

/** A page is told how it stands, and not how it stood: what it leaves unread is little. */
const MAX_UNREAD_BYTES = 256 * 1024;

export function createLive(options: LiveOptions): Live {
  const streams = createStreams({
    name: 'pages',
    readVersions: (workspaces) => readVersions(options.db, workspaces, PAGE),
    beatMs: options.beatMs,
    maxUnreadBytes: MAX_UNREAD_BYTES,
  });
  return {
    route: {
      method: 'GET',
      path: '/w/:workspace/events',
      handle: (req, res, { workspace = '' }) => listen(options, streams, req, res, workspace),
    },
    streams,
  };
}

/** Says how it stands, unless the page knows; ends where there is nothing more to say. */
async function listen(
  options: LiveOptions,
  streams: Streams,
  req: IncomingMessage,
  res: ServerResponse,
  workspace: string,
): Promise<void> {
  const visitor = await findVisitor(options, req, workspace);
  if ('refusal' in visitor) return refuse(res, visitor.refusal);
  let heard = readHeard(req);
  if (!/text\/event-stream/.test(req.headers.accept ?? '')) return answer(options, res, visitor, heard);
  const { user } = visitor.session;
  await streams.open(res, {
    key: workspace,
    user,
    isRefused: async () => 'refusal' in (await findVisitor(options, req, workspace)),
    async tell() {
      const now = await findVisitor(options, req, workspace);
      const end: Omit<Telling, 'text'> = 'refusal' in now ? refusedStream(now.refusal) : {};
      if (end.isOwed) return { text: '', ...end };
      // The page asks for a ticket next, and hears why.
      const state =
        'refusal' in now ? await readEnd(options, { workspace, user }) : await readState(options, now);
      if (!state) return { text: '', ...end };
      const isNews = state.id !== heard.state;
      const text = isNews ? eventOf('state', (heard = { ...heard, state: state.id }), state) : '';
      const wrote = 'refusal' in now ? undefined : await readNews(options, now, state.look, heard.line);
      if (!wrote) return { text, ...end };
      heard = { ...heard, line: wrote.lines.at(-1)?.id };
      // A slow reader is told no more before that is read.
      return { text: text + eventOf('log', heard, wrote), isMore: true, ...end };
    },
  });
}

/** What a page knows: how it stood, and the last line of its log. */
interface Heard {
  state: string;
  line: number | undefined;
}

/** By what the browser says of its stream, or by the page's address where it begins one or asks. */
function readHeard(req: IncomingMessage): Heard {
  const [state = '', line] = String(req.headers['last-event-id'] ?? '').split('.');
  const asked = URL.parse(req.url ?? '', 'http://localhost')?.searchParams.get('log');
  return { state, line: readLineId(line) ?? readLineId(asked) };
}

const eventOf = (event: string, { state, line }: Heard, data: object): string =>
  `id: ${state}${line === undefined ? '' : `.${line}`}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** Undefined: there is none, or none to show: the log of its making is its owner's alone. */
async function readNews(
  { db }: LiveOptions,
  { workspace, entry }: Visitor,
  look: LiveState['look'],
  after: number | undefined,
): Promise<Written | undefined> {
  if (entry.is !== 'owner' || !HAVE_LOGS.has(look)) return undefined;
  const written = await readWritten(db, workspace.id, { after });
  return written.lines.length > 0 ? written : undefined;
}

async function answer(
  options: LiveOptions,
  res: ServerResponse,
  visitor: Visitor,
  heard: Heard,
): Promise<void> {
  const state = await readState(options, visitor);
  const wrote = await readNews(options, visitor, state.look, heard.line);
  sendJson(res, 200, { ...state, ...(wrote && { wrote }) });
}

/** Of what was deleted under somebody's eyes: the last word. Undefined: it is not theirs any more. */
async function readEnd(
  { db }: LiveOptions,
  { workspace, user }: { workspace: string; user: string },
): Promise<(LiveState & { id: string }) | undefined> {
  const [facts] = await readSubject(db, workspace);
  if (facts?.workspace.phase !== 'deleted' || !isOwner(user, facts.workspace)) return undefined;
  return withId(stateOf(viewOf({ ...facts, expiry: undefined, warningMs: 0 }), {}));
}

async function readState(
  { db, triggers }: LiveOptions,
  { session, workspace, entry, front }: Visitor,
): Promise<LiveState & { id: string }> {
  // Before the rest: a press on what is older than this is none.
  const turn = await readTurn(db, workspace.id);
  const [facts] = await readSubject(db, workspace.id);
  if (!facts) throw new Error(`workspace ${workspace.id} has no row`);
  const view = viewOf({ ...facts, expiry: undefined, warningMs: 0 });
  const trigger = front === null ? undefined : triggers[front];
  const mayPress = entry.is === 'owner' && isCurrent(session, workspace);
  const { command, ...known } = stateOf(view, { trigger, ...(mayPress && { turn }) });
  // What brings it back is for its owner to say.
  const state = { ...known, ...(entry.is === 'owner' && command !== undefined && { command }) };
  // Only its owner presses here, and what they hear of it may name what else is theirs.
  const last = entry.is === 'owner' ? await readLastPress(db, PAGE, threadOf(workspace.id)) : undefined;
  const answer = last?.answer;
  const isRefused = answer && !answer.ok;
  const { text } = isRefused ? wordRefusal(answer as Said<RefusalCodes>, sayFor(trigger)) : { text: '' };
  return withId({
    ...state,
    ...(text && { refused: redact(text) }),
  });
}

const HAVE_LOGS: ReadonlySet<LiveState['look']> = new Set(['queued', 'provisioning', 'preparing', 'failed']);
const IS_PRESS: ReadonlySet<string> = new Set(Object.keys(PRESSES));

/** Where nobody knows what commands begin with, they stand alone. */
const sayFor = (trigger = ''): Say => createSay(trigger);

function stateOf(view: CardView, { trigger, turn }: Told): LiveState {
  const { title, text, next } = wordLive(view, sayFor(trigger));
  const verb = next?.split(' ', 1)[0] ?? '';
  const look = lookOf(view);
  return {
    name: view.name,
    look,
    isOpen: look === 'running',
    title,
    text: redact(text),
    steps: view.checklist,
    log: [],
    ...(next && { command: next }),
    ...(trigger !== undefined && { trigger }),
    ...(turn !== undefined &&
      IS_PRESS.has(verb) && { press: { verb: verb as Press, label: PRESSES[verb as Press], turn } }),
  };
}

interface Told {
  trigger?: string | undefined;
  /** Undefined: what let this browser in counts no more, and it may press nothing. */
  turn?: number;
}

const withId = (state: LiveState): LiveState & { id: string } => ({
  id: createHash('sha256').update(JSON.stringify(state)).digest('base64url').slice(0, 16),
  ...state,
});
