// The bot's end of the agents' connections, with real sockets and a real database; the test is the agent.
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { wordGitRefusal } from '../../bot/chat/wording.ts';
import WebSocket from 'ws';
import { issueTicket } from '../../bot/access/keys.ts';
import { createHub, type Hub } from '../../bot/nodes/hub.ts';
import { newNodeId, newWorkspaceId } from '../../bot/ids.ts';
import { serveRoutes } from '../access/http-server.ts';
import {
  dial,
  keys,
  node,
  tokenOf,
  rows,
  connect,
  hub,
  hello,
  running,
  workspace,
  readRow,
  readNode,
  greet,
  report,
  logged,
  change,
  clock,
  dotfiles,
  settle,
  reads,
  log,
} from './hub-context.ts';

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
  test('is answered with where the dotfiles of a workspace’s owner are, but for the code of a fork', async () => {
    dotfiles.set(node.owner, 'https://git.example.com/ada/dotfiles');
    const shared = { owner: node.owner, nodeId: node.id };
    const fork = await rows.addWorkspace({ ...shared, fork: { head: 'a', trusted: 'a' } as never });
    const agent = await connect();
    agent.say(hello());
    const desired = await agent.hear();
    const workspaces = desired.type === 'desired' ? desired.workspaces : [];
    const told = new Map(workspaces.map((one) => [one.id, one.dotfiles]));
    expect(told.get(workspace.id)).toBe('https://git.example.com/ada/dotfiles');
    expect([told.has(fork.id), told.get(fork.id)]).toEqual([true, undefined]);
  });

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
    const issuer = keys.issuer;
    expect(told).toEqual({
      type: 'desired',
      all: true,
      // At each connect: the bot may be elsewhere than at the node's bootstrap.
      settings: {
        origin: issuer,
        jwks: `${issuer}/.well-known/jwks.json`,
        issuer,
        environments: { runtime: 'host' },
      },
      workspaces: expect.arrayContaining([
        {
          id: workspace.id,
          name: workspace.name,
          desired: 'running',
          run: 1,
          access: 1,
          force: false,
          repository: 'https://github.com/acme/api.git',
          size: workspace.size,
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
          size: preparing.size,
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
    expect(await agent.hear()).toMatchObject({ type: 'desired', all: true, workspaces: [] });
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
      await settle(other);
    }
    reads.count = 0;
    await poll();
    // Their workspaces, who else is let in, what coding agents do there, and what is to be pushed.
    expect(reads.count).toBe(4);
    for (const one of [agent, ...others]) await settle(one);
    expect(reads.count).toBe(4);
    await change({ desired: 'stopped' });
    await poll();
    expect(await agent.hear()).toMatchObject({ workspaces: [{ desired: 'stopped' }] });
    expect(reads.count).toBe(12);
  });

  test('forgets what is gone, so that an agent that brings it up again hears of it again', async () => {
    const agent = await greet(running());
    const gone = { workspaces: [{ id: workspace.id, desired: 'deleted', force: true }] };
    await change({ desired: 'deleted', phase: 'deleted' });
    await poll();
    expect(await agent.hear()).toMatchObject(gone);
    agent.say(report(running({ phase: 'deleted' })));
    await settle(agent);
    reads.count = 0;
    await poll();
    expect(reads.count).toBe(6);
    await settle(agent);
    agent.say(report(running()));
    expect(await agent.hear()).toMatchObject(gone);
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
      environments: { runtime: 'host' },
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
