// The bot's end of the agents' connections: who is let in, who is still there, and the goodbye.
// Knows no person and decides nothing: what agents say goes into rows (incoming.ts), what rows want is told (outgoing.ts).
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { PING_EVERY_MS } from '../../agent/protocol.ts';
import { readNodeToken } from '../access/machines/bootstrap.ts';
import type { Node } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import { refuseUpgrade, type Upgrade } from '../http/routes.ts';
import {
  CloseCode,
  createConnection,
  leave,
  send,
  type Every,
  type HubOptions,
  type State,
} from './connections.ts';
import { receive } from './incoming.ts';
import { look, lookAtAll } from './outgoing.ts';
import { saveHeartbeats } from '../workspaces/store/node-changes.ts';
import { findNode } from '../workspaces/store/nodes.ts';

const MAX_MESSAGE_BYTES = 4 << 20;
const POLL_EVERY_MS = 5_000;
/** Pings without an answer after which a connection counts as lost. */
const MISSED_PINGS = 3;
const CLOSE_WAIT_MS = 1_000;

export interface Hub {
  upgrade: Upgrade;
  /** A hint that the rows of this node's workspaces changed. Resolves when the node, if connected here, was told. */
  refresh(nodeId: string): Promise<void>;
  /** The keys of this node's owner changed: whatever its agent holds of them it forgets now. Without a node: all agents. */
  forgetKeys(nodeId?: string): void;
  isConnected(nodeId: string): boolean;
  /** Says goodbye to all (1001) and lets what is being written end. */
  close(): Promise<void>;
}

export function createHub(options: HubOptions): Hub {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    clientTracking: true,
  });
  const state: State = { options, server, connections: new Map(), isClosing: false };
  const every = options.every ?? interval;
  const stops = [
    every(POLL_EVERY_MS, () => lookAtAll(state)),
    every(options.heartbeatMs ?? PING_EVERY_MS, () => hear(state)),
  ];
  return {
    upgrade: {
      path: '/agent/connect',
      handle: (req, socket, head) => accept(state, req, socket, head),
    },
    refresh: async (nodeId) => {
      const connection = state.connections.get(nodeId);
      if (connection) await look(state, connection);
    },
    forgetKeys: (nodeId) => {
      for (const connection of state.connections.values())
        if (nodeId === undefined || connection.node === nodeId)
          send(connection, { type: 'credentials-changed' });
    },
    isConnected: (nodeId) => state.connections.get(nodeId)?.hasSaidHello ?? false,
    close: () => {
      for (const stop of stops) stop();
      return close(state);
    },
  };
}

const interval: Every = (ms, task) => {
  const timer = setInterval(() => void task(), ms);
  timer.unref();
  return () => clearInterval(timer);
};

async function accept(state: State, req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  socket.on('error', () => socket.destroy());
  try {
    const nodeId = await readNodeToken(state.options.keys, req.headers.authorization);
    if (nodeId === undefined) return refuseUpgrade(socket, '401 Unauthorized');
    const node = await findNode(state.options.db, nodeId);
    if (!node || node.phase === 'deleted') return refuseUpgrade(socket, '404 Not Found');
    if (state.isClosing) return refuseUpgrade(socket, '503 Service Unavailable');
    state.server.handleUpgrade(req, socket, head, (webSocket) => welcome(state, node, webSocket));
  } catch (error) {
    // While the bot ends, its database goes first.
    if (!state.isClosing)
      state.options.log.error({ error: messageOf(error) }, 'an agent could not be let in');
    refuseUpgrade(socket, '503 Service Unavailable');
  }
}

function welcome(state: State, node: Node, socket: WebSocket): void {
  const older = state.connections.get(node.id);
  const connection = createConnection(node, socket, state.options);
  state.connections.set(node.id, connection);
  older?.socket.close(CloseCode.POLICY, 'replaced by a newer connection');
  const listen = () => (connection.wasHeard = true);
  socket.on('pong', listen).on('ping', listen);
  socket.on('error', (error) => connection.log.warn({ error: error.message }, 'the agent connection broke'));
  socket.on('message', (data: Buffer, isBinary) => {
    listen();
    receive(state, connection, isBinary ? '' : data.toString('utf8'));
  });
  socket.once('close', () => void leave(state, connection));
}

async function close(state: State): Promise<void> {
  state.isClosing = true;
  const open = [...state.server.clients];
  const writing = [...state.connections.values()].map((connection) => connection.queue);
  await Promise.all([...open.map(sayGoodbye), ...writing]);
}

async function sayGoodbye(socket: WebSocket): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => socket.terminate(), CLOSE_WAIT_MS);
  socket.once('close', () => resolve());
  socket.close(CloseCode.GOING_AWAY, 'the bot ends');
  await closed;
  clearTimeout(timer);
}

/** One statement for all that were heard since the last time. */
async function hear(state: State): Promise<void> {
  const heard: string[] = [];
  for (const connection of state.connections.values()) {
    const isAlive = connection.wasHeard && connection.hasSaidHello;
    connection.missed = isAlive ? 0 : connection.missed + 1;
    if (isAlive) heard.push(connection.node);
    connection.wasHeard = false;
    if (connection.missed >= MISSED_PINGS) connection.socket.terminate();
    else connection.socket.ping();
  }
  try {
    await saveHeartbeats(state.options.db, heard);
  } catch (error) {
    state.options.log.error({ error: messageOf(error) }, 'heartbeats could not be written down');
  }
}
