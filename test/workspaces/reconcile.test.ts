// What people ask for comes about: two bots over one database, a provider with faults, agents that do as they are told.
import { describe, expect, test } from 'vitest';
import { failureText, noticeText } from '../words.ts';
import { reconcileWorkspace } from '../../bot/workspaces/reconcile-workspace.ts';
import { until } from '../until.ts';
import {
  createWorld,
  ready,
  statusOf,
  isFailed,
  isRunning,
  isDeleted,
  isStopped,
  claimNow,
} from './world.ts';

describe('up', () => {
  test('makes one node, tells its agent, and is done when the agent says so', async () => {
    await using world = await createWorld();
    const { id, nodeId } = await ready(world);
    expect(world.provider.count('create')).toBe(1);
    expect((await world.node(nodeId)).phase).toBe('ready');
    expect(world.agents.said.get(id)).toEqual(['preparing', 'running']);
    expect(await statusOf(world, id)).toEqual(['up done']);
    const row = await world.see(id, (one) => one.leaseToken === null && one.nextAt === null);
    expect(row.lastError).toBeNull();
    expect(world.errors).toEqual([]);
  });

  test('again on the same thing is the same workspace, and no second machine', async () => {
    await using world = await createWorld();
    const { owner, id } = await ready(world);
    expect(await world.up(owner)).toBe(id);
    expect(world.provider.count('create')).toBe(1);
  });

  test('what fails on the node fails with its reason, and retry runs it again on the same node', async () => {
    await using world = await createWorld();
    const owner = await world.addUser();
    const id = await world.up(owner);
    world.agents.failing.add(id);
    world.start();
    const failed = await world.see(id, isFailed);
    expect(failed.lastError).toEqual({ class: 'configuration', message: 'No such branch.' });
    world.agents.failing.delete(id);
    await world.say(owner, 'retry api');
    const running = await world.see(id, isRunning);
    expect(running.nodeId).toBe(failed.nodeId);
    expect(running.run).toBe(2);
    expect(running.lastError).toBeNull();
    expect(await statusOf(world, id)).toEqual(['up failed', 'retry done']);
  });

  test('of two owners are two machines; of one owner they share until it is full', async () => {
    await using world = await createWorld({ limits: { workspacesPerNode: 2 } });
    const [ada, bob] = [await world.addUser('ada'), await world.addUser('bob')];
    world.start();
    const ids = await Promise.all([
      world.up(ada, 'acme/one'),
      world.up(ada, 'acme/two'),
      world.up(ada, 'acme/three'),
      world.up(bob, 'acme/one'),
    ]);
    const rows = await Promise.all(ids.map((id) => world.see(id, isRunning)));
    const nodesOf = (owner: string) =>
      new Set(rows.filter((row) => row.owner === owner).map((row) => row.nodeId));
    expect(nodesOf(ada).size).toBe(2);
    expect(nodesOf(bob).size).toBe(1);
    expect(new Set([...nodesOf(ada), ...nodesOf(bob)]).size).toBe(3);
  });

  test('more machines than a person may have is a failure that says so', async () => {
    await using world = await createWorld({ limits: { workspacesPerNode: 1, nodesPerUser: 1 } });
    const { owner } = await ready(world);
    const second = await world.up(owner, 'acme/web');
    expect(failureText((await world.see(second, isFailed)).lastError)).toBe(
      'You have 1 machine, and 1 is the most. A machine goes with its last workspace: delete one that you do not need (`rm NAME`; `list` shows yours). Those who run Sam can raise it: `limit @ada machines=2`.',
    );
  });
});

test('whoever runs Sam may ask at the console how anybody’s workspace stands, stop it and delete it, and no more', async () => {
  await using world = await createWorld();
  const id = await world.up(await world.addUser('ada'));
  const bob = await world.addUser('bob');
  expect((await world.say(bob, 'status api')).answer).toMatchObject({ ok: true, workspace: id });
  await expect(world.say(bob, 'extend api 4h')).rejects.toThrow('There is no workspace');
  expect((await world.say(bob, 'stop api')).answer).toMatchObject({ ok: true, workspace: id });
  expect((await world.see(id, (row) => row.desired === 'stopped')).notice).toMatchObject([
    { code: 'admin-stopped' },
  ]);
  expect((await world.say(bob, 'list --all')).text).toContain('ada');
  expect((await world.say(bob, 'nodes --all')).text).toContain('Nobody has a machine.');
  expect((await world.say(bob, 'rm api')).answer).toMatchObject({ ok: true, workspace: id });
  await expect(world.say(bob, 'status web')).rejects.toThrow('There is no workspace');
});

