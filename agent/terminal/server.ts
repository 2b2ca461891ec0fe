// The door of the terminal: upgrades, tickets, deadlines, revocation. Must not know output, frames or ptys.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import {
  ATTACH_TIMEOUT_MS,
  Close,
  MAX_FRAME_BYTES,
  MAX_PENDING_VIEWERS,
  PING_EVERY_MS,
} from '../protocol.ts';
import type { SessionInfo } from '../protocol.ts';
import { parseJson, parseMessage } from './messages.ts';
import { createPlace, endPlace, type Place } from './place.ts';
import { describeSession } from './session.ts';
import { createSnapshots, type Snapshots } from './snapshot.ts';
import { createViewer, hearViewer, removeViewer, type Viewer } from './viewer.ts';

export interface TicketClaims {
  workspace: string;
  user: string;
  access: number;
  jti: string;
  /** May type, or only look. */
  drive: boolean;
}

export interface SpawnSpec {
  file: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
}

export interface TerminalWorkspace {
  running: boolean;
  access: number;
  /** Throws an Error with `code` and `message` for an unknown profile. */
  shell(profile?: string): SpawnSpec;
}

export interface TerminalOptions {
  /** The one Origin that may open terminals, compared exactly. */
  origin: string;
  /** Throws on any bad ticket; also spends the `jti`. */
  verifyTicket(ticket: string): Promise<TicketClaims>;
  find(workspaceId: string): TerminalWorkspace | undefined;
  /** A person typed; `at` in ms since 1970. */
  onInput(workspaceId: string, at: number): void;
  onSessions(workspaceId: string, count: number): void;
  /** Per workspace. */
  maxSessions?: number;
  log?(message: string, fields?: object): void;
  /** All in ms; for tests. */
  timing?: Partial<Timing>;
}

interface Timing {
  attachMs: number;
  /** For the check of a ticket. */
  verifyMs: number;
  pingMs: number;
  stallMs: number;
  resyncMs: number;
  killMs: number;
}

export interface Terminals {
  /** For `GET /terminal` only; the caller routes. Answers with a bare status, or a WebSocket. */
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Drops the viewers whose access is lower, at once. `isEnding`: because the workspace stops or goes. */
  revoke(workspaceId: string, access: number, isEnding?: boolean): void;
  /**
   * Stopped or deleted: drops the viewers, ends every session and what runs in it. Resolves when all ptys are closed
   * and reaped, within twice `killMs`. Repeatable.
   */
  endWorkspace(workspaceId: string): Promise<void>;
  sessions(workspaceId: string): SessionInfo[];
  /** Ends everything. */
  close(): Promise<void>;
}

interface State {
  options: TerminalOptions;
  timing: Timing;
  server: WebSocketServer;
  snapshots: Snapshots;
  places: Map<string, Place>;
  /** The lowest access that still counts, by workspace. */
  floors: Map<string, number>;
  callers: Set<Caller>;
  pending: number;
  closed: boolean;
  pinger: NodeJS.Timeout;
}

/** One socket, from its upgrade to its end. */
interface Caller {
  socket: WebSocket;
  stage: 'waiting' | 'checking' | 'attached' | 'dropped';
  viewer: Viewer | undefined;
  /** What came before the ticket was checked. */
  early: { data: Buffer; isBinary: boolean }[];
  deadline: NodeJS.Timeout | undefined;
  isAlive: boolean;
}

const TIMING: Timing = {
  attachMs: ATTACH_TIMEOUT_MS,
  verifyMs: 10_000,
  pingMs: PING_EVERY_MS,
  stallMs: 30_000,
  resyncMs: 500,
  killMs: 5_000,
};
const MAX_SESSIONS = 20;
const MAX_VIEWERS = 100;
const GOODBYE_MS = 1_000;
const INTERNAL_ERROR = 1011;

