// What people ask for comes about: two bots over one database, a provider with faults, agents that do as they are told.
import { describe, expect, test } from 'vitest';
import type { Node } from '../../bot/database/schema.ts';
import { reconcileNode } from '../../bot/workspaces/reconcile-node.ts';
import { reconcileWorkspace } from '../../bot/workspaces/reconcile-workspace.ts';
import { createSweeps } from '../../bot/workspaces/sweeps/sweeps.ts';
import { until } from '../until.ts';
import { createWorld, type World } from './world.ts';
import { failureText, noticeText } from '../words.ts';
import type { Held } from '../../bot/database/types.ts';
import { markCreateSent } from '../../bot/workspaces/store/node-changes.ts';
import { wakeNodes } from '../../bot/workspaces/store/nodes.ts';
import { claimNode, claimWorkspace } from '../../bot/workspaces/store/passes.ts';

const isRunning = (row: { phase: string }): boolean => row.phase === 'running';
const isStopped = (row: { phase: string }): boolean => row.phase === 'stopped';
const isFailed = (row: { phase: string }): boolean => row.phase === 'failed';
const isDeleted = (row: { phase: string }): boolean => row.phase === 'deleted';

/** A workspace that runs, and its owner. */
async function ready(world: World): Promise<{ owner: string; id: string; nodeId: string }> {
  const owner = await world.addUser();
  world.start();
  const id = await world.up(owner);
  const { nodeId } = await world.see(id, isRunning);
  return { owner, id, nodeId: nodeId! };
}

async function sweep({ reconciler }: World, name: string): Promise<void> {
  const sweeps = createSweeps(reconciler);
  await sweeps.find((one) => one.name === name)!.run();
}

const statusOf = async ({ sql }: World, id: string): Promise<string[]> =>
  (await sql`select verb || ' ' || status as text from commands where workspace_id = ${id} order by seq`).map(
    (row) => row['text'] as string,
  );

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
      'You have 1 machine already, which is the most a person may have. A machine goes with its last workspace: delete one that you do not need (`rm NAME`; `list` shows yours).',
    );
  });
});

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
    await wakeNodes(world.db, [nodeId]);
    await until(() => world.provider.count('start') > 0);
    await world.seeNode(nodeId, (node) => node.phase === 'ready');
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

/** The claim on this very row. */
async function claimNow(world: World, id: string): Promise<Held<Awaited<ReturnType<World['workspace']>>>> {
  const [leased] = await world.sql<{ now: Date }[]>`update workspaces set lease_token = 'test',
    lease_until = clock_timestamp() + interval '30 seconds' where id = ${id} returning clock_timestamp() as now`;
  return { row: await world.workspace(id), token: 'test', now: leased!.now };
}

describe('a bot that dies in the middle', () => {
  /** What a dead bot holds comes free when its lease ends. */
  const endLeases = async ({ sql }: World): Promise<void> => {
    await sql`update nodes set lease_until = clock_timestamp() where lease_until is not null`;
    await sql`update workspaces set lease_until = clock_timestamp() where lease_until is not null`;
  };
  /** One pass of the first due node that never comes to its end. */
  const dieIn = async (world: World, nodeId: string): Promise<void> => {
    await world.sql`update nodes set next_at = clock_timestamp() - interval '1 hour' where id = ${nodeId}`;
    const held = (await claimNode(world.db))!;
    expect(held.row.id).toBe(nodeId);
    const before = world.provider.calls.length;
    // When the test ends it comes back, and may find the database closed.
    reconcileNode(world.reconciler, held).catch(() => {});
    await until(() => world.provider.calls.length > before);
  };
  /** A workspace with its node's row, and nothing outside. */
  const placed = async (world: World): Promise<{ id: string; node: Node }> => {
    const id = await world.up(await world.addUser());
    await reconcileWorkspace(world.reconciler, (await claimWorkspace(world.db))!);
    return { id, node: (await world.nodes())[0]! };
  };

  test('with a claim and nothing done: another goes on', async () => {
    await using world = await createWorld();
    const id = await world.up(await world.addUser());
    expect(await claimWorkspace(world.db)).toBeDefined();
    expect(await claimWorkspace(world.db)).toBeUndefined();
    await endLeases(world);
    world.start();
    await world.see(id, isRunning);
  });

  test('before the create was sent, but after it was noted: one server, after the quiet period', async () => {
    await using world = await createWorld();
    const { id } = await placed(world);
    const held = (await claimNode(world.db))!;
    expect(await markCreateSent(world.db, held)).toBe(true);
    await endLeases(world);
    world.start();
    await world.see(id, isRunning);
    expect(world.provider.count('create')).toBe(1);
  });

  test('after the create arrived, before its answer: the server is adopted', async () => {
    await using world = await createWorld();
    const { id, node } = await placed(world);
    world.provider.breakNext('create', 'bot-dies');
    await dieIn(world, node.id);
    await endLeases(world);
    world.start();
    await world.see(id, isRunning);
    expect(world.provider.count('create')).toBe(1);
  });

  test('after the server was removed, before that was written down: the node is deleted all the same', async () => {
    await using world = await createWorld({ limits: { nodeWarmMs: 0 } });
    const { id, node } = await placed(world);
    const { owner } = await world.workspace(id);
    world.start();
    await world.see(id, isRunning);
    world.provider.breakNext('remove', 'bot-dies');
    await world.say(owner, 'rm api');
    await until(() => world.provider.count('remove') === 1);
    await endLeases(world);
    await world.seeNode(node.id, isDeleted);
    expect(world.provider.servers.size).toBe(0);
  });

  test('that comes back from the dead writes nothing over what happened meanwhile', async () => {
    await using world = await createWorld();
    const { id, node } = await placed(world);
    world.provider.breakNext('create', 'hangs');
    await dieIn(world, node.id);
    await until(() => world.provider.hanging('create') === 1);
    await endLeases(world);
    world.start();
    // Its request arrives after all: the name is unique, so there is one server.
    world.provider.release();
    await world.see(id, isRunning);
    expect(world.provider.servers.size).toBe(1);
    expect((await world.nodes()).map((one) => one.phase)).toEqual(['ready']);
  });
});
