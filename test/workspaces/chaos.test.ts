// People, faults and dying bots at random; afterwards every wish is fulfilled or failed, and no server is too many.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { UserError } from '../../bot/errors.ts';
import { createSweeps } from '../../bot/workspaces/sweeps/sweeps.ts';
import { until } from '../until.ts';
import type { Fault, Operation } from './fake-provider.ts';
import { createWorld, type World } from './world.ts';
import { claimNode, claimWorkspace } from '../../bot/workspaces/store/passes.ts';
import { listWorkspaces } from '../../bot/workspaces/store/workspaces.ts';

/** Mulberry32: the same seed gives the same choices. */
function createRandom(seed: number): <T>(some: readonly T[]) => T {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return (some) => some[Math.floor(next() * some.length)]!;
}

const LINES = ['stop', 'start', 'restart', 'retry', 'rm', 'rm', 'extend'];
const FAULTS: [Operation, Fault][] = [
  ['create', 'error'],
  ['create', 'lost-answer'],
  ['create', 'lands-later'],
  ['find', 'error'],
  ['remove', 'error'],
  ['remove', 'lost-answer'],
];

/** What a person can mend is an answer, too. */
const hear = async (said: Promise<unknown>): Promise<void> => {
  await said.catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
  });
};

async function act(world: World, owners: string[], pick: ReturnType<typeof createRandom>): Promise<void> {
  const owner = pick(owners);
  const name = pick(['one', 'two', 'three', 'four']);
  const what = pick(['up', 'up', 'say', 'say', 'fault', 'fault', 'land', 'die', 'vanish', 'off', 'dirty']);
  const servers = [...world.provider.servers.values()];
  switch (what) {
    case 'up':
      return hear(world.up(owner, `acme/${name}`));
    case 'say':
      return hear(
        world.say(
          owner,
          `${pick(LINES)} ${name}${pick(['', ' --force'])}`.replace(/(?<!rm \w+) --force/, ''),
        ),
      );
    case 'fault':
      return world.provider.breakNext(...pick(FAULTS));
    case 'land':
      return world.provider.land();
    case 'die':
      // A bot claims something and is never seen again.
      await Promise.all([claimWorkspace(world.db), claimNode(world.db)]);
      return endLeases(world);
    case 'vanish':
      if (servers.length > 2) world.provider.servers.delete(pick(servers).name);
      return;
    case 'off': {
      const server = servers.length > 0 ? pick(servers) : undefined;
      if (server) world.provider.servers.set(server.name, { ...server, status: 'off' });
      return;
    }
    case 'dirty':
      for (const row of await listWorkspaces(world.db, owner))
        if (pick([true, false])) world.agents.dirty.add(row.id);
        else world.agents.dirty.delete(row.id);
  }
}

async function endLeases({ sql }: World): Promise<void> {
  for (const table of ['nodes', 'workspaces'])
    await sql`update ${sql(table)} set lease_until = clock_timestamp() where lease_until is not null`;
}

async function sweepAll({ reconciler }: World): Promise<void> {
  for (const sweep of createSweeps(reconciler)) await sweep.run();
}

/** Whatever is not where it is wanted, and servers that do not belong to exactly one living node. */
async function unrest(world: World): Promise<unknown[]> {
  await sweepAll(world);
  const rows = await world.sql`select name, phase, desired from workspaces
    where phase <> desired and not (phase = 'failed' and desired = 'running')`;
  const nodes = await world.nodes();
  const known = new Set(nodes.map((node) => node.name));
  const servers = [...world.provider.servers.keys()];
  return [
    ...rows,
    ...nodes.filter((node) => node.phase !== 'ready' || !world.provider.servers.has(node.name)),
    ...servers.filter((name) => !known.has(name)),
  ];
}

async function settle(world: World): Promise<void> {
  let last: unknown[] = [];
  await until(async () => (last = await unrest(world)).length === 0).catch(() => {
    throw new Error(`no rest: ${JSON.stringify(last, null, 1)}`);
  });
}

test.each([1, 2, 3])('after chaos number %i there is rest, and nothing left over', async (seed) => {
  await using world = await createWorld({ limits: { nodeWarmMs: 0, workspacesPerNode: 2 } });
  const pick = createRandom(seed);
  const owners = await Promise.all([world.addUser('ada'), world.addUser('bob'), world.addUser('cleo')]);
  world.start();
  for (let count = 0; count < 120; count++) {
    await act(world, owners, pick);
    await delay(pick([0, 0, 5, 20, 50]));
  }
  world.provider.mend();
  world.provider.land();
  await settle(world);
  const open = await world.sql`select c.verb, c.status, w.phase, w.desired from commands c
    join workspaces w on w.id = c.workspace_id where c.status = 'running'`;
  expect(open.map((row) => ({ ...row }))).toEqual([]);
  for (const owner of owners)
    for (const row of await listWorkspaces(world.db, owner)) await world.say(owner, `rm ${row.name} --force`);
  await until(async () => {
    await sweepAll(world);
    return (await world.nodes()).length + world.provider.servers.size === 0;
  }, 30_000);
  expect(world.errors).toEqual([]);
});