describe('rm', () => {
  test('while the machine is being made leaves nothing', async () => {
    await using world = await createWorld({ limits: { nodeWarmMs: 0 } });
    const owner = await world.addUser();
    world.provider.breakNext('create', 'hangs');
    world.start();
    const id = await world.up(owner);
    await until(() => world.provider.hanging('create') === 1);
    await world.say(owner, 'rm api');
    const { nodeId } = await world.see(id, isDeleted);
    world.provider.release();
    await world.seeNode(nodeId!, isDeleted);
    expect(world.provider.servers.size).toBe(0);
    expect(world.provider.count('create')).toBe(1);
    expect(await statusOf(world, id)).toEqual(['up superseded', 'rm done']);
  });

  test('while a create without an answer may still land removes what lands', async () => {
    await using world = await createWorld({ limits: { nodeWarmMs: 0 } });
    const owner = await world.addUser();
    world.provider.breakNext('create', 'lands-later');
    world.start();
    const id = await world.up(owner);
    await until(() => world.provider.count('create') === 1);
    await world.say(owner, 'rm api');
    const { nodeId } = await world.see(id, isDeleted);
    await world.seeNode(nodeId!, (node) => node.phase === 'deleting');
    world.provider.land();
    await world.seeNode(nodeId!, isDeleted);
    expect(world.provider.servers.size).toBe(0);
    expect(world.provider.count('remove')).toBe(1);
  });

  test('of a workspace with work says what it is and leaves it running; --force deletes it', async () => {
    await using world = await createWorld();
    const { owner, id } = await ready(world);
    world.agents.dirty.add(id);
    await world.say(owner, 'rm api');
    const kept = await world.see(id, (row) => row.notice !== null);
    expect(noticeText(kept.notice)).toBe(
      'Not deleted: 2 changed files would be lost. Commit and push it, or say `rm api --force`.',
    );
    expect(kept).toMatchObject({ desired: 'running', phase: 'running', deleteAt: null });
    expect(await statusOf(world, id)).toEqual(['up done', 'rm failed']);
    await world.say(owner, 'rm api --force');
    await world.see(id, isDeleted);
    expect(world.agents.said.get(id)?.slice(-3)).toEqual(['running', 'deleting', 'deleted']);
  });

  test('and up again makes a new workspace; the old row is never revived', async () => {
    await using world = await createWorld();
    const { owner, id, nodeId } = await ready(world);
    await world.say(owner, 'rm api');
    const second = await world.up(owner);
    expect(second).not.toBe(id);
    await world.see(second, isRunning);
    expect(await world.see(id, isDeleted)).toMatchObject({ desired: 'deleted' });
    // The machine was warm, or still in use: no second one.
    expect((await world.workspace(second)).nodeId).toBe(nodeId);
    expect(world.provider.count('create')).toBe(1);
  });

  test('of what is being deleted cannot be taken back by start', async () => {
    await using world = await createWorld();
    const { owner, nodeId } = await ready(world);
    world.agents.silent.add((await world.node(nodeId)).name);
    await world.say(owner, 'rm api');
    await expect(world.say(owner, 'start api')).rejects.toThrow('is being deleted');
  });

  test('right after restart still asks the agent for work first', async () => {
    await using world = await createWorld();
    const { owner, id } = await ready(world);
    world.agents.dirty.add(id);
    await world.say(owner, 'restart api');
    await world.say(owner, 'rm api');
    const kept = await world.see(id, (row) => row.notice !== null);
    expect(kept.desired).toBe('running');
    expect(noticeText(kept.notice)).toContain('2 changed files');
    await world.see(id, isRunning);
  });

  test('whose name and key were taken meanwhile comes back under others', async () => {
    await using world = await createWorld();
    const { owner, id } = await ready(world);
    world.agents.dirty.add(id);
    // The delete and the new workspace before any bot gets to it.
    const second = await world.database.db.transaction(async () => {
      await world.say(owner, 'rm api');
      return world.up(owner);
    });
    const kept = await world.see(id, (row) => row.notice !== null);
    expect(kept.name).toBe(`api-${id.slice(-4)}`);
    expect(noticeText(kept.notice)).toContain(`rm api-${id.slice(-4)} --force`);
    expect((await world.workspace(second)).name).toBe('api');
    await world.see(id, isRunning);
    await world.see(second, isRunning);
  });
});

