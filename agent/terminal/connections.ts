// The server's sockets, each from upgrade to end, and what the server knows of all of them. Knows no ticket.
import type { WebSocket, WebSocketServer } from 'ws';
import type { Snapshots } from '../sessions/snapshot.ts';
import type { WorkspaceSessions } from '../sessions/workspace-sessions.ts';
import type { Received } from './frames.ts';
import type { TerminalOptions, Timing } from './terminals.ts';
import type { Presences } from './presence.ts';
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
  presences: Presences;
  connections: Set<Connection>;
  /** How many of them are not attached yet. */
  pending: number;
  closed: boolean;
  pinger: NodeJS.Timeout;
  saver: NodeJS.Timeout;
  saving: Promise<void> | undefined;
}

export interface Connection {
  readonly socket: WebSocket;
  /**
   * Whose place it takes among those without a ticket: the peer of its socket, of IPv6 the network. Behind Cloudflare, or the
   * bot's pipe, many people have one; what they or a proxy write into headers is not believed.
   */
  readonly address: string;
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
  /** `leave`: it is there no more. */
  | { is: 'attached'; viewer: Viewer; leave: () => void }
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
      stage.leave();
      return removeViewer(stage.viewer);
    case 'dropped':
      return;
    default:
      stage satisfies never;
  }
}

/** The address that has the most of them without a ticket gives up a place: that of whoever has been silent for the longest. */
export function makeRoom(state: State): void {
  const unproven = [...state.connections].filter(
    ({ stage }) => stage.is === 'waiting' || stage.is === 'checking',
  );
  const byAddress = [...Map.groupBy(unproven, ({ address }) => address).values()];
  const [most = []] = byAddress.toSorted((one, other) => other.length - one.length);
  const leaving = most.find(({ stage }) => stage.is === 'waiting') ?? most[0];
  if (!leaving) return;
  settle(state, leaving, { is: 'dropped' });
  leaving.socket.terminate();
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
