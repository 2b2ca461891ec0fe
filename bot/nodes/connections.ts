// The connections of agents: what is known of each, and that what concerns one of them is done one after the other.
// Knows no message but as a thing to send.
import type { Logger } from 'pino';
import type { WebSocket, WebSocketServer } from 'ws';
import type { BotMessage, EnvironmentSettings } from '../../agent/protocol.ts';
import type { Keys } from '../access/keys.ts';
import type { Node } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import type { Traits } from '../providers/provider.ts';
import type { Told } from './desired.ts';
import type { GitAnswering } from './git-tokens.ts';
import type { KeyAnswering } from './model-keys.ts';
import { wakeNodes } from '../workspaces/store/nodes.ts';

export const CloseCode = { GOING_AWAY: 1001, POLICY: 1008, BROKEN: 1011 } as const;

/** Calls `task` again and again; the returned function ends that. */
export type Every = (ms: number, task: () => Promise<void>) => () => void;

export interface HubOptions extends GitAnswering, KeyAnswering {
  keys: Keys;
  log: Logger;
  /** Of the provider that a node's row names. */
  traitsOf: (provider: string) => Pick<Traits, 'terminal'>;
  /** How fine `last_activity_at` is. */
  activityEveryMs?: number;
  /** Of the agent that this bot has to give; undefined: none. Asked at each hello. */
  agentVersion?: () => Promise<string | undefined>;
  /** How workspaces are made. */
  environments: EnvironmentSettings;
  /** How often it asks the agents whether they are there. */
  heartbeatMs?: number;
  /** Polls (5 s) and heartbeats; tests pass their own. */
  every?: Every;
}

export interface Connection {
  node: string;
  /** Its terminals are reached through this bot. */
  isPiped: boolean;
  socket: WebSocket;
  log: Logger;
  hasSaidHello: boolean;
  /** Tokens for git that it waits for. */
  minting: number;
  /** Keys of models that it waits for. */
  unsealing: number;
  told: Told;
  /** The turns that it was told of, as it was told, by task and place. */
  toldTurns: ReadonlyMap<string, string>;
  /** What it was told to push, by id. */
  toldPushes: ReadonlySet<string>;
  /** What the agent says it has: also those that are none of ours, or not any more. */
  reported: Set<string>;
  /** What has to be done one after the other. */
  queue: Promise<void>;
  waiting: number;
  /** What to add to the agent's clock, as of its last word. */
  clockOffsetMs: number;
  /** A look at the rows that has not begun yet. */
  nextLook: Promise<void> | undefined;
  missed: number;
  wasHeard: boolean;
}

export interface State {
  options: HubOptions;
  server: WebSocketServer;
  connections: Map<string, Connection>;
  isClosing: boolean;
}

export function createConnection(node: Node, socket: WebSocket, options: HubOptions): Connection {
  return {
    node: node.id,
    isPiped: options.traitsOf(node.provider).terminal === 'pipe',
    socket,
    log: options.log.child({ node: node.id }),
    hasSaidHello: false,
    minting: 0,
    unsealing: 0,
    told: new Map(),
    toldTurns: new Map(),
    toldPushes: new Set(),
    reported: new Set(),
    queue: Promise.resolve(),
    waiting: 0,
    clockOffsetMs: 0,
    nextLook: undefined,
    missed: 0,
    wasHeard: true,
  };
}

export const isCurrent = (state: State, connection: Connection): boolean =>
  state.connections.get(connection.node) === connection;

/**
 * Does `task` after what this agent said before, unless a newer connection took over. When it fails, the connection ends:
 * the agent dials again and says everything, so nothing is lost.
 */
export function enqueue(state: State, connection: Connection, task: () => Promise<void>): Promise<void> {
  connection.queue = connection.queue.then(async () => {
    if (!isCurrent(state, connection)) return;
    try {
      await task();
    } catch (error) {
      connection.log.error({ error: messageOf(error) }, 'what the agent said could not be kept');
      connection.socket.close(CloseCode.BROKEN, 'say it again');
      await leave(state, connection);
    }
  });
  return connection.queue;
}

export async function leave(state: State, connection: Connection): Promise<void> {
  if (!isCurrent(state, connection)) return;
  state.connections.delete(connection.node);
  if (state.isClosing) return;
  connection.log.info('the agent is gone');
  try {
    await wakeNodes(state.options.db, [connection.node]);
  } catch (error) {
    connection.log.error({ error: messageOf(error) }, 'nobody could be told that the agent is gone');
  }
}

export function send(connection: Connection, message: BotMessage): void {
  connection.socket.send(JSON.stringify(message), () => {});
}
