// The server's sockets, each from upgrade to end, and what the server knows of all of them. Knows no ticket.
import type { WebSocket, WebSocketServer } from 'ws';
import type { Snapshots } from '../sessions/snapshot.ts';
import type { WorkspaceSessions } from '../sessions/workspace-sessions.ts';
import type { Received } from './frames.ts';
import type { TerminalOptions, Timing } from './terminals.ts';
import { removeViewer, type Viewer } from './viewer.ts';

const CLOSE_TIMEOUT_MS = 1_000;

export interface State {
  options: TerminalOptions;
  timing: Timing;
  server: WebSocketServer;
  snapshots: Snapshots;
  workspaces: Map<string, WorkspaceSessions>;
  /** The lowest access that still counts, by workspace. */
  minAccess: Map<string, number>;
  connections: Set<Connection>;
  /** How many of them are not attached yet. */
  pending: number;
  closed: boolean;
  pinger: NodeJS.Timeout;
}

export interface Connection {
  readonly socket: WebSocket;
  stage: Stage;
  /** It has said something since the last ping. */
  isAlive: boolean;
}

/** Goes forward only. */
export type Stage =
  /** For a ticket. */
  | { is: 'waiting'; deadline: NodeJS.Timeout }
  /** `early`: what came before the ticket was checked. */
  | { is: 'checking'; deadline: NodeJS.Timeout; early: Received[] }
  | { is: 'attached'; viewer: Viewer }
  /** No longer heard, whether or not it answers the close. */
  | { is: 'dropped' };

/** On from the stages that count as pending; or, attached, to the end. */
export function settle(
  state: State,
  connection: Connection,
  next: Stage & { is: 'attached' | 'dropped' },
): void {
  const { stage } = connection;
  connection.stage = next;
  switch (stage.is) {
    case 'waiting':
    case 'checking':
      state.pending--;
      return clearTimeout(stage.deadline);
    case 'attached':
      return removeViewer(stage.viewer);
    case 'dropped':
      return;
    default:
      stage satisfies never;
  }
}

export function drop(state: State, connection: Connection, code: number): void {
  if (connection.stage.is === 'dropped') return;
  settle(state, connection, { is: 'dropped' });
  connection.socket.resume();
  connection.socket.close(code);
  setTimeout(() => connection.socket.terminate(), CLOSE_TIMEOUT_MS).unref();
}

export function log({ options }: State, message: string, fields?: object): void {
  options.log?.(message, fields);
}
