// The sweeps: what is removed, what is left alone, and that one which fails stops no other.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createSweeper, type Sweep } from '../../bot/jobs/sweeper.ts';
import { createSweeps } from '../../bot/workspaces/sweeps/sweeps.ts';
import type { Server } from '../../bot/providers/provider.ts';
import { createFakeProvider, type FakeProvider } from './fake-provider.ts';
import { createWorld, type World } from './world.ts';
import { insertNode } from '../../bot/workspaces/store/nodes.ts';
import { readPrices } from '../../bot/workspaces/store/settings.ts';
import { readSweeps, sweepBook } from '../../bot/workspaces/store/sweeps.ts';

let world: World;
let provider: FakeProvider;
beforeAll(async () => {
  world = await createWorld({ bots: 1 });
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(async () => {
  provider = createFakeProvider();
  await world.sql`delete from sweeps`;
  await world.sql`update nodes set phase = 'deleted'`;
});

const sweeperOf = (sweeps: Sweep[]) => createSweeper(sweeps, { book: sweepBook(world.db), log: world.log });

async function sweepServers(): Promise<void> {
  const sweeps = createSweeps({ ...world.reconciler, provider });
  await sweeps.find(({ name }) => name === 'servers')!.run();
}

const labels = (node: string, installation = 'here'): Server['labels'] => ({
  'managed-by': 'sam',
  'sam-installation': installation,
  'sam-node': node,
  'sam-owner': 'us-nobody',
});

async function addNode(id: string, phase: 'creating' | 'ready' | 'deleted'): Promise<void> {
  const owner = await world.addUser();
  const name = `vm-${id.slice(3)}`;
  await insertNode(world.db, {
    id,
    name,
    owner,
    phase,
    provider: 'fake',
    size: 'small',
    desired: 'running',
    nextAt: null,
  });
}

test('a server that no row wants is removed after a fresh look, and that is written down', async () => {
  const { name } = provider.addServer({ labels: labels('nd-lost') });
  await sweepServers();
  expect(provider.servers.has(name)).toBe(false);
  expect(provider.calls.map(({ operation }) => operation)).toEqual(['list', 'find', 'remove']);
  const [event] = await world.sql`select type, data from events where entity = 'nd-lost'`;
  expect(event).toMatchObject({ type: 'swept', data: { server: name } });
});

test('one of a row that is deleted is removed; one of a living row is kept, whatever its name', async () => {
  await addNode('nd-gone', 'deleted');
  await addNode('nd-made', 'creating');
  const gone = provider.addServer({ name: 'vm-gone', labels: labels('nd-gone') });
  const made = provider.addServer({ name: 'vm-made', labels: labels('nd-made') });
  const renamed = provider.addServer({ name: 'vm-renamed', labels: labels('nd-made') });
  await sweepServers();
  expect([...provider.servers.keys()]).toEqual([made.name, renamed.name]);
  expect(provider.servers.has(gone.name)).toBe(false);
  // The one that its row knows by name costs no look.
  expect(provider.count('find')).toBe(2);
  // Somebody should look at a node that seems to have two.
  expect((await world.node('nd-made')).nextAt).not.toBeNull();
});

test('one that is young, is going already, or is of another installation is left alone', async () => {
  const { graceMs } = world.reconciler.timing;
  provider.addServer({ name: 'vm-young', createdAt: new Date(Date.now() - graceMs / 2) });
  provider.addServer({ name: 'vm-going', status: 'removing' });
  provider.addServer({ name: 'vm-foreign', labels: labels('nd-x', 'there') });
  await sweepServers();
  expect(provider.servers.size).toBe(3);
  expect(provider.count('find')).toBe(0);
});

test('a fresh look that does not agree with the list keeps the server', async () => {
  const listed = provider.addServer({ name: 'vm-anew' });
  const list = () => Promise.resolve([listed]);
  const other = { ...listed, id: 'another' };
  const relabelled = { ...listed, labels: labels('nd-x', 'there') };
  for (const fresh of [other, relabelled, undefined]) {
    const doubtful = { ...provider, list, find: () => Promise.resolve(fresh) };
    const sweeps = createSweeps({ ...world.reconciler, provider: doubtful });
    await sweeps.find(({ name }) => name === 'servers')!.run();
  }
  expect(provider.count('remove')).toBe(0);
});

test('at most five go in one sweep; one that cannot be removed does not save the others', async () => {
  for (let count = 0; count < 8; count++) provider.addServer();
  provider.breakNext('remove', 'error');
  await expect(sweepServers()).rejects.toThrow(/^vm-unknown\d: fake: remove: error/);
  expect(provider.servers.size).toBe(3);
  await sweepServers();
  expect(provider.servers.size).toBe(0);
});

test('a node whose server is missing is looked at', async () => {
  await addNode('nd-missing', 'ready');
  await addNode('nd-coming', 'creating');
  await sweepServers();
  expect((await world.node('nd-missing')).nextAt).not.toBeNull();
  expect((await world.node('nd-coming')).nextAt).toBeNull();
});

test('prices are written down as those of the dearest location, so that nobody pays more than was said', async () => {
  const node = { size: 'small', serverType: 'cx23', location: 'nbg1' } as const;
  const prices = async () => ({
    currency: 'EUR',
    vatRate: 19,
    nodes: [0.01, 0.03, 0.02].map((perHour) => ({ ...node, perHour, perMonth: 600 * perHour })),
  });
  const sweeps = createSweeps({ ...world.reconciler, provider: { ...provider, prices } });
  await sweeps.find(({ name }) => name === 'prices')!.run();
  expect(await readPrices(world.db)).toEqual({
    currency: 'EUR',
    provider: 'fake',
    sizes: { small: { perHour: 0.03, perMonth: 18 } },
  });
});

const sweep = (name: string, run: Sweep['run'], everyMs = 60_000): Sweep => ({ name, everyMs, run });

test('one that fails stops no other; its error and its last success are in the table', async () => {
  let runs = 0;
  let isBroken = false;
  const sweeps = [
    sweep('bad', () => (isBroken ? Promise.reject(new Error('no permission')) : Promise.resolve())),
    sweep('good', async () => void runs++),
  ];
  const sweeper = sweeperOf(sweeps);
  await sweeper.tick();
  const rows = async () => new Map((await readSweeps(world.db)).map((row) => [row.name, row]));
  const before = (await rows()).get('bad')!.lastSuccessAt;
  expect(before).not.toBeNull();
  isBroken = true;
  await world.sql`update sweeps set last_run_at = last_run_at - interval '2 minutes'`;
  await sweeper.tick();
  const { bad, good } = Object.fromEntries(await rows());
  expect(runs).toBe(2);
  expect(bad).toMatchObject({ lastError: 'no permission', lastSuccessAt: before, leaseUntil: null });
  expect(good!.lastError).toBeNull();
  expect(good!.lastSuccessAt!.getTime()).toBeGreaterThan(before!.getTime());
});

test('one that hangs holds up no other, is not started twice, and stop waits for it', async () => {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const begun: string[] = [];
  const sweeper = sweeperOf([
    sweep('slow', () => (begun.push('slow'), gate)),
    sweep('quick', async () => void begun.push('quick')),
  ]);
  const first = sweeper.tick();
  await expect.poll(() => begun.toSorted()).toEqual(['quick', 'slow']);
  const isQuickOver = async () =>
    (await readSweeps(world.db)).some(
      ({ name, lastSuccessAt }) => name === 'quick' && lastSuccessAt !== null,
    );
  await expect.poll(isQuickOver).toBe(true);
  await world.sql`update sweeps set last_run_at = null, lease_until = null`;
  const second = sweeper.tick();
  await expect.poll(() => begun.toSorted()).toEqual(['quick', 'quick', 'slow']);
  let hasStopped = false;
  const stopped = sweeper.stop().then(() => (hasStopped = true));
  await world.sql`select 1`;
  expect(hasStopped).toBe(false);
  release();
  await Promise.all([first, second, stopped]);
});

test('of many bots one runs a sweep, once a period', async () => {
  let runs = 0;
  const bots = Array.from({ length: 5 }, () => sweeperOf([sweep('shared', async () => void runs++)]));
  await Promise.all(bots.map((bot) => bot.tick()));
  await Promise.all(bots.map((bot) => bot.tick()));
  expect(runs).toBe(1);
  await world.sql`update sweeps set last_run_at = last_run_at - interval '61 seconds'`;
  await Promise.all(bots.map((bot) => bot.tick()));
  expect(runs).toBe(2);
});

test('one whose bot died in the middle runs again when its lease is over', async () => {
  let runs = 0;
  const sweeper = sweeperOf([sweep('left', async () => void runs++)]);
  await world.sql`insert into sweeps (name, last_run_at, lease_until)
    values ('left', now() - interval '1 hour', now() + interval '1 minute')`;
  await sweeper.tick();
  expect(runs).toBe(0);
  await world.sql`update sweeps set lease_until = now() - interval '1 second'`;
  await sweeper.tick();
  expect(runs).toBe(1);
});

test('started, it runs what is due by itself', async () => {
  let runs = 0;
  const sweeper = sweeperOf([sweep('often', async () => void runs++, 40)]);
  sweeper.start();
  await expect.poll(() => runs).toBeGreaterThan(2);
  await sweeper.stop();
});
