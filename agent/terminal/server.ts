// The terminal server of a node: upgrades, deadlines, revocation; whose ticket is good becomes a viewer of its workspace. Must not know
// output, frames or ptys.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import {
  Close,
  MAX_FRAME_BYTES,
  MAX_PENDING_VIEWERS,
  type SharesOpen,
  type TerminalMessage,
} from '../protocol.ts';
import { drop, makeRoom, settle, type Connection, type State, log } from './connections.ts';
import type { Received } from './frames.ts';
import {
  addLeft,
  endWorkspaceSessions,
  saveSessions,
  createWorkspaceSessions,
  type KeptSession,
  readLabel,
  RequestError,
  takeOverSession,
  type WorkspaceSessions,
} from '../sessions/workspace-sessions.ts';
import { describeSession } from '../sessions/session.ts';
import { createSnapshots } from '../sessions/snapshot.ts';
import { TIMING, type TerminalOptions, type Terminals, type TicketClaims } from './terminals.ts';
import { createPresences } from './presence.ts';
import { handleReceived, type Viewer, createViewer } from './viewer.ts';
import type { SpawnSpec } from '../sessions/pty.ts';
import { parseJson, parseMessage } from './messages.ts';

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
    workspaces: new Map(),
    minAccess: new Map(),
    presences: createPresences(timing),
    connections: new Set(),
    pending: 0,
    closed: false,
    pinger: setInterval(() => pingAll(state), timing.pingMs).unref(),
    saving: undefined,
    saver: setInterval(() => void saveAll(state), timing.saveMs).unref(),
  };
  return {
    handleUpgrade: (req, socket, head) => upgrade(state, req, socket, head),
    revoke: (workspaceId, access, isEnding = false) => revoke(state, workspaceId, access, isEnding),
    lookAtGuests: (workspaceId) => lookAtGuests(state, workspaceId),
    follow(workspaceId) {
      const known = state.workspaces.get(workspaceId);
      if (known) known.isFollowed = isFollowed(state, workspaceId);
    },
    endWorkspace: (workspaceId) => endWorkspace(state, workspaceId),
    sessions: (workspaceId) =>
      [...(state.workspaces.get(workspaceId)?.sessions.values() ?? [])].map(describeSession),
    takeOver: (kept) => takeOver(state, kept),
    endStray: () => endStray(state),
    close: () => closeAll(state),
  };
}

function upgrade(state: State, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy());
  if (req.headers.origin !== state.options.origin) return refuse(socket, '403 Forbidden');
  if (state.closed) return refuse(socket, '503 Service Unavailable');
  const address = addressOf(req);
  state.server.handleUpgrade(req, socket, head, (accepted) => {
    if (state.pending >= MAX_PENDING_VIEWERS) makeRoom(state);
    receive(state, accepted, address);
  });
}

/** Whoever has an address of IPv6 has a whole /64 of them: four of its eight groups. */
function addressOf({ socket: { remoteAddress: address = '' } }: IncomingMessage): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const [front = [], back = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...zeros, ...back].slice(0, 4).join(':');
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

function receive(state: State, socket: WebSocket, address: string): void {
  const deadline = setTimeout(() => drop(state, connection, Close.BAD_TICKET), state.timing.attachMs);
  const connection: Connection = { socket, address, stage: { is: 'waiting', deadline }, isAlive: true };
  state.connections.add(connection);
  state.pending++;
  socket.on('message', (data: Buffer, isBinary) => handleMessage(state, connection, { data, isBinary }));
  socket.on('pong', () => (connection.isAlive = true));
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => {
    settle(state, connection, { is: 'dropped' });
    state.connections.delete(connection);
  });
}

function handleMessage(state: State, connection: Connection, received: Received): void {
  connection.isAlive = true;
  const { stage } = connection;
  switch (stage.is) {
    case 'waiting':
      return void admit(state, connection, received);
    case 'checking':
      return void stage.early.push(received);
    case 'attached':
      return handleReceived(stage.viewer, received);
    case 'dropped':
      return;
    default:
      stage satisfies never;
  }
}

function revoke(state: State, workspaceId: string, access: number, isEnding: boolean): void {
  const minAccess = Math.max(access, state.minAccess.get(workspaceId) ?? 0);
  state.minAccess.set(workspaceId, minAccess);
  const code = isEnding ? Close.STOPPED : Close.BAD_TICKET;
  dropViewers(state, workspaceId, code, (viewer) => viewer.access < minAccess);
}

