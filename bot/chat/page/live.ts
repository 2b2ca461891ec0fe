// How a workspace stands, told to its page as it changes: server-sent events, or one answer to whoever hears none. Starts nothing.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { redact } from '../../../agent/redact.ts';
import { isCurrent, mayOpen } from '../../access/rights.ts';
import { PAGE } from '../../access/store/places.ts';
import { refuse } from '../../access/terminal-token.ts';
import type { RefusalCodes, Said } from '../../codes.ts';
import type { FrontName } from '../../database/types.ts';
import { fail, sendJson, type Route } from '../../http/routes.ts';
import type { Source } from '../../jobs/loop.ts';
import { readLogs } from '../../workspaces/store/logs.ts';
import { readLastPress, readTurn, readVersions, threadOf } from '../store/live.ts';
import { readSubject } from '../store/subjects.ts';
import { lookOf, viewOf, type CardView, type CheckItem } from '../view.ts';
import { createSay, PRESSES, wordLive, wordRefusal, type Press, type Say } from '../wording.ts';
import { findVisitor, type Visitor, type VisitorOptions } from './visitors.ts';

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
  /** The last lines that its making wrote. */
  log: string[];
  /** A command for the chat, without what it begins with. */
  command?: string;
  trigger?: string;
  /** A button that does the same; `turn`: of the state that it belongs to. */
  press?: { verb: Press; label: string; turn: number };
  /** Why the last press came to nothing. */
  refused?: string;
}

interface Listener {
  req: IncomingMessage;
  res: ServerResponse;
  workspace: string;
  user: string;
  /** As the rows were when it was last told. */
  version: string | undefined;
  /** Of what it was told. */
  told: string | undefined;
  /** How often there was something to tell it. */
  asked: number;
  isTelling: boolean;
  /** Nobody could say whether it may hear what there was. */
  isOwed: boolean;
}

export interface Live {
  route: Route;
  source: Source;
  /** Ends all streams: their pages come again. */
  end(): void;
}

const MAX_OF_A_PERSON = 8;
const MAX = 2_000;
const BEAT_MS = 15_000;
/** Hints come in swarms. */
const LOOK_EVERY_MS = 200;
/** What a reader may leave unread. */
const MAX_UNREAD_BYTES = 256 * 1024;
const LOG_LINES = 12;

export function createLive(options: LiveOptions): Live {
  const listeners = new Set<Listener>();
  const beating = setInterval(
    () => void Promise.all([...listeners].map((one) => beat(options, one))),
    options.beatMs ?? BEAT_MS,
  );
  beating.unref();
  return {
    route: {
      method: 'GET',
      path: '/w/:workspace/events',
      handle: (req, res, { workspace = '' }) => listen(options, listeners, req, res, workspace),
    },
    source: createSource(options, listeners),
    end() {
      clearInterval(beating);
      for (const { res } of listeners) res.end();
    },
  };
}

async function listen(
  options: LiveOptions,
  listeners: Set<Listener>,
  req: IncomingMessage,
  res: ServerResponse,
  workspace: string,
): Promise<void> {
  const visitor = await findVisitor(options, req, workspace);
  if ('refusal' in visitor) return refuse(res, visitor.refusal);
  if (!/text\/event-stream/.test(req.headers.accept ?? ''))
    return sendJson(res, 200, await readState(options, visitor));
  // Nothing says any more that it closes.
  if (res.destroyed) return;
  const { user } = visitor.session;
  const mine = [...listeners].filter((one) => one.user === user).length;
  if (mine >= MAX_OF_A_PERSON || listeners.size >= MAX)
    return fail(res, 429, 'too-many', 'Too many pages listen at once.');
  res.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-accel-buffering': 'no',
  });
  const told = String(req.headers['last-event-id'] ?? '') || undefined;
  const state = { version: undefined, told, asked: 0, isTelling: false, isOwed: false };
  const listener: Listener = { req, res, workspace, user, ...state };
  listeners.add(listener);
  res.on('close', () => listeners.delete(listener));
  // Something at once, so that a page behind a proxy that holds everything back notices.
  send(listener, 'event: beat\ndata:\n\n');
  await tell(options, listener);
}

