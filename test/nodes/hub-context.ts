// A hub with real sockets and a real database, and agents that say what a test tells them to. Each test has its own node with a workspace.
import { once } from 'node:events';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { wordGitRefusal } from '../../bot/chat/wording.ts';
import WebSocket from 'ws';
import type { AgentMessage, BotMessage, WorkspaceReport } from '../../agent/protocol.ts';
import { makeSigningKey } from '../../bot/access/keys.ts';
import { createKeys, type Keys } from '../../bot/access/keys.ts';
import { createHub, type Hub } from '../../bot/nodes/hub.ts';
import type { Node, Workspace } from '../../bot/database/schema.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';
import { openRows, type Rows } from '../access/rows.ts';

export let rows: Rows;
let server: TestServer;
export let keys: Keys;
export let hub: Hub;
export let node: Node;
export let workspace: Workspace;
let agents: Agent[] = [];
export let logged: Record<string, unknown>[] = [];
/** How often the hub asked the database for rows. */
export const reads = { count: 0 };
/** What the hub does by the clock, by period in ms. */
export const clock = new Map<number, () => Promise<void>>();

/** Where people's dotfiles are. */
export const dotfiles = new Map<string, string>();

export const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line)) });

beforeAll(async () => {
  rows = await openRows();
  server = await serveRoutes(async (issuer) => {
    keys = await createKeys({ pems: [makeSigningKey()], issuer });
    const every = (ms: number, task: () => Promise<void>) => {
      clock.set(ms, task);
      return () => void clock.delete(ms);
    };
    const db: Rows['db'] = Object.create(rows.db, {
      select: { value: (fields: never) => (reads.count++, rows.db.select(fields)) },
    });
    hub = createHub({
      environments: { runtime: 'host' },
      db,
      keys,
      log,
      traitsOf: traitsIn(providers),
      wordRefusal: wordGitRefusal,
      findDotfiles: () => Promise.resolve(dotfiles),
      every,
      activityEveryMs: 1000,
    });
    return { upgrades: [hub.upgrade] };
  });
});
afterAll(async () => {
  await hub.close();
  await server.close();
  await rows.close();
});
beforeEach(async () => {
  logged = [];
  node = await rows.addNode();
  workspace = await rows.addWorkspace({ owner: node.owner, nodeId: node.id, ref: 'main' });
});
afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.leave()));
  agents = [];
});

type Agent = {
  socket: WebSocket;
  say(message: unknown): void;
  /** The next thing that the bot says. */
  hear(): Promise<BotMessage>;
  /** What it has said since, and nobody has asked for. */
  unheard(): BotMessage[];
  closed: Promise<number>;
  leave(): Promise<void>;
};

export const tokenOf = (nodeId: string, life = 60) =>
  keys.sign('sam-node+jwt', { aud: 'agent', sub: nodeId }, life);

export async function dial(token: string): Promise<WebSocket> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  return new WebSocket(`${server.origin.replace('http', 'ws')}/agent/connect`, { headers });
}

export async function connect(nodeId = node.id): Promise<Agent> {
  const socket = await dial(await tokenOf(nodeId));
  const said: BotMessage[] = [];
  const waiting: ((message: BotMessage) => void)[] = [];
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as BotMessage;
    const next = waiting.shift();
    if (next) next(message);
    else said.push(message);
  });
  const closed = once(socket, 'close').then(([code]) => code as number);
  await once(socket, 'open');
  const agent: Agent = {
    socket,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    hear: () => {
      const first = said.shift();
      return first ? Promise.resolve(first) : new Promise((resolve) => waiting.push(resolve));
    },
    unheard: () => said,
    closed,
    leave: async () => {
      socket.close();
      await closed;
    },
  };
  agents.push(agent);
  return agent;
}

export const hello = (...workspaces: WorkspaceReport[]): AgentMessage => ({
  type: 'hello',
  protocol: 1,
  version: '0.1.0',
  now: Date.now(),
  terminalPort: 4321,
  workspaces,
});
export const report = (...workspaces: WorkspaceReport[]): AgentMessage => ({
  type: 'report',
  now: Date.now(),
  workspaces,
});
export const running = (patch: Partial<WorkspaceReport> = {}): WorkspaceReport => ({
  id: workspace.id,
  phase: 'running',
  run: 1,
  sessions: 0,
  ...patch,
});

export async function greet(...workspaces: WorkspaceReport[]): Promise<Agent> {
  const agent = await connect();
  agent.say(hello(...workspaces));
  expect(await agent.hear()).toMatchObject({ type: 'desired', all: true });
  return agent;
}

/** Resolves when the bot has taken in everything that was said before. */
export async function settle(agent: Agent): Promise<void> {
  const id = Math.random();
  agent.say({ type: 'log', id, lines: [] });
  for (;;) {
    const message = await agent.hear();
    if (message.type === 'logged' && message.id === id) return;
    throw new Error(`the bot said ${JSON.stringify(message)}`);
  }
}

export const change = (patch: Partial<Pick<Workspace, 'phase' | 'desired' | 'access' | 'run' | 'force'>>) =>
  rows.sql`update workspaces set ${rows.sql(patch)} where id = ${workspace.id}`;
export const readRow = async () => {
  const [row] = await rows.sql`select * from workspaces where id = ${workspace.id}`;
  return row!;
};
export const readNode = async () => {
  const [row] = await rows.sql`select * from nodes where id = ${node.id}`;
  return row!;
};
