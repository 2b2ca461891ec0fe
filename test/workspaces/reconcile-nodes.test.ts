// A workspace's node comes about, whatever its provider does; it is made once, and goes when nobody needs it.
import { describe, expect, test } from 'vitest';
import { failureText, noticeText } from '../words.ts';
import * as store from '../../bot/workspaces/store.ts';
import { until } from '../until.ts';
import { createWorld, ready, isRunning, isFailed, isDeleted, isStopped, sweep } from './world.ts';

describe('a provider that fails', () => {
  test('a create that worked but was answered with an error is adopted: one server, one create', async () => {
    await using world = await createWorld();
    world.provider.breakNext('create', 'lost-answer');
    await ready(world);
    expect(world.provider.count('create')).toBe(1);
    expect(world.provider.servers.size).toBe(1);
  });

  test('a create that got no answer and lands late is adopted, too', async () => {
    await using world = await createWorld();
    world.provider.breakNext('create', 'lands-later');
    const owner = await world.addUser();
    world.start();
    const id = await world.up(owner);
    await until(() => world.provider.count('create') === 1);
    world.provider.land();
    await world.see(id, isRunning);
    expect(world.provider.count('create')).toBe(1);
    expect(world.provider.servers.size).toBe(1);
  });

  test('a create that never landed is repeated after the quiet period, and then there is one server', async () => {
    await using world = await createWorld();
    world.provider.breakNext('create', 'error');
    await ready(world);
    const creates = world.provider.calls.filter((call) => call.operation === 'create');
    expect(creates).toHaveLength(2);
    const pauseMs = creates[1]!.at - creates[0]!.at;
    // The database's clock is read a moment before the call is counted.
    expect(pauseMs).toBeGreaterThan(world.reconciler.timing.quietMs - 100);
    expect(world.provider.servers.size).toBe(1);
  });

  test('a provider that goes on failing is given up after a while, with its reason', async () => {
    await using world = await createWorld({ baseMs: 50 });
    world.provider.breakNext('create', 'error', 100);
    const owner = await world.addUser();
    world.start();
    const id = await world.up(owner);
    const failed = await world.see(id, isFailed);
    expect(failed.lastError).toEqual({
      class: 'provider',
      code: 'provider-unavailable',
      details: { said: 'fake: create: error.' },
    });
    await world.seeNode(failed.nodeId!, isDeleted);
  });

  test('a refusal fails at once with its cause, leaves no server, and retry makes a new node', async () => {
    await using world = await createWorld();
    world.provider.breakNext('create', 'refusal');
    const owner = await world.addUser();
    world.start();
    const id = await world.up(owner);
    const failed = await world.see(id, isFailed);
    expect(failed.lastError).toEqual({
      class: 'configuration',
      code: 'provider-refused',
      details: { said: 'fake: create: refusal.' },
    });
    await world.seeNode(failed.nodeId!, isDeleted);
    expect(world.provider.servers.size).toBe(0);
    await world.say(owner, 'retry api');
    const running = await world.see(id, isRunning);
    expect(running.nodeId).not.toBe(failed.nodeId);
    // Nothing had been there, so nothing was lost.
    expect(running.notice).toBeNull();
  });

  test('looks and removals that fail are repeated until they work', async () => {
    await using world = await createWorld({ limits: { nodeWarmMs: 0 } });
    const { owner, nodeId } = await ready(world);
    world.provider.breakNext('remove', 'error');
    world.provider.breakNext('find', 'error');
    await world.say(owner, 'rm api');
    const gone = await world.seeNode(nodeId, isDeleted);
    expect(world.provider.servers.size).toBe(0);
    expect(gone.attempts).toBe(0);
  });

  test('a removal that worked but was answered with an error is believed when the server is gone', async () => {
    await using world = await createWorld({ limits: { nodeWarmMs: 0 } });
    const { owner, nodeId } = await ready(world);
    world.provider.breakNext('remove', 'lost-answer');
    await world.say(owner, 'rm api');
    await world.seeNode(nodeId, isDeleted);
    expect(world.provider.count('remove')).toBe(1);
  });

  test('that hangs holds up no row that does not need it', async () => {
    await using world = await createWorld({ bots: 1, limits: { workspacesPerNode: 1 } });
    const slow = await world.addUser('slow');
    world.provider.breakNext('create', 'hangs', 8);
    world.start();
    for (let count = 0; count < 8; count++) await world.up(slow, `acme/slow${count}`);
    await until(() => world.provider.hanging('create') === 8);
    const id = await world.up(await world.addUser('quick'));
    await world.see(id, (row) => row.phase === 'provisioning');
  });
});