describe('stop and start', () => {
  test('keep the node and the files; only the run moves', async () => {
    await using world = await createWorld();
    const { owner, id, nodeId } = await ready(world);
    await world.say(owner, 'stop api');
    const stopped = await world.see(id, isStopped);
    expect(stopped.nodeId).toBe(nodeId);
    await world.say(owner, 'start api');
    const again = await world.see(id, isRunning);
    expect(again).toMatchObject({ nodeId, run: 2 });
    expect(world.agents.said.get(id)).toEqual(['preparing', 'running', 'stopped', 'preparing', 'running']);
    expect(await statusOf(world, id)).toEqual(['up done', 'stop done', 'start done']);
  });

  test('restart begins a new run in the same place', async () => {
    await using world = await createWorld();
    const { owner, id, nodeId } = await ready(world);
    await world.say(owner, 'restart api');
    const again = await world.see(id, (row) => row.run === 2 && row.phase === 'running');
    expect(again.nodeId).toBe(nodeId);
    expect(again.reported).toMatchObject({ run: 2, phase: 'running' });
    expect(await statusOf(world, id)).toEqual(['up done', 'restart done']);
  });

  test('stop right after restart keeps the node: the files lie there', async () => {
    await using world = await createWorld();
    const { owner, id, nodeId } = await ready(world);
    await world.say(owner, 'restart api');
    await world.say(owner, 'stop api');
    const stopped = await world.see(id, isStopped);
    expect(stopped.nodeId).toBe(nodeId);
    expect(world.agents.on((await world.node(nodeId)).name)).toMatchObject([{ id, phase: 'stopped' }]);
  });

  test('stop while the machine is being made frees it, and start takes one again', async () => {
    await using world = await createWorld({ limits: { nodeWarmMs: 0 } });
    const owner = await world.addUser();
    world.provider.breakNext('create', 'hangs');
    world.start();
    const id = await world.up(owner);
    await until(() => world.provider.hanging('create') === 1);
    const [first] = await world.nodes();
    await world.say(owner, 'stop api');
    expect((await world.see(id, isStopped)).nodeId).toBeNull();
    world.provider.release();
    await world.seeNode(first!.id, isDeleted);
    await world.say(owner, 'start api');
    await world.see(id, isRunning);
    expect(world.provider.servers.size).toBe(1);
    expect(await statusOf(world, id)).toEqual(['up superseded', 'stop done', 'start done']);
  });
});

describe('time', () => {
  test('an idle workspace warns and stops by itself, and says why', async () => {
    await using world = await createWorld({ limits: { idleTimeoutMs: 1_000 } });
    const { id } = await ready(world);
    const stopped = await world.see(id, isStopped);
    expect(stopped).toMatchObject({ desired: 'stopped', isAutomatic: true });
    expect(stopped.warnedFor).not.toBeNull();
    expect(noticeText(stopped.notice)).toContain('idle');
    // Tickets and links of before are worth nothing.
    expect(stopped.access).toBe(2);
  });

  test('extend that comes in the moment of the expiry wins', async () => {
    await using world = await createWorld({ limits: { idleTimeoutMs: 60_000 } });
    const { id, owner } = await ready(world);
    await world.see(id, (row) => row.leaseToken === null && row.nextAt !== null && row.nextAt > new Date());
    await world.sql`update workspaces set last_activity_at = now() - interval '1 day', running_at = last_activity_at,
      next_at = null where id = ${id}`;
    const held = await claimNow(world, id);
    // The pass has read the row and is about to stop it.
    await world.say(owner, 'extend api 4h');
    await reconcileWorkspace(world.reconciler, held);
    expect(await world.workspace(id)).toMatchObject({ desired: 'running' });
    const after = await world.see(id, (row) => row.leaseToken === null && row.nextAt! > new Date());
    expect(after).toMatchObject({ desired: 'running', phase: 'running', access: 1 });
  });

  test('stopped for long, a workspace without work is deleted', async () => {
    await using world = await createWorld({ limits: { deleteStoppedAfterMs: 300, nodeWarmMs: 0 } });
    const { owner, id, nodeId } = await ready(world);
    await world.say(owner, 'stop api');
    await world.see(id, isDeleted);
    await world.seeNode(nodeId, isDeleted);
  });

  test('stopped for long, one with work says so and goes a day later, unless somebody starts it', async () => {
    await using world = await createWorld({ limits: { deleteStoppedAfterMs: 300 } });
    const { owner, id } = await ready(world);
    world.agents.dirty.add(id);
    await world.say(owner, 'stop api');
    const announced = await world.see(id, (row) => row.deleteAt !== null);
    expect(announced).toMatchObject({ desired: 'stopped' });
    expect(noticeText(announced.notice)).toContain(
      '2 changed files would be lost. It will be deleted all the same',
    );
    const { lastCallMs } = world.reconciler.timing;
    expect(announced.deleteAt!.getTime() - announced.phaseSince.getTime()).toBeGreaterThan(lastCallMs / 2);
    await world.say(owner, 'start api');
    expect(await world.see(id, isRunning)).toMatchObject({ deleteAt: null, notice: null });
    await world.say(owner, 'stop api');
    await world.see(id, (row) => row.deleteAt !== null);
    // The day is over.
    await world.sql`update workspaces set delete_at = now(), next_at = now(), gen = gen + 1 where id = ${id}`;
    await world.see(id, isDeleted);
  });
});
