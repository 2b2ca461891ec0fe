// What becomes of a workspace that failed when nobody goes on with it: two bots over one database, agents that do as they are told.
import { expect, test } from 'vitest';
import { noticeText } from '../words.ts';
import { createWorld, isDeleted, isFailed, isRunning, isStopped, sweep, type World } from './world.ts';
import type { Limits } from '../../bot/workspaces/reconcile-workspace.ts';

/** A workspace that cannot get ready; `isEmpty`: its agent never gets as far as a checkout. */
async function failing(limits: Partial<Limits>, isEmpty: boolean): Promise<{ world: World } & Failed> {
  const world = await createWorld({ limits });
  const owner = await world.addUser();
  const id = await world.up(owner);
  world.agents.failing.add(id);
  if (isEmpty) world.agents.empty.add(id);
  world.start();
  return { world, owner, id };
}

interface Failed {
  owner: string;
  id: string;
}

const DAY = 24 * 3_600_000;

test('one that has no files gives its machine back at once, and the machine goes when nobody else wants it', async () => {
  const { world, owner, id } = await failing({ nodeWarmMs: 0, idleTimeoutMs: DAY }, true);
  await using _ = world;
  const left = await world.see(id, (row) => row.phase === 'failed' && row.nodeId === null);
  expect(left).toMatchObject({ desired: 'running', lastError: { message: 'No such branch.' }, notice: null });
  const [node] = await world.sql<{ id: string }[]>`select id from nodes`;
  await world.seeNode(node!.id, isDeleted);
  expect(world.provider.servers.size).toBe(0);
  expect(world.agents.said.get(id)).toEqual(['failed', 'deleting', 'deleted']);
  // Tried again it gets another one, and nothing is said to be lost.
  world.agents.failing.delete(id);
  await world.say(owner, 'retry api');
  const running = await world.see(id, isRunning);
  expect(running).toMatchObject({ run: 2, notice: null });
  expect(running.nodeId).not.toBe(node!.id);
});

test('on a machine that others share it leaves nothing, and they stay', async () => {
  const world = await createWorld({ limits: { idleTimeoutMs: DAY } });
  await using _ = world;
  const owner = await world.addUser();
  world.start();
  const good = await world.up(owner, 'acme/web');
  const { nodeId } = await world.see(good, isRunning);
  const bad = await world.up(owner);
  world.agents.failing.add(bad);
  world.agents.empty.add(bad);
  await world.say(owner, 'restart api');
  await world.see(bad, (row) => row.phase === 'failed' && row.nodeId === null);
  const { name } = await world.node(nodeId!);
  expect(world.agents.on(name).map((one) => one.id)).toEqual([good]);
});

test('one that has files keeps its machine, warns, stops, and goes like any that is stopped for long', async () => {
  const { world, id } = await failing({ nodeWarmMs: 0, idleTimeoutMs: 2_000 }, false);
  await using _ = world;
  const failed = await world.see(id, isFailed);
  expect(failed.nodeId).not.toBeNull();
  const stopped = await world.see(id, (row) => row.phase === 'stopped' && row.nextAt === null);
  expect(stopped).toMatchObject({ desired: 'stopped', isAutomatic: true, nodeId: failed.nodeId });
  expect(Number(stopped.warnedFor) - Number(failed.phaseSince)).toBe(2_000);
  expect(noticeText(stopped.notice)).toContain('idle');
  world.reconciler.limits.deleteStoppedAfterMs = 300;
  await sweep(world, 'resting');
  await world.see(id, isDeleted);
  await world.seeNode(failed.nodeId!, isDeleted);
});

test('kept, it stays failed and keeps its machine until then', async () => {
  const { world, owner, id } = await failing({ idleTimeoutMs: DAY }, false);
  await using _ = world;
  await world.see(id, isFailed);
  await world.say(owner, 'extend api 2d');
  // Nobody was there for long.
  await world.sql`update workspaces set last_activity_at = now() - interval '3 days', phase_since = now() - interval '3 days',
    next_at = now(), gen = gen + 1 where id = ${id}`;
  const kept = await world.see(id, (row) => row.leaseToken === null && row.nextAt! > new Date());
  expect(kept).toMatchObject({ phase: 'failed', desired: 'running' });
  expect(Number(kept.nextAt)).toBe(Number(kept.keptUntil) - world.reconciler.timing.warningMs);
});

test('that a version before left at rest for good is found', async () => {
  const { world, id } = await failing({ idleTimeoutMs: DAY }, false);
  await using _ = world;
  await world.see(id, (row) => row.phase === 'failed' && row.leaseToken === null && row.nextAt! > new Date());
  await world.sql`update workspaces set next_at = null, last_activity_at = now() - interval '3 days',
    phase_since = now() - interval '3 days' where id = ${id}`;
  await sweep(world, 'resting');
  await world.see(id, isStopped);
});

test('stopped, it can be kept from being deleted', async () => {
  const { world, owner, id } = await failing({ deleteStoppedAfterMs: DAY, idleTimeoutMs: 0 }, false);
  await using _ = world;
  await world.see(id, isFailed);
  await world.say(owner, 'stop api');
  await world.see(id, isStopped);
  await world.say(owner, 'extend api 3d');
  const kept = await world.see(id, (row) => row.leaseToken === null && row.nextAt! > new Date());
  expect(Number(kept.nextAt)).toBe(Number(kept.keptUntil));
});
