// The bot's end of the agents' connections: who is connected, what they say, what they are told.
// Knows no person and decides nothing: reports go into rows, rows come out as wishes.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import {
  AGENT_PROTOCOL_VERSION,
  PING_EVERY_MS,
  type AgentMessage,
  type BotMessage,
} from '../../agent/protocol.ts';
import { readNodeToken } from '../access/bootstrap.ts';
import type { Keys } from '../access/keys.ts';
import type { Node } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import { refuseUpgrade, type Upgrade } from '../http.ts';
import {
  findNode,
  hearNodes,
  helloNode,
  readClock,
  saveLoad,
  saveLogs,
  saveReport,
  wakeNodes,
  workspacesOn,
  type Executor,
} from '../workspaces/store.ts';
import { messagesFor, type Told } from './desired.ts';
import { answerGit, type GitDesk } from './git-desk.ts';
import { parseAgentMessage } from './messages.ts';

const MAX_MESSAGE_BYTES = 4 << 20;
const POLL_EVERY_MS = 5_000;
const ACTIVITY_EVERY_MS = 30_000;
/** Pings without an answer after which a connection counts as lost. */
const MISSED_PINGS = 3;
/** Messages of one agent that wait for the database before its socket has to wait too. */
const MAX_WAITING = 32;
const CLOSE_WAIT_MS = 1_000;

const CloseCode = { GOING_AWAY: 1001, POLICY: 1008, BROKEN: 1011 } as const;

/** Calls `task` again and again; the returned function ends that. */
export type Every = (ms: number, task: () => void) => () => void;

export interface HubOptions {
  db: Executor;
  keys: Keys;
  log: Logger;
  /** Absent: nobody gets a token for git. */
  git?: GitDesk | undefined;
  /** How fine `last_activity_at` is. */
  activityEveryMs?: number;
  /** Of the agent that this bot has to give; undefined: none. Asked at each hello. */
  agentVersion?: () => Promise<string | undefined>;
  /** How often it asks the agents whether they are there. */
  heartbeatMs?: number;
  /** Polls (5 s) and heartbeats; tests pass their own. */
  every?: Every;
}

export interface Hub {
  upgrade: Upgrade;
  /** A hint that the rows of this node's workspaces changed. Resolves when the node, if connected here, was told. */
  refresh(nodeId: string): Promise<void>;
  isConnected(nodeId: string): boolean;
  /** Says goodbye to all (1001) and lets what is being written end. */
  close(): Promise<void>;
}

interface Connection {
  node: string;
  isLocal: boolean;
  socket: WebSocket;
  log: Logger;
  hasSaidHello: boolean;
  /** Tokens for git that it waits for. */
  minting: number;
  told: Told;
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

interface State {
  options: HubOptions;
  server: WebSocketServer;
  connections: Map<string, Connection>;
  isClosing: boolean;
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
    every(POLL_EVERY_MS, () => void lookAtAll(state)),
    every(options.heartbeatMs ?? PING_EVERY_MS, () => void hear(state)),
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
    isConnected: (nodeId) => state.connections.get(nodeId)?.hasSaidHello ?? false,
    close: () => {
      for (const stop of stops) stop();
      return close(state);
    },
  };
}

const interval: Every = (ms, task) => {
  const timer = setInterval(task, ms);
  timer.unref();
  return () => clearInterval(timer);
};

// --- coming and going ---------------------------------------------------------------------------------------------

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
    state.options.log.error({ error: messageOf(error) }, 'an agent could not be let in');
    refuseUpgrade(socket, '503 Service Unavailable');
  }
}

