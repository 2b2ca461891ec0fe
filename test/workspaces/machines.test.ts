// What people see of their machines, and what they may do about them: `nodes`, `node rm`, `cost`.
import { expect, test } from 'vitest';
import { createWorld, runLine, type World } from './world.ts';
import { savePrices } from '../../bot/workspaces/store/settings.ts';

const messageOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'it was allowed',
    (error: Error) => error.message,
  );
const text = async (world: World, owner: string, line: string): Promise<string> =>
  (await world.say(owner, line)).text;

test('everyone sees their own machines, with what is on them, what they cost, and why nothing goes on', async () => {
  await using world = await createWorld();
  const [ada, bob] = [await world.addUser('ada'), await world.addUser('bob')];
  expect(await text(world, ada, 'nodes')).toBe('You have no machine. One comes with `up`.');
  expect(await text(world, ada, 'cost')).toContain('cost nothing here');
  await savePrices(world.db, {
    currency: 'EUR',
    provider: 'fake',
    sizes: { medium: { perHour: 0.0096, perMonth: 6 } },
  });
  world.start();
  const id = await world.up(ada);
  const { nodeId } = await world.see(id, ({ phase }) => phase === 'running');
  const { name } = await world.node(nodeId!);
  expect(await text(world, ada, 'nodes')).toMatch(
    new RegExp(`^MACHINE +PHASE +SIZE +PRICE +WORKSPACES\n${name} +ready +medium +0\\.0096 €/h +api$`),
  );
  expect(await text(world, ada, 'cost')).toMatch(
    /^Now: 1 machine, 0\.0096 €\/h\. This month so far: about 0\.01 €\./,
  );
  expect(await text(world, bob, 'nodes')).toContain('You have no machine');
  // Whoever is at the console runs Sam.
  const elsewhere = runLine(world.database, world.limits, bob, `node rm ${name}`, undefined, 'slack');
  expect(await messageOf(elsewhere)).toContain('You have no machine');

  await world.sql`update nodes set attempts = 3, last_error = '{"class":"provider","message":"hetzner: find: no."}'`;
  expect(await text(world, ada, 'nodes')).toContain(`\n${name}: hetzner: find: no.`);
  // What everybody reads says how many, and no more.
  const onGitHub = await runLine(world.database, world.limits, ada, 'nodes', undefined, 'github');
  expect(onGitHub.text).toMatch(/ +1$/);
});

test('one is made ahead of its workspace, once, waits for it, and is not made where none would wait', async () => {
  await using world = await createWorld({ limits: { nodeWarmMs: 3_600_000 } });
  const ada = await world.addUser();
  world.start();
  expect(await messageOf(world.say(ada, 'node new'))).toBe(
    'A machine is made ahead for those who have a workspace. Begin with `up`: its machine is made with it.',
  );
  const first = await world.see(await world.up(ada), ({ phase }) => phase === 'running');
  const said = await text(world, ada, 'node new --size large');
  expect(said).toMatch(/^`vm-\w+`, a large machine, is being made, .* within 60 minutes, it goes\./);
  const [, name = ''] = /`(vm-\w+)`/.exec(said) ?? [];
  expect(await text(world, ada, 'node new -s large')).toContain(`\`${name}\` waits for a workspace already`);
  const [{ id } = { id: '' }] = await world.sql<{ id: string }[]>`select id from nodes where name = ${name}`;
  await world.seeNode(id, ({ phase }) => phase === 'ready');
  const [{ idle } = { idle: undefined }] = await world.sql<{ idle: Date }[]>`
    select idle_since idle from nodes where id = ${id}`;
  expect(idle).toBeInstanceOf(Date);
  const second = await world.up(ada, 'acme/web', '--size large');
  expect((await world.see(second, ({ phase }) => phase === 'running')).nodeId).toBe(id);
  expect((await world.node(id)).idleSince).toBeNull();
  expect(new Set((await world.sql<{ id: string }[]>`select id from nodes`).map((row) => row.id))).toEqual(
    new Set([id, first.nodeId]),
  );
});

test('where no machine waits for a workspace none is made ahead', async () => {
  await using world = await createWorld({ limits: { nodeWarmMs: 0 } });
  const ada = await world.addUser();
  expect(await messageOf(world.say(ada, 'node new'))).toContain('Here no machine waits for a workspace');
});

test('one that nobody needs goes at once with node rm, one with workspaces does not', async () => {
  await using world = await createWorld({ limits: { nodeWarmMs: 3_600_000 } });
  const ada = await world.addUser();
  world.start();
  const id = await world.up(ada);
  const { nodeId } = await world.see(id, ({ phase }) => phase === 'running');
  const { name } = await world.node(nodeId!);
  expect(await messageOf(world.say(ada, `node rm ${name}`))).toBe(
    `On \`${name}\` there is \`api\`. Delete what you do not need first: \`rm api\`.`,
  );
  await world.say(ada, 'rm api --force');
  await world.see(id, ({ phase }) => phase === 'deleted');
  await world.seeNode(nodeId!, ({ idleSince }) => idleSince !== null);
  expect(await text(world, ada, 'nodes')).toMatch(/ warm /);
  expect(world.provider.servers.size).toBe(1);
  expect(await text(world, ada, `node rm ${name}`)).toBe(`\`${name}\` goes now.`);
  await world.seeNode(nodeId!, ({ phase }) => phase === 'deleted');
  expect(world.provider.servers.size).toBe(0);
});

test('what is in doubt, and what is said to be gone, is for whoever runs Sam', async () => {
  await using world = await createWorld();
  const ada = await world.addUser();
  for (const line of ['nodes --orphans', 'node rm vm-a --orphan', 'node adopt vm-a', 'node rm vm-a --gone'])
    for (const front of ['github', 'slack', 'api'] as const) {
      const said = runLine(world.database, world.limits, ada, line, undefined, front);
      const who =
        front === 'github' ? 'those who run Sam, and not where' : 'whoever runs Sam, at its console';
      expect(await messageOf(said), `${front}: ${line}`).toContain(`That is for ${who}`);
    }
});
