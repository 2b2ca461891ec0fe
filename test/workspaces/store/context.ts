// A database in which nothing reconciles by itself, and a new owner, ada, for each test.
import type { Held } from '../../../bot/database/types.ts';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { nodes, workspaces, type Node, type Workspace } from '../../../bot/database/schema.ts';
import { newNodeId, newWorkspaceId, serverName } from '../../../bot/ids.ts';
import { createWorld, type World } from '../world.ts';
import { claimWorkspace } from '../../../bot/workspaces/store/passes.ts';

/** Nothing reconciles here by itself. */
export let world: World;
export let ada: string;
beforeAll(async () => {
  world = await createWorld({ bots: 1 });
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(async () => {
  ada = await world.addUser();
  await world.sql`update workspaces set next_at = null, lease_until = null`;
  await world.sql`update nodes set next_at = null, lease_until = null`;
});

export async function addNode(patch: Partial<typeof nodes.$inferInsert> = {}): Promise<Node> {
  const id = newNodeId();
  const [node] = await world.db
    .insert(nodes)
    .values({
      id,
      name: serverName(id),
      owner: ada,
      provider: 'fake',
      size: 'medium',
      phase: 'ready',
      desired: 'running',
      nextAt: null,
      readyAt: new Date(),
      ...patch,
    })
    .returning();
  return node!;
}

export async function addWorkspace(patch: Partial<typeof workspaces.$inferInsert> = {}): Promise<Workspace> {
  const id = newWorkspaceId();
  const [workspace] = await world.db
    .insert(workspaces)
    .values({
      id,
      key: id,
      owner: ada,
      name: id.slice(3),
      repository: 'https://github.com/acme/api',
      size: 'medium',
      phase: 'queued',
      desired: 'running',
      ...patch,
    })
    .returning();
  return workspace!;
}

export const claim = async (): Promise<Held<Workspace>> => (await claimWorkspace(world.db))!;

export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