export function createTerminals(options: TerminalOptions): Terminals {
  const timing = { ...TIMING, ...options.timing };
  const state: State = {
    options,
    timing,
    server: new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false, // below a pty's speed on one core
      maxPayload: MAX_FRAME_BYTES,
    }),
    snapshots: createSnapshots(),
    places: new Map(),
    floors: new Map(),
    callers: new Set(),
    pending: 0,
    closed: false,
    pinger: setInterval(() => pingAll(state), timing.pingMs).unref(),
  };
  return {
    handleUpgrade: (req, socket, head) => upgrade(state, req, socket, head),
    revoke: (workspaceId, access, isEnding = false) => revoke(state, workspaceId, access, isEnding),
    endWorkspace: (workspaceId) => endWorkspace(state, workspaceId),
    sessions: (workspaceId) =>
      [...(state.places.get(workspaceId)?.sessions.values() ?? [])].map(describeSession),
    close: () => closeAll(state),
  };
}

// ----------------------------------------------------------------------------------------------- the door

function upgrade(state: State, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy());
  if (req.headers.origin !== state.options.origin) return refuse(socket, '403 Forbidden');
  if (state.closed || state.pending >= MAX_PENDING_VIEWERS) return refuse(socket, '503 Service Unavailable');
  state.server.handleUpgrade(req, socket, head, (accepted) => receive(state, accepted));
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

function receive(state: State, socket: WebSocket): void {
  const deadline = setTimeout(() => drop(state, caller, Close.BAD_TICKET), state.timing.attachMs);
  const caller: Caller = { socket, stage: 'waiting', viewer: undefined, early: [], deadline, isAlive: true };
  state.callers.add(caller);
  state.pending++;
  socket.on('message', (data: Buffer, isBinary) => hear(state, caller, data, isBinary));
  socket.on('pong', () => (caller.isAlive = true));
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => {
    settle(state, caller, 'dropped');
    state.callers.delete(caller);
  });
}

function hear(state: State, caller: Caller, data: Buffer, isBinary: boolean): void {
  caller.isAlive = true;
  if (caller.stage === 'attached' && caller.viewer) hearViewer(caller.viewer, data, isBinary);
  else if (caller.stage === 'checking') caller.early.push({ data, isBinary });
  else if (caller.stage === 'waiting') void admit(state, caller, data, isBinary);
}

/** Moves on from the stages that count as pending, once. */
function settle(state: State, caller: Caller, stage: 'attached' | 'dropped'): void {
  if (caller.stage === 'waiting' || caller.stage === 'checking') state.pending--;
  clearTimeout(caller.deadline);
  caller.stage = stage;
  caller.early = stage === 'attached' ? caller.early : [];
  if (stage === 'dropped' && caller.viewer) removeViewer(caller.viewer);
}

// A viewer that is dropped is no longer heard, whether or not it answers the close.
function drop(state: State, caller: Caller, code: number): void {
  if (caller.stage === 'dropped') return;
  settle(state, caller, 'dropped');
  caller.socket.resume();
  caller.socket.close(code);
  setTimeout(() => caller.socket.terminate(), GOODBYE_MS).unref();
}

// ----------------------------------------------------------------------------------------------- tickets

async function admit(state: State, caller: Caller, data: Buffer, isBinary: boolean): Promise<void> {
  caller.stage = 'checking';
  clearTimeout(caller.deadline);
  caller.deadline = setTimeout(() => drop(state, caller, Close.BAD_TICKET), state.timing.verifyMs);
  caller.socket.pause(); // so `early` holds at most what the kernel gave in one read
  const claims = await checkTicket(state, data, isBinary);
  if (caller.stage !== 'checking') return;
  try {
    if (claims) attach(state, caller, claims);
    else drop(state, caller, Close.BAD_TICKET);
  } catch (error) {
    log(state, 'terminal: attach failed', { error });
    drop(state, caller, INTERNAL_ERROR);
  }
}

async function checkTicket(state: State, data: Buffer, isBinary: boolean): Promise<TicketClaims | undefined> {
  try {
    const message = isBinary ? undefined : parseMessage(parseJson(data.toString()));
    return message?.type === 'attach' ? await state.options.verifyTicket(message.ticket) : undefined;
  } catch (error) {
    log(state, 'terminal: bad ticket', { error });
    return undefined;
  }
}

