// Sockets at the door, from upgrade to end, and what the door knows of all of them. Knows no ticket.
import type { WebSocket, WebSocketServer } from 'ws';
import type { Place } from '../sessions/workspace-sessions.ts';
import type { Snapshots } from '../sessions/snapshot.ts';
import type { TerminalOptions, Timing } from './terminals.ts';
import { removeViewer, type Viewer } from './viewer.ts';

const GOODBYE_MS = 1_000;

export interface State {
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
export interface Caller {
  socket: WebSocket;
  stage: 'waiting' | 'checking' | 'attached' | 'dropped';
  viewer: Viewer | undefined;
  /** What came before the ticket was checked. */
  early: { data: Buffer; isBinary: boolean }[];
  deadline: NodeJS.Timeout | undefined;
  isAlive: boolean;
}

/** Moves on from the stages that count as pending, once. */
export function settle(state: State, caller: Caller, stage: 'attached' | 'dropped'): void {
  if (caller.stage === 'waiting' || caller.stage === 'checking') state.pending--;
  clearTimeout(caller.deadline);
  caller.stage = stage;
  caller.early = stage === 'attached' ? caller.early : [];
  if (stage === 'dropped' && caller.viewer) removeViewer(caller.viewer);
}

/** A viewer that is dropped is no longer heard, whether or not it answers the close. */
export function drop(state: State, caller: Caller, code: number): void {
  if (caller.stage === 'dropped') return;
  settle(state, caller, 'dropped');
  caller.socket.resume();
  caller.socket.close(code);
  setTimeout(() => caller.socket.terminate(), GOODBYE_MS).unref();
}

export function log({ options }: State, message: string, fields?: object): void {
  options.log?.(message, fields);
}