function welcome(state: State, node: Node, socket: WebSocket): void {
  const older = state.connections.get(node.id);
  const connection: Connection = {
    node: node.id,
    isLocal: node.provider === 'local',
    socket,
    log: state.options.log.child({ node: node.id }),
    hasSaidHello: false,
    minting: 0,
    told: new Map(),
    reported: new Set(),
    queue: Promise.resolve(),
    waiting: 0,
    clockOffsetMs: 0,
    nextLook: undefined,
    missed: 0,
    wasHeard: true,
  };
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

async function leave(state: State, connection: Connection): Promise<void> {
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

const isCurrent = (state: State, connection: Connection): boolean =>
  state.connections.get(connection.node) === connection;

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

// --- one thing after the other ------------------------------------------------------------------------------------

/**
 * Does `task` after what this agent said before, unless a newer connection took over. When it fails, the connection ends:
 * the agent dials again and says everything, so nothing is lost.
 */
function enqueue(state: State, connection: Connection, task: () => Promise<void>): Promise<void> {
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

function receive(state: State, connection: Connection, data: string): void {
  const message = parseAgentMessage(data);
  if (!message) {
    connection.log.warn({ bytes: data.length }, 'the agent said something that nobody understands');
    return;
  }
  // It asks a vendor: what else the agent has to say does not wait for that.
  if (message.type === 'git-token') {
    if (!connection.hasSaidHello) return unexpected(connection, message);
    void answerGit(state.options, connection, message).then((answer) => send(connection, answer));
    return;
  }
  if (++connection.waiting === MAX_WAITING) connection.socket.pause();
  void enqueue(state, connection, () => handle(state, connection, message)).then(() => {
    if (connection.waiting-- === MAX_WAITING) connection.socket.resume();
  });
}

function send(connection: Connection, message: BotMessage): void {
  connection.socket.send(JSON.stringify(message), () => {});
}

// --- what agents say ----------------------------------------------------------------------------------------------

async function handle(
  state: State,
  connection: Connection,
  message: Exclude<AgentMessage, { type: 'git-token' }>,
): Promise<void> {
  switch (message.type) {
    case 'hello':
      return greet(state, connection, message);
    case 'report':
      if (!connection.hasSaidHello) return unexpected(connection, message);
      if (message.load) await saveLoad(state.options.db, connection.node, message.load);
      // What the agent brings up may be a workspace whose row is deleted, and then it has to hear so.
      if (await saveReports(state, connection, message)) await tell(state, connection, false);
      return;
    case 'log':
      if (!connection.hasSaidHello) return unexpected(connection, message);
      await saveLogs(state.options.db, connection.node, message.lines, connection.clockOffsetMs);
      return send(connection, { type: 'logged', id: message.id });
  }
}

function unexpected(connection: Connection, { type }: AgentMessage): void {
  connection.log.warn({ type }, 'the agent spoke before it said hello');
}

async function greet(
  state: State,
  connection: Connection,
  hello: AgentMessage & { type: 'hello' },
): Promise<void> {
  if (hello.protocol !== AGENT_PROTOCOL_VERSION)
    connection.log.warn({ version: hello.version, protocol: hello.protocol }, 'an agent of another version');
  // Only a local node's terminal is behind the bot: any other has no say in where we connect to.
  const terminalPort = connection.isLocal ? (hello.terminalPort ?? null) : null;
  const node = await helloNode(state.options.db, connection.node, { version: hello.version, terminalPort });
  if (!node) return connection.socket.close(CloseCode.POLICY, 'the node is deleted');
  connection.hasSaidHello = true;
  connection.reported.clear();
  await saveReports(state, connection, hello);
  await tell(state, connection, true);
}

/** True if there is a workspace among them that this agent had not spoken of. */
async function saveReports(
  { options }: State,
  connection: Connection,
  message: AgentMessage & { type: 'hello' | 'report' },
): Promise<boolean> {
  const { db, activityEveryMs: everyMs = ACTIVITY_EVERY_MS } = options;
  const now = (await readClock(db)).getTime();
  const known = connection.reported.size;
  connection.clockOffsetMs = now - message.now;
  for (const report of message.workspaces) {
    const { id, phase, activityAt } = report;
    if (phase === 'deleted') connection.reported.delete(id);
    else connection.reported.add(id);
    // The agent's clock may be off by years: only how long ago it was is believed.
    const at = activityAt === undefined ? null : new Date(now - Math.max(0, message.now - activityAt));
    await saveReport(db, connection.node, report, { at, everyMs });
  }
  return connection.reported.size > known;
}

// --- what agents are told -----------------------------------------------------------------------------------------

/** Hints that come while a look waits share it; one that comes while a look runs gets another. */
function look(state: State, connection: Connection): Promise<void> {
  if (!connection.hasSaidHello) return Promise.resolve();
  connection.nextLook ??= enqueue(state, connection, async () => {
    connection.nextLook = undefined;
    await tell(state, connection, false).catch((error: unknown) =>
      connection.log.error(
        { error: messageOf(error) },
        'the node could not be told; the next poll tries again',
      ),
    );
  });
  return connection.nextLook;
}

async function tell({ options }: State, connection: Connection, all: boolean): Promise<void> {
  const rows = await workspacesOn(options.db, connection.node, [...connection.reported]);
  const facts = await options.git?.facts(rows);
  const { messages, told } = messagesFor(rows, connection.told, all, facts);
  connection.told = told;
  const version = all ? await findVersion(options, connection) : undefined;
  for (const message of messages)
    send(connection, message.type === 'desired' && version ? { ...message, agent: { version } } : message);
}

/** What was built badly keeps no node from its work. */
async function findVersion({ agentVersion }: HubOptions, { log }: Connection): Promise<string | undefined> {
  try {
    return await agentVersion?.();
  } catch (error) {
    log.error({ error: messageOf(error) }, 'the version of the agent is not known');
    return undefined;
  }
}

async function lookAtAll(state: State): Promise<void> {
  await Promise.all([...state.connections.values()].map((connection) => look(state, connection)));
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
    await hearNodes(state.options.db, heard);
  } catch (error) {
    state.options.log.error({ error: messageOf(error) }, 'heartbeats could not be written down');
  }
}
