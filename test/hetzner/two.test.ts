// Two living installations in one project and one zone, and what lies between them: nobody's, or half somebody's.
import { expect, test } from 'vitest';
import { startSam, type Sam } from '../testers/sam.ts';
import { until } from '../until.ts';
import { openClouds, openPlaceBeside } from './clouds.ts';

const LONG = { timeout: 300_000 };
const PATIENCE_MS = 120_000;

/** Makes every sweep of the outside run now, and waits for its end. */
async function sweepAll({ place: { sql } }: Sam): Promise<void> {
  const names = ['servers', 'names', 'orphans'];
  const [{ now } = { now: '' }] = await sql<{ now: string }[]>`select clock_timestamp()::text as now`;
  await sql`update sweeps set last_run_at = null where name in ${sql(names)}`;
  await until(async () => {
    const done = await sql`
      select name from sweeps where name in ${sql(names)} and last_success_at > ${now}::timestamptz`;
    return done.length === names.length;
  }, PATIENCE_MS);
}

test('two installations live side by side, and each touches only its own', LONG, async () => {
  await using clouds = await openClouds();
  const { hetzner, cloudflare } = clouds;
  await using beside = await openPlaceBeside();
  clouds.place.repository('one');
  beside.repository('two');
  await using ada = await startSam({ place: clouds.place, env: clouds.env });
  await using bob = await startSam({ place: beside, env: { ...clouds.env, NODE_WARM: '0' } });
  expect(await ada.say('up ./one')).toContain('/w/');
  expect(await bob.say('up ./two')).toContain('/w/');
  const server = async (sam: Sam, name: string) => {
    const { nodeId } = await sam.row(name);
    return `vm-${nodeId?.slice(3)}`;
  };
  const [hers, his] = [await server(ada, 'one'), await server(bob, 'two')];
  const names = () => hetzner.servers().map(({ name }) => name);
  // Old enough for every grace period.
  for (const machine of hetzner.servers()) machine.created = '2026-01-01T00:00:00Z';
  for (const record of cloudflare.records()) record.created = new Date('2026-01-01T00:00:00Z');
  await sweepAll(ada);
  await sweepAll(bob);
  expect(names().toSorted()).toEqual([hers, his].toSorted());
  expect(cloudflare.records()).toHaveLength(2);
  // Each sees the other's, and says whose it is.
  const theirs = await ada.place.sql`select id, name, why from orphans order by id`;
  expect(theirs.map((one) => one['name'])).toEqual([`${his}.nodes.sam.example`, his]);
  expect(await ada.say('nodes --orphans')).toContain('it belongs to the installation');

  await bob.say('rm two --force');
  await until(() => names().length === 1 && cloudflare.records().length === 1, PATIENCE_MS);
  expect(names()).toEqual([hers]);
  expect(cloudflare.records()[0]?.name).toBe(`${hers}.nodes.sam.example`);
  await sweepAll(ada);
  expect(await ada.say('nodes --orphans')).toMatch(/^Nothing is in doubt\./);
  expect(hetzner.complaints).toEqual([]);
});

test(
  'what is in doubt is listed and left alone, until somebody says by name what becomes of it',
  LONG,
  async () => {
    await using clouds = await openClouds();
    const { hetzner, cloudflare, place } = clouds;
    place.repository('one');
    await using sam = await startSam({ place, env: clouds.env });
    await sam.say('up ./one');
    const own = `vm-${(await sam.row('one')).nodeId?.slice(3)}`;
    const stranger = (name: string, labels: Record<string, string>) => hetzner.insert({ name, labels });
    stranger('database', {});
    stranger('vm-aaaaaaaaaaaa', {});
    stranger('half', { 'managed-by': 'sam' });
    cloudflare.insert({ name: 'www.nodes.sam.example', comment: 'the shop' });
    cloudflare.insert({ name: 'vm-bbbbbbbbbbbb.nodes.sam.example', comment: null });
    // Somebody took the labels off a machine that is at work.
    const machine = hetzner.servers().find(({ name }) => name === own)!;
    machine.labels = {};
    await sweepAll(sam);
    const listed = async () =>
      (await sam.place.sql`select name from orphans order by name`).map((one) => one['name']);
    expect(await listed()).toEqual(
      ['half', own, 'vm-aaaaaaaaaaaa', 'vm-bbbbbbbbbbbb.nodes.sam.example'].toSorted(),
    );
    expect(hetzner.servers()).toHaveLength(4);

    expect(await sam.say('node rm database --orphan')).toContain('Nothing in doubt is called');
    expect(await sam.say('node adopt half')).toContain('is no machine that this installation knows');
    await sam.say('node rm half --orphan');
    await sam.say('node rm vm-bbbbbbbbbbbb.nodes.sam.example --orphan');
    await sam.say(`node rm ${own} --orphan`);
    await sweepAll(sam);
    await until(() => hetzner.servers().every(({ name }) => name !== 'half'), PATIENCE_MS);
    expect(hetzner.servers().map(({ name }) => name)).toEqual(expect.arrayContaining(['database', own]));
    expect(
      cloudflare
        .records()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual([`${own}.nodes.sam.example`, 'www.nodes.sam.example'].toSorted());
    expect(await sam.say('nodes --orphans')).toContain(
      'not done: a machine of this installation has this name.',
    );

    await sam.say(`node adopt ${own}`);
    await sweepAll(sam);
    expect(machine.labels).toMatchObject({ 'managed-by': 'sam', 'sam-node': (await sam.row('one')).nodeId });
    expect(await listed()).toEqual(['vm-aaaaaaaaaaaa']);
  },
);
