// The bot's end of the agents' connections, with real sockets and a real database; the test is the agent.
import { once } from 'node:events';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { AgentMessage, BotMessage, WorkspaceReport } from '../../agent/protocol.ts';
import { wordGitRefusal } from '../../bot/chat/wording.ts';
import { makeSigningKey } from '../../bot/access/key-files.ts';
import { createKeys, type Keys } from '../../bot/access/keys.ts';
import { issueTicket } from '../../bot/access/tickets.ts';
import { createHub, type Hub } from '../../bot/nodes/hub.ts';
import type { Node, Workspace } from '../../bot/database/schema.ts';
import { newNodeId, newWorkspaceId } from '../../bot/ids.ts';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';
import { openRows, type Rows } from '../access/rows.ts';

let rows: Rows;
let server: TestServer;
let keys: Keys;
let hub: Hub;
let node: Node;
let workspace: Workspace;
let agents: Agent[] = [];
let logged: Record<string, unknown>[] = [];
/** How often the hub asked the database for rows. */
let reads = 0;
/** What the hub does by the clock, by period in ms. */
const clock = new Map<number, () => Promise<void>>();

const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line)) });

beforeAll(async () => {
  rows = await openRows();
  server = await serveRoutes(async (issuer) => {
    keys = await createKeys({ pems: [makeSigningKey()], issuer });
    const every = (ms: number, task: () => Promise<void>) => {
      clock.set(ms, task);
      return () => void clock.delete(ms);
    };
    const db: Rows['db'] = Object.create(rows.db, {
      select: { value: (fields: never) => (reads++, rows.db.select(fields)) },
    });
    hub = createHub({
      db,
      keys,
      log,
      traitsOf: traitsIn(providers),
      wordRefusal: wordGitRefusal,
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

const tokenOf = (nodeId: string, life = 60) => keys.sign('sam-node+jwt', { aud: 'agent', sub: nodeId }, life);

async function dial(token: string): Promise<WebSocket> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  return new WebSocket(`${server.origin.replace('http', 'ws')}/agent/connect`, { headers });
}

async function connect(nodeId = node.id): Promise<Agent> {
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

const hello = (...workspaces: WorkspaceReport[]): AgentMessage => ({
  type: 'hello',
  protocol: 1,
  version: '0.1.0',
  now: Date.now(),
  terminalPort: 4321,
  workspaces,
});
const report = (...workspaces: WorkspaceReport[]): AgentMessage => ({
  type: 'report',
  now: Date.now(),
  workspaces,
});
const running = (patch: Partial<WorkspaceReport> = {}): WorkspaceReport => ({
  id: workspace.id,
  phase: 'running',
  run: 1,
  sessions: 0,
  ...patch,
});

async function greet(...workspaces: WorkspaceReport[]): Promise<Agent> {
  const agent = await connect();
  agent.say(hello(...workspaces));
  expect(await agent.hear()).toMatchObject({ type: 'desired', all: true });
  return agent;
}

/** Resolves when the bot has taken in everything that was said before. */
async function settle(agent: Agent): Promise<void> {
  const id = Math.random();
  agent.say({ type: 'log', id, lines: [] });
  for (;;) {
    const message = await agent.hear();
    if (message.type === 'logged' && message.id === id) return;
    throw new Error(`the bot said ${JSON.stringify(message)}`);
  }
}

const change = (patch: Partial<Pick<Workspace, 'phase' | 'desired' | 'access' | 'run' | 'force'>>) =>
  rows.sql`update workspaces set ${rows.sql(patch)} where id = ${workspace.id}`;
const readRow = async () => {
  const [row] = await rows.sql`select * from workspaces where id = ${workspace.id}`;
  return row!;
};
const readNode = async () => {
  const [row] = await rows.sql`select * from nodes where id = ${node.id}`;
  return row!;
};

describe('who may connect', () => {
  async function statusFor(token: string): Promise<number | undefined> {
    const socket = await dial(token);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    socket.on('error', () => {});
    socket.terminate();
    return response.statusCode;
  }

  test('a node with its token, and neither a ticket, nor a late token, nor a stranger', async () => {
    const ticket = await issueTicket(keys, { workspace: 'ws-a', user: node.id, access: 1, drive: true });
    for (const token of ['', 'guess', ticket, await tokenOf(node.id, -6)])
      expect(await statusFor(token)).toBe(401);
    expect(await statusFor(await tokenOf(newNodeId()))).toBe(404);
    await rows.sql`update nodes set phase = 'deleted' where id = ${node.id}`;
    expect(await statusFor(await tokenOf(node.id))).toBe(404);
  });
});

describe('hello', () => {
  test('makes the node heard and ready, and is answered with all that is desired', async () => {
    const preparing = await rows.addWorkspace({
      owner: node.owner,
      nodeId: node.id,
      phase: 'preparing',
      repository: '/home/ada/api',
    });
    await rows.addWorkspace({ owner: node.owner, nodeId: node.id, phase: 'queued' });
    const agent = await connect();
    expect(hub.isConnected(node.id)).toBe(false);
    agent.say(hello(running({ commit: 'abc' })));
    const told = await agent.hear();
    expect(hub.isConnected(node.id)).toBe(true);
    expect(told).toEqual({
      type: 'desired',
      all: true,
      workspaces: expect.arrayContaining([
        {
          id: workspace.id,
          name: workspace.name,
          desired: 'running',
          run: 1,
          access: 1,
          force: false,
          repository: 'https://github.com/acme/api.git',
          ref: 'main',
        },
        {
          id: preparing.id,
          name: preparing.name,
          desired: 'running',
          run: 1,
          access: 1,
          force: false,
          repository: '/home/ada/api',
        },
      ]),
    });
    expect(told.type === 'desired' && told.workspaces).toHaveLength(2);
    expect((await readRow())['reported']).toMatchObject({ phase: 'running', commit: 'abc' });
    const heard = await readNode();
    expect(heard).toMatchObject({ agent_version: '0.1.0', terminal_port: 4321 });
    expect(heard['ready_at']).not.toBeNull();
    expect(heard['last_heard_at']).not.toBeNull();
  });

  test('said twice is answered in full twice', async () => {
    const agent = await greet(running());
    agent.say(hello(running()));
    expect(await agent.hear()).toMatchObject({ all: true, workspaces: [{ id: workspace.id }] });
  });

  test('of a machine in a cloud cannot make the bot connect to a port of its own choice', async () => {
    await rows.sql`update nodes set provider = 'hetzner', terminal_port = null where id = ${node.id}`;
    await greet();
    expect((await readNode())['terminal_port']).toBeNull();
  });

  test('comes first: what is said before it is dropped', async () => {
    const agent = await connect();
    agent.say(report(running()));
    agent.say({ type: 'log', id: 1, lines: [{ workspace: workspace.id, at: 1, step: 'x', text: 'early' }] });
    agent.say(hello());
    expect(await agent.hear()).toMatchObject({ type: 'desired', all: true });
    expect((await readRow())['reported']).toBeNull();
    expect(logged.map((line) => line['msg'])).toEqual([
      'the agent spoke before it said hello',
      'the agent spoke before it said hello',
    ]);
  });
});

describe('after hello', () => {
  test('only what changes is said, at a hint or at the next poll', async () => {
    await rows.addWorkspace({ owner: node.owner, nodeId: node.id });
    const agent = await greet(running());
    await hub.refresh(node.id);
    await change({ desired: 'stopped' });
    await hub.refresh(node.id);
    const told = await agent.hear();
    expect(told).toMatchObject({ all: false, workspaces: [{ id: workspace.id, desired: 'stopped' }] });
    expect(told.type === 'desired' && told.workspaces).toHaveLength(1);
    await change({ phase: 'preparing', desired: 'running', run: 2 });
    await clock.get(5_000)!();
    expect(await agent.hear()).toMatchObject({ workspaces: [{ desired: 'running', run: 2 }] });
    await hub.refresh(node.id);
    await settle(agent);
  });

  test('a revocation is said at once, with what else changed', async () => {
    const agent = await greet(running());
    await change({ access: 2, desired: 'stopped' });
    await hub.refresh(node.id);
    expect(await agent.hear()).toMatchObject({ workspaces: [{ desired: 'stopped', access: 2 }] });
    expect(await agent.hear()).toEqual({ type: 'revoke', workspace: workspace.id, access: 2 });
  });

  test('a deletion says whether it was forced', async () => {
    const agent = await greet(running());
    await change({ desired: 'deleted' });
    await hub.refresh(node.id);
    expect(await agent.hear()).toMatchObject({ workspaces: [{ desired: 'deleted', force: false }] });
    await change({ force: true, phase: 'deleting' });
    await hub.refresh(node.id);
    expect(await agent.hear()).toMatchObject({ workspaces: [{ desired: 'deleted', force: true }] });
  });

  test('a failed one is stopped', async () => {
    const agent = await greet(running());
    await change({ phase: 'failed' });
    await hub.refresh(node.id);
    expect(await agent.hear()).toMatchObject({ workspaces: [{ desired: 'stopped' }] });
  });

  test('one that waits for the reconciler is left as it was, until it has begun', async () => {
    await change({ phase: 'stopped', desired: 'stopped' });
    const agent = await greet(running({ phase: 'stopped' }));
    await change({ desired: 'running', run: 2 });
    await hub.refresh(node.id);
    await settle(agent);
    await change({ phase: 'preparing' });
    await hub.refresh(node.id);
    expect(await agent.hear()).toMatchObject({ workspaces: [{ desired: 'running', run: 2 }] });
  });

  test('an agent that was away is told everything again, old access included', async () => {
    const first = await greet(running());
    await first.leave();
    await change({ access: 7, phase: 'stopping', desired: 'running' });
    const agent = await connect();
    agent.say(hello(running()));
    expect(await agent.hear()).toEqual({ type: 'desired', all: true, workspaces: [] });
    expect(await agent.hear()).toEqual({ type: 'revoke', workspace: workspace.id, access: 7 });
    await change({ phase: 'running' });
    await agent.leave();
    const again = await connect();
    again.say(hello(running()));
    expect(await again.hear()).toMatchObject({ all: true, workspaces: [{ id: workspace.id, access: 7 }] });
  });

  test('a workspace that nobody knows is left alone; one that is deleted, or another’s, has to go or to stay', async () => {
    const elsewhere = await rows.addWorkspace();
    await change({ phase: 'deleted', desired: 'deleted' });
    const agent = await connect();
    const unknown = newWorkspaceId();
    agent.say(hello(running(), running({ id: unknown }), running({ id: elsewhere.id })));
    expect(await agent.hear()).toMatchObject({
      all: true,
      workspaces: [{ id: workspace.id, desired: 'deleted', force: true }],
    });
    const [row] = await rows.sql`select reported from workspaces where id = ${elsewhere.id}`;
    expect(row!['reported']).toBeNull();
    agent.say(report(running({ phase: 'deleted' })));
    await hub.refresh(node.id);
    await settle(agent);
  });

  test('one that is deleted without the agent’s word is told as soon as the agent speaks of it', async () => {
    await change({ phase: 'deleted', desired: 'deleted' });
    const agent = await greet();
    agent.say(report(running()));
    expect(await agent.hear()).toMatchObject({
      all: false,
      workspaces: [{ desired: 'deleted', force: true }],
    });
  });
});

describe('a poll', () => {
  const poll = (): Promise<void> => clock.get(5_000)!();

  test('asks once for all nodes, and again only for those that have something to hear', async () => {
    const agent = await greet(running());
    const others = [await connect((await rows.addNode()).id), await connect((await rows.addNode()).id)];
    for (const other of others) {
      other.say(hello());
      await other.hear();
    }
    reads = 0;
    await poll();
    expect(reads).toBe(1);
    for (const one of [agent, ...others]) await settle(one);
    expect(reads).toBe(1);
    await change({ desired: 'stopped' });
    await poll();
    expect(await agent.hear()).toMatchObject({ workspaces: [{ desired: 'stopped' }] });
    expect(reads).toBe(3);
  });

  test('forgets what is gone, so that an agent that brings it up again hears of it again', async () => {
    const agent = await greet(running());
    const gone = { workspaces: [{ id: workspace.id, desired: 'deleted', force: true }] };
    await change({ desired: 'deleted', phase: 'deleted' });
    await poll();
    expect(await agent.hear()).toMatchObject(gone);
    agent.say(report(running({ phase: 'deleted' })));
    await settle(agent);
    reads = 0;
    await poll();
    expect(reads).toBe(2);
    await settle(agent);
    agent.say(report(running()));
    expect(await agent.hear()).toMatchObject(gone);
  });
});

describe('what agents say', () => {
  test('of their workspaces is kept, and wakes the reconciler only if it is news', async () => {
    const agent = await greet();
    const before = (await readRow())['gen'] as number;
    agent.say(report(running({ phase: 'preparing', step: 'clone' })));
    await settle(agent);
    expect(await readRow()).toMatchObject({ gen: before + 1, reported: { step: 'clone' } });
    agent.say(report(running({ phase: 'preparing', step: 'clone' })));
    await settle(agent);
    expect((await readRow())['gen']).toBe(before + 1);
  });

  test.each([
    ['slow by a year', -365 * 24 * 3600_000],
    ['fast by a year', 365 * 24 * 3600_000],
  ])('of people’s activity is right with a clock that is %s', async (_name, skew) => {
    await rows.sql`update workspaces set last_activity_at = now() - interval '1 hour' where id = ${workspace.id}`;
    const agent = await connect();
    const now = Date.now() + skew;
    agent.say({ ...hello(running({ activityAt: now - 60_000 })), now });
    await agent.hear();
    const ago = Date.now() - (await readRow())['last_activity_at'].getTime();
    expect(ago).toBeGreaterThan(59_000);
    expect(ago).toBeLessThan(70_000);
  });

  test('of activity is never in the future', async () => {
    await rows.sql`update workspaces set last_activity_at = now() - interval '1 hour' where id = ${workspace.id}`;
    const agent = await greet();
    agent.say(report(running({ activityAt: Date.now() + 3600_000 })));
    await settle(agent);
    expect((await readRow())['last_activity_at'].getTime()).toBeLessThanOrEqual(Date.now() + 1000);
  });

  test('in log lines is kept with our time, then they may forget it; strangers’ lines are dropped', async () => {
    const elsewhere = await rows.addWorkspace();
    const agent = await connect();
    const now = Date.now() - 3600_000;
    agent.say({ ...hello(), now });
    await agent.hear();
    const line = (id: string, text: string) => ({ workspace: id, at: now, step: 'clone', text });
    agent.say({ type: 'log', id: 7, lines: [line(workspace.id, 'mine'), line(elsewhere.id, 'theirs')] });
    expect(await agent.hear()).toEqual({ type: 'logged', id: 7 });
    const kept =
      await rows.sql`select text, at from logs where workspace_id in ${rows.sql([workspace.id, elsewhere.id])}`;
    expect(kept.map((row) => row['text'])).toEqual(['mine']);
    expect(Math.abs(Date.now() - kept[0]!['at'].getTime())).toBeLessThan(10_000);
  });

  test('of their load is kept between 0 and 1', async () => {
    const agent = await greet();
    agent.say({ ...report(), load: { cpu: 1.7, memory: 0.25 } });
    await settle(agent);
    expect((await readNode())['load']).toEqual({ cpu: 1, memory: 0.25 });
  });

  test('if it is junk, it is dropped and logged, and the connection goes on', async () => {
    const agent = await greet();
    const junk = [
      'no json',
      '{}',
      '[]',
      'null',
      '{"type":"desired","all":true,"workspaces":[]}',
      JSON.stringify({ ...report(running()), now: 1e300 }),
      JSON.stringify(report({ ...running(), run: -1 })),
      JSON.stringify(report({ ...running(), id: '../../etc' })),
      JSON.stringify(report({ ...running(), phase: 'queued' as 'running' })),
      JSON.stringify({ ...report(), workspaces: Array.from({ length: 1001 }, () => running()) }),
    ];
    for (const text of junk) agent.say(text);
    agent.socket.send(Buffer.from([0, 1, 2]));
    await settle(agent);
    expect(logged).toHaveLength(junk.length + 1);
    expect((await readRow())['reported']).toBeNull();
  });

  test('with letters that a database cannot hold is kept without them', async () => {
    const agent = await greet();
    const text = 'a\0b\ud800c';
    agent.say(report(running({ phase: 'failed', failure: { class: 'internal', message: text } })));
    agent.say({ type: 'log', id: 1, lines: [{ workspace: workspace.id, at: 1, step: 'x', text }] });
    expect(await agent.hear()).toEqual({ type: 'logged', id: 1 });
    expect((await readRow())['reported'].failure.message).toBe('ab\ufffdc');
  });

  test('of colours, titles and moves tells the terminal of whoever reads it nothing', async () => {
    const agent = await greet();
    const text =
      'a\u001b[31mred\u001b[0m\u001b]0;title\u0007\u001b]52;c;cm0gLXJm\u001b\\\u001b[2J\u009b2J\r\u202ebc\n\td\u001b]8;;x';
    agent.say(report(running({ phase: 'failed', failure: { class: 'internal', message: text } })));
    agent.say({ type: 'log', id: 1, lines: [{ workspace: workspace.id, at: 1, step: 'x', text }] });
    expect(await agent.hear()).toEqual({ type: 'logged', id: 1 });
    expect((await readRow())['reported'].failure.message).toBe('ared2Jbc\n\td]8;;x');
  });

  test.each(['\u001b]', '\u001b[', '\u001b[1;', '\u009b1;', '\u001b]a;', '\u001bP'])(
    'of %j for a megabyte takes no time',
    async (piece) => {
      const agent = await greet();
      const text = piece.repeat((1 << 20) / piece.length);
      const startedAt = performance.now();
      agent.say({ type: 'log', id: 1, lines: [{ workspace: workspace.id, at: 1, step: 'x', text }] });
      expect(await agent.hear()).toEqual({ type: 'logged', id: 1 });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    },
  );

  test('is answered in the order in which it was said, however much it is', async () => {
    const agent = await greet();
    const count = 200;
    for (let id = 0; id < count; id++) agent.say({ type: 'log', id, lines: [] });
    for (let id = 0; id < count; id++) expect(await agent.hear()).toEqual({ type: 'logged', id });
  });

  test('beyond 4 MiB in one message ends the connection', async () => {
    const agent = await greet();
    agent.say('x'.repeat((4 << 20) + 1));
    expect(await agent.closed).toBe(1009);
  });
});

describe('the end of a connection', () => {
  test('wakes the reconciler at once', async () => {
    const agent = await greet();
    await rows.sql`update nodes set next_at = null where id = ${node.id}`;
    const { gen } = await readNode();
    agent.socket.terminate();
    await expect.poll(async () => (await readNode())['next_at']).not.toBeNull();
    expect((await readNode())['gen']).toBe(gen + 1);
    expect(hub.isConnected(node.id)).toBe(false);
  });

  test('is quiet when a newer one has taken over, and what the older one still says is dropped', async () => {
    const older = await greet();
    // It does not hear yet that it is replaced.
    older.socket.pause();
    const newer = await greet();
    await rows.sql`update nodes set next_at = null where id = ${node.id}`;
    older.say(report(running()));
    older.socket.resume();
    expect(await older.closed).toBe(1008);
    // Far more statements than it would take to write that report down.
    for (let count = 0; count < 50; count++) await hub.refresh(node.id);
    await settle(newer);
    expect(hub.isConnected(node.id)).toBe(true);
    expect((await readRow())['reported']).toBeNull();
    expect((await readNode())['next_at']).toBeNull();
  });

  test('comes when what was said could not be kept, so that it is said again', async () => {
    const agent = await greet();
    await rows.sql`alter table logs rename to logs_away`;
    try {
      agent.say({
        type: 'log',
        id: 1,
        lines: [{ workspace: workspace.id, at: 1, step: 'clone', text: 'between us' }],
      });
      expect(await agent.closed).toBe(1011);
    } finally {
      await rows.sql`alter table logs_away rename to logs`;
    }
    expect(JSON.stringify(logged)).toContain('Failed query: insert into');
    expect(JSON.stringify(logged)).not.toContain('between us');
    await greet();
  });
});

describe('heartbeats', () => {
  const beat = (): void => void clock.get(15_000)!();

  test('of those who answer are written down, in one statement, and leave activity alone', async () => {
    const agent = await greet(running());
    const { last_activity_at: activity } = await readRow();
    await rows.sql`update nodes set last_heard_at = null where id = ${node.id}`;
    beat();
    await once(agent.socket, 'ping');
    await expect.poll(async () => (await readNode())['last_heard_at']).not.toBeNull();
    expect((await readRow())['last_activity_at']).toEqual(activity);
  });

  test('that are missed three times end the connection', async () => {
    const agent = await greet();
    // All in one turn: nothing of the agent can arrive in between.
    for (let count = 0; count < 4; count++) beat();
    expect(await agent.closed).toBe(1006);
  });
});

test('when the bot ends, every agent is told that it goes away', async () => {
  const tasks = new Map<number, () => void>();
  const every = (ms: number, task: () => Promise<void>) => {
    tasks.set(ms, () => void task());
    return () => void tasks.delete(ms);
  };
  let last!: Hub;
  const ending = await serveRoutes(async () => {
    last = createHub({
      db: rows.db,
      keys,
      log,
      traitsOf: traitsIn(providers),
      wordRefusal: wordGitRefusal,
      every,
    });
    return { upgrades: [last.upgrade] };
  });
  const url = `${ending.origin.replace('http', 'ws')}/agent/connect`;
  const headers = { authorization: `Bearer ${await tokenOf(node.id)}` };
  const socket = new WebSocket(url, { headers });
  await once(socket, 'open');
  const closed = once(socket, 'close');
  await last.close();
  expect((await closed)[0]).toBe(1001);
  expect(tasks.size).toBe(0);
  const late = new WebSocket(url, { headers });
  late.on('error', () => {});
  const [, response] = (await once(late, 'unexpected-response')) as [unknown, { statusCode: number }];
  expect(response.statusCode).toBe(503);
  late.terminate();
  await ending.close();
});