/** Their pages ask for another ticket, and hear whether there is one. */
function lookAtGuests(state: State, workspaceId: string): void {
  const shares = state.options.find(workspaceId)?.shares;
  dropViewers(state, workspaceId, Close.BAD_TICKET, ({ share }) => !isLetIn(share, shares));
}

/** One that is newer than what the bot has said is known by its ticket alone. */
const isLetIn = (share: number | undefined, shares: SharesOpen | undefined): boolean =>
  share === undefined || share > (shares?.upTo ?? 0) || shares?.open.includes(share) === true;

function dropViewers(
  state: State,
  workspaceId: string,
  code: number,
  matches: (viewer: Viewer) => boolean,
): void {
  for (const connection of state.connections) {
    if (connection.stage.is !== 'attached') continue;
    const { viewer } = connection.stage;
    if (viewer.workspace.id === workspaceId && matches(viewer)) drop(state, connection, code);
  }
}

async function endWorkspace(state: State, workspaceId: string): Promise<void> {
  const workspace = state.workspaces.get(workspaceId);
  if (!workspace) return;
  const ended = endWorkspaceSessions(workspace); // first: from here on nothing attaches or opens
  dropViewers(state, workspaceId, Close.STOPPED, () => true);
  await ended;
  if (workspace.viewers.size === 0 && workspace.sessions.size === 0) state.workspaces.delete(workspaceId);
}

async function closeAll(state: State): Promise<void> {
  state.closed = true;
  clearInterval(state.pinger);
  clearInterval(state.saver);
  for (const connection of state.connections) {
    settle(state, connection, { is: 'dropped' });
    connection.socket.terminate();
  }
  await state.saving;
  await saveAll(state);
  await state.snapshots.close();
}

async function takeOver(state: State, kept: KeptSession[]): Promise<void> {
  for (const one of kept) {
    try {
      const label = readLabel(one.label);
      takeOverSession(getSessions(state, label.workspace), label, one);
    } catch (error) {
      log(state, 'terminal: a session that nobody knows is ended', { error });
      one.end();
    }
  }
  const left = await state.options.scrollback?.read();
  for (const [id, one] of left ?? []) {
    try {
      const label = readLabel(one.label);
      const sessions = getSessions(state, label.workspace);
      if (!sessions.sessions.has(id)) addLeft(sessions, label, one);
    } catch (error) {
      log(state, 'terminal: what is left of a session is of nobody', { session: id, error });
      await state.options.scrollback?.forget(id);
    }
  }
}

/** One after the other; whoever comes meanwhile waits for the same. */
function saveAll(state: State): Promise<void> {
  const save = async () => {
    for (const sessions of state.workspaces.values()) await saveSessions(sessions);
  };
  state.saving ??= save()
    .catch((error: unknown) => log(state, 'terminal: what sessions show was not saved', { error }))
    .finally(() => (state.saving = undefined));
  return state.saving;
}

async function endStray(state: State): Promise<void> {
  const stray = [...state.workspaces.keys()].filter((id) => {
    const { running, isStarting } = state.options.find(id) ?? {};
    return running !== true && isStarting !== true;
  });
  await Promise.all(stray.map((id) => endWorkspace(state, id)));
}

// A socket that has not said anything since the last ping is dead.
function pingAll({ connections }: State): void {
  for (const connection of connections) {
    if (!connection.isAlive) connection.socket.terminate();
    connection.isAlive = false;
    connection.socket.ping(() => {});
  }
}

const MAX_SESSIONS = 20;
const MAX_VIEWERS = 100;
const INTERNAL_ERROR = 1011;
const TRY_AGAIN = 1013;

/** `first` is the first thing that a waiting connection sent. */
export async function admit(state: State, connection: Connection, first: Received): Promise<void> {
  if (connection.stage.is !== 'waiting') return;
  clearTimeout(connection.stage.deadline);
  const deadline = setTimeout(() => drop(state, connection, Close.BAD_TICKET), state.timing.verifyMs);
  const checking = { is: 'checking' as const, deadline, early: [] as Received[] };
  connection.stage = checking;
  connection.socket.pause(); // so `early` holds at most what the kernel gave in one read
  const claims = await checkTicket(state, first);
  if (connection.stage !== checking) return;
  try {
    if (claims) attach(state, connection, claims, checking.early);
    else drop(state, connection, Close.BAD_TICKET);
  } catch (error) {
    log(state, 'terminal: attach failed', { error });
    drop(state, connection, INTERNAL_ERROR);
  }
}