function attach(state: State, caller: Caller, claims: TicketClaims): void {
  const { options } = state;
  const workspace = options.find(claims.workspace);
  const place = workspace && findPlace(state, claims.workspace);
  if (!place) return drop(state, caller, Close.NOT_HERE);
  if (!workspace.running || place.ending) return drop(state, caller, Close.STOPPED);
  const lowest = Math.max(workspace.access, state.floors.get(claims.workspace) ?? 0);
  if (claims.access < lowest) return drop(state, caller, Close.BAD_TICKET);
  if (place.onlookers.size >= MAX_VIEWERS) return drop(state, caller, Close.TOO_MANY);
  settle(state, caller, 'attached');
  caller.viewer = createViewer(caller.socket, place, claims, {
    shell: (profile) => shellOf(state, claims.workspace, profile),
    onInput: () => options.onInput(claims.workspace, Date.now()),
  });
  for (const { data, isBinary } of caller.early.splice(0)) hearViewer(caller.viewer, data, isBinary);
  caller.socket.resume();
}

function shellOf({ options }: State, workspaceId: string, profile: string | undefined): SpawnSpec {
  const workspace = options.find(workspaceId);
  if (!workspace?.running)
    throw Object.assign(new Error('The workspace is not running.'), { code: 'stopped' });
  return profile === undefined ? workspace.shell() : workspace.shell(profile);
}

function findPlace(state: State, workspaceId: string): Place {
  const known = state.places.get(workspaceId);
  if (known) return known;
  const { options, timing, snapshots } = state;
  const place = createPlace(workspaceId, {
    snapshots,
    stallMs: timing.stallMs,
    resyncMs: timing.resyncMs,
    killMs: timing.killMs,
    maxSessions: options.maxSessions ?? MAX_SESSIONS,
    onSessions: (id, count) => options.onSessions(id, count),
    log: (message, fields) => log(state, message, fields),
  });
  state.places.set(workspaceId, place);
  return place;
}

// ----------------------------------------------------------------------------------------------- ends

function revoke(state: State, workspaceId: string, access: number, isEnding: boolean): void {
  const floor = Math.max(access, state.floors.get(workspaceId) ?? 0);
  state.floors.set(workspaceId, floor);
  const code = isEnding ? Close.STOPPED : Close.BAD_TICKET;
  dropViewers(state, workspaceId, code, (viewer) => viewer.access < floor);
}

function dropViewers(
  state: State,
  workspaceId: string,
  code: number,
  isMeant: (viewer: Viewer) => boolean,
): void {
  for (const caller of state.callers) {
    if (caller.viewer?.place.id === workspaceId && isMeant(caller.viewer)) drop(state, caller, code);
  }
}

async function endWorkspace(state: State, workspaceId: string): Promise<void> {
  const place = state.places.get(workspaceId);
  if (!place) return;
  const ended = endPlace(place); // first: from here on nothing attaches or opens
  dropViewers(state, workspaceId, Close.STOPPED, () => true);
  await ended;
  if (place.onlookers.size === 0 && place.sessions.size === 0) state.places.delete(workspaceId);
}

async function closeAll(state: State): Promise<void> {
  state.closed = true;
  clearInterval(state.pinger);
  for (const caller of state.callers) {
    settle(state, caller, 'dropped');
    caller.socket.terminate();
  }
  await Promise.all([...state.places.keys()].map((id) => endWorkspace(state, id)));
  await state.snapshots.close();
}

// A socket that has not said anything since the last ping is dead.
function pingAll({ callers }: State): void {
  for (const caller of callers) {
    if (!caller.isAlive) caller.socket.terminate();
    caller.isAlive = false;
    caller.socket.ping(() => {});
  }
}

function log({ options }: State, message: string, fields?: object): void {
  options.log?.(message, fields);
}
