// The door of the terminal: upgrades, deadlines, revocation. Must not know output, frames or ptys.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { Close, MAX_FRAME_BYTES, MAX_PENDING_VIEWERS } from '../protocol.ts';
import { admit } from './admission.ts';
import { drop, settle, type Caller, type State } from './connections.ts';
import { endPlace } from '../sessions/workspace-sessions.ts';
import { describeSession } from '../sessions/session.ts';
import { createSnapshots } from '../sessions/snapshot.ts';
import { TIMING, type TerminalOptions, type Terminals } from './terminals.ts';
import { hearViewer, type Viewer } from './viewer.ts';

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