describe('nodes', () => {
  test('one that nobody needs stays warm for the next workspace, and goes when the time is over', async () => {
    await using world = await createWorld({ limits: { nodeWarmMs: 60_000 } });
    const { owner, id, nodeId } = await ready(world);
    await world.say(owner, 'rm api');
    await world.see(id, isDeleted);
    await world.seeNode(nodeId, (node) => node.idleSince !== null);
    const second = await world.up(owner, 'acme/web');
    expect((await world.see(second, isRunning)).nodeId).toBe(nodeId);
    await world.seeNode(nodeId, (node) => node.idleSince === null);
    world.limits.nodeWarmMs = 100;
    await world.say(owner, 'rm web');
    await world.seeNode(nodeId, isDeleted);
    expect(world.provider.servers.size).toBe(0);
    expect(world.provider.count('create')).toBe(1);
  });

  test('one that a stopped second workspace leaves before it began is looked at again', async () => {
    await using world = await createWorld({ limits: { nodeWarmMs: 0 } });
    const { owner, id, nodeId } = await ready(world);
    const second = await world.up(owner, 'acme/web');
    await world.say(owner, 'stop web');
    await world.see(second, isStopped);
    await world.say(owner, 'rm web');
    await world.say(owner, 'rm api');
    await world.see(id, isDeleted);
    await world.seeNode(nodeId, isDeleted);
  });

  test('a server that vanished fails its workspaces with a next step; retry begins anew and says what is lost', async () => {
    await using world = await createWorld();
    const { owner, id, nodeId } = await ready(world);
    world.provider.servers.clear();
    await sweep(world, 'servers');
    const failed = await world.see(id, isFailed);
    expect(failureText(failed.lastError)).toContain('machine is gone');
    await world.say(owner, 'retry api');
    const running = await world.see(id, isRunning);
    expect(running.nodeId).not.toBe(nodeId);
    expect(noticeText(running.notice)).toContain('fresh checkout');
  });

  test('one that is silent is unhealthy, and ready again when its agent speaks; its workspace stays', async () => {
    await using world = await createWorld({ silenceMs: 400 });
    const { id, nodeId } = await ready(world);
    const { name } = await world.node(nodeId);
    world.agents.silent.add(name);
    await until(async () => {
      await sweep(world, 'silent-nodes');
      return (await world.node(nodeId)).phase === 'unhealthy';
    });
    expect((await world.workspace(id)).phase).toBe('running');
    world.agents.silent.delete(name);
    await world.seeNode(nodeId, (node) => node.phase === 'ready');
    expect((await world.workspace(id)).phase).toBe('running');
    expect(world.agents.said.get(id)).toEqual(['preparing', 'running']);
  });

  test('one that somebody powered off is started again', async () => {
    await using world = await createWorld();
    const { nodeId } = await ready(world);
    const { name } = await world.node(nodeId);
    world.provider.servers.set(name, { ...world.provider.servers.get(name)!, status: 'off' });
    await store.wakeNodes(world.db, [nodeId]);
    await until(() => world.provider.count('start') > 0);
    await world.seeNode(nodeId, (node) => node.phase === 'ready');
  });
});
