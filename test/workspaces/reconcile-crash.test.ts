// A bot that dies between two steps: the next one goes on, and there is one server.
import { describe, expect, test } from 'vitest';
import type { Node } from '../../bot/database/schema.ts';
import { reconcileNode } from '../../bot/workspaces/reconcile-node.ts';
import { reconcileWorkspace } from '../../bot/workspaces/reconcile-workspace.ts';
import * as store from '../../bot/workspaces/store.ts';
import { until } from '../until.ts';
import { createWorld, type World, isRunning, isDeleted } from './world.ts';

describe('a bot that dies in the middle', () => {
  /** What a dead bot holds comes free when its lease ends. */
  const endLeases = async ({ sql }: World): Promise<void> => {
    await sql`update nodes set lease_until = clock_timestamp() where lease_until is not null`;
    await sql`update workspaces set lease_until = clock_timestamp() where lease_until is not null`;
  };
  /** One pass of the first due node that never comes to its end. */
  const dieIn = async (world: World, nodeId: string): Promise<void> => {
    await world.sql`update nodes set next_at = clock_timestamp() - interval '1 hour' where id = ${nodeId}`;
    const held = (await store.claimNode(world.db))!;
    expect(held.row.id).toBe(nodeId);
    const before = world.provider.calls.length;
    // When the test ends it comes back, and may find the database closed.
    reconcileNode(world.reconciler, held).catch(() => {});
    await until(() => world.provider.calls.length > before);
  };
  /** A workspace with its node's row, and nothing outside. */
  const placed = async (world: World): Promise<{ id: string; node: Node }> => {
    const id = await world.up(await world.addUser());
    await reconcileWorkspace(world.reconciler, (await store.claimWorkspace(world.db))!);
    return { id, node: (await world.nodes())[0]! };
  };

  test('with a claim and nothing done: another goes on', async () => {
    await using world = await createWorld();
    const id = await world.up(await world.addUser());
    expect(await store.claimWorkspace(world.db)).toBeDefined();
    expect(await store.claimWorkspace(world.db)).toBeUndefined();
    await endLeases(world);
    world.start();
    await world.see(id, isRunning);
  });

  test('before the create was sent, but after it was noted: one server, after the quiet period', async () => {
    await using world = await createWorld();
    const { id } = await placed(world);
    const held = (await store.claimNode(world.db))!;
    expect(await store.markCreateSent(world.db, held)).toBe(true);
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