/** For the loop of the chats, which comes by with every hint and every now and then. Takes nothing away from anybody. */
function createSource({ db, ...options }: LiveOptions, listeners: Set<Listener>): Source {
  let lookedAt = -LOOK_EVERY_MS;
  const restMs = (): number => LOOK_EVERY_MS - (performance.now() - lookedAt);
  return {
    name: 'pages',
    dueInMs: () => Promise.resolve(listeners.size > 0 && restMs() > 0 ? restMs() : undefined),
    async take() {
      if (listeners.size === 0 || restMs() > 0) return undefined;
      lookedAt = performance.now();
      const watched = new Set([...listeners].map(({ workspace }) => workspace));
      const versions = await readVersions(db, [...watched], PAGE);
      const moved = [...listeners].filter((one) => one.version !== versions.get(one.workspace));
      if (moved.length === 0) return undefined;
      for (const one of moved) one.version = versions.get(one.workspace);
      return async () => void (await Promise.all(moved.map((one) => tell({ db, ...options }, one))));
    },
  };
}

/**
 * Says how it stands, unless the page knows; ends where there is nothing more to say. What changes while it is read is read again, and
 * never said before what is older.
 */
async function tell(options: LiveOptions, listener: Listener): Promise<void> {
  listener.asked += 1;
  if (listener.isTelling) return;
  listener.isTelling = true;
  try {
    for (let seen = 0; seen !== listener.asked && !isOver(listener); await tellOnce(options, listener))
      seen = listener.asked;
  } catch (error) {
    listener.isOwed = true;
    throw error;
  } finally {
    listener.isTelling = false;
  }
}

const isOver = ({ res }: Listener): boolean => res.writableEnded || res.destroyed;

async function tellOnce(options: LiveOptions, listener: Listener): Promise<void> {
  const visitor = await findVisitor(options, listener.req, listener.workspace);
  if (isOver(listener)) return;
  const isRefused = 'refusal' in visitor;
  // Nobody can say just now whether it is theirs still.
  listener.isOwed = isRefused && visitor.refusal.status >= 429;
  if (listener.isOwed) return;
  const state = isRefused ? await readEnd(options, listener) : await readState(options, visitor);
  if (state && state.id !== listener.told)
    send(listener, `id: ${state.id}\nevent: state\ndata: ${JSON.stringify(state)}\n\n`);
  if (state) listener.told = state.id;
  // The page asks for a ticket next, and hears why.
  if (isRefused && !isOver(listener)) listener.res.end('event: over\ndata:\n\n');
}

/** A right that was taken back ends what it began; a forge that is silent does not. */
async function beat(options: LiveOptions, listener: Listener): Promise<void> {
  const visitor = await findVisitor(options, listener.req, listener.workspace).catch(() => undefined);
  if (isOver(listener)) return;
  // One that fails is owed still.
  if (visitor && (listener.isOwed || 'refusal' in visitor))
    await tell(options, listener).catch(() => undefined);
  send(listener, 'event: beat\ndata:\n\n');
}

function send(listener: Listener, text: string): void {
  const { res } = listener;
  if (isOver(listener)) return;
  if (res.writableLength > MAX_UNREAD_BYTES) res.destroy();
  else res.write(text);
}

/** Of what was deleted under somebody's eyes: the last word. Undefined: it is not theirs any more. */
async function readEnd(
  { db }: LiveOptions,
  { workspace, user }: Listener,
): Promise<(LiveState & { id: string }) | undefined> {
  const [facts] = await readSubject(db, workspace);
  if (facts?.workspace.phase !== 'deleted' || !mayOpen(user, facts.workspace)) return undefined;
  return withId(stateOf(viewOf({ ...facts, expiry: undefined, warningMs: 0 }), {}));
}

async function readState(
  { db, triggers }: LiveOptions,
  { session, workspace, front }: Visitor,
): Promise<LiveState & { id: string }> {
  // Before the rest: a press on what is older than this is none.
  const turn = await readTurn(db, workspace.id);
  const [facts] = await readSubject(db, workspace.id);
  if (!facts) throw new Error(`workspace ${workspace.id} has no row`);
  const view = viewOf({ ...facts, expiry: undefined, warningMs: 0 });
  const trigger = front === null ? undefined : triggers[front];
  const state = stateOf(view, { trigger, ...(isCurrent(session, workspace) && { turn }) });
  const log = HAVE_LOGS.has(state.look) ? await readLogs(db, workspace.id, LOG_LINES) : [];
  const { answer } = (await readLastPress(db, PAGE, threadOf(workspace.id))) ?? {};
  const isRefused = answer && !answer.ok;
  const { text } = isRefused ? wordRefusal(answer as Said<RefusalCodes>, sayFor(trigger)) : { text: '' };
  return withId({
    ...state,
    log: log.map((line) => redact(`${line.step.padEnd(6)} ${line.text}`)),
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