async function checkTicket(state: State, { data, isBinary }: Received): Promise<TicketClaims | undefined> {
  try {
    const message = isBinary ? undefined : parseMessage(parseJson(data.toString()));
    return message?.type === 'attach' ? await state.options.verifyTicket(message.ticket) : undefined;
  } catch (error) {
    log(state, 'terminal: bad ticket', { error });
    return undefined;
  }
}

function attach(state: State, connection: Connection, claims: TicketClaims, early: Received[]): void {
  const { options } = state;
  const workspace = options.find(claims.workspace);
  if (!workspace) return drop(state, connection, Close.NOT_HERE);
  const sessions = getSessions(state, claims.workspace);
  if (workspace.isStarting) return drop(state, connection, TRY_AGAIN);
  if (!workspace.running || sessions.ending) return drop(state, connection, Close.STOPPED);
  const minAccess = Math.max(workspace.access, state.minAccess.get(claims.workspace) ?? 0);
  const { guest } = claims;
  if (claims.access < minAccess || !isLetIn(guest?.share, workspace.shares) || isOver(guest))
    return drop(state, connection, Close.BAD_TICKET);
  if (sessions.viewers.size >= MAX_VIEWERS) return drop(state, connection, Close.TOO_MANY);
  options.ptys.warm();
  const viewer = createViewer(connection.socket, sessions, {
    access: claims.access,
    canWrite: claims.drive,
    profiles: claims.drive ? workspace.profiles : undefined,
    pipe: workspace.pipe && ((script, words) => pipeOf(state, claims.workspace, script, words)),
    share: guest?.share,
    shell: (profile) => shellOf(state, claims.workspace, profile),
    onInput() {
      options.onInput(claims.workspace, Date.now());
      there.typed();
    },
  });
  const { user, name = '', drive } = claims;
  const tell = (message: TerminalMessage) => viewer.tell(message);
  const there = state.presences.enter(claims.workspace, { user, name, drive, tell });
  const ending =
    guest && setTimeout(() => drop(state, connection, Close.BAD_TICKET), guest.endsAt - Date.now());
  const leave = () => {
    clearTimeout(ending);
    there.leave();
  };
  settle(state, connection, { is: 'attached', viewer, leave });
  for (const received of early) handleReceived(viewer, received);
  connection.socket.resume();
}

/** By its own time, whether or not the bot is there to say so. */
const isOver = (guest: TicketClaims['guest']): boolean => guest !== undefined && guest.endsAt <= Date.now();

function shellOf({ options }: State, workspaceId: string, profile: string | undefined): SpawnSpec {
  const workspace = options.find(workspaceId);
  if (!workspace?.running) throw new RequestError('stopped', 'The workspace is not running.');
  return profile === undefined ? workspace.shell() : workspace.shell(profile);
}

function pipeOf({ options }: State, workspaceId: string, script: string, words: string[]): SpawnSpec {
  const workspace = options.find(workspaceId);
  if (!workspace?.running || !workspace.pipe)
    throw new RequestError('stopped', 'The workspace is not running.');
  return workspace.pipe(script, words);
}

const isFollowed = ({ options }: State, workspaceId: string): boolean =>
  options.find(workspaceId)?.tellsCommands === true;

function getSessions(state: State, workspaceId: string): WorkspaceSessions {
  const known = state.workspaces.get(workspaceId);
  if (known) return known;
  const { options, timing, snapshots } = state;
  const sessions = createWorkspaceSessions(workspaceId, {
    snapshots,
    stallMs: timing.stallMs,
    resyncMs: timing.resyncMs,
    killMs: timing.killMs,
    maxSessions: options.maxSessions ?? MAX_SESSIONS,
    ptys: options.ptys,
    scrollback: options.scrollback,
    onSessions: (id, count) => options.onSessions(id, count),
    commands: {
      longMs: timing.longMs,
      presentMs: timing.presentMs,
      isFollowed: isFollowed(state, workspaceId),
      onLong: (id, end) => options.onLongCommand?.(id, end),
    },
    onGone: (id, mark) => options.find(id)?.hangUp?.(mark),
    log: (message, fields) => log(state, message, fields),
  });
  state.workspaces.set(workspaceId, sessions);
  return sessions;
}
