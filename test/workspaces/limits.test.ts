// What somebody may have at most: the check by itself, and where it stands in the way of people and machines.
import { describe, expect, onTestFinished, test } from 'vitest';
import { openRows } from '../access/rows.ts';
import { failureText } from '../words.ts';
import { LIMIT_KINDS, findExceeded, type LimitAccount } from '../../bot/workspaces/limits.ts';
import { readAccounts, setLimit } from '../../bot/workspaces/store/limits.ts';
import { NO_LIMITS } from './rows.ts';
import { createWorld, isFailed, isRunning, ready } from './world.ts';

const account = (more: Partial<LimitAccount>): LimitAccount => ({
  holder: 'person',
  called: '@ada',
  most: {},
  has: {},
  ...more,
});

describe('the check', () => {
  test.each([
    ['nothing was said', {}, {}, { workspaces: 1 }, undefined],
    ['there is room', { workspaces: 3 }, { workspaces: 2 }, { workspaces: 1 }, undefined],
    ['there is none', { workspaces: 3 }, { workspaces: 3 }, { workspaces: 1 }, 'workspaces'],
    ['none at all may be', { machines: 0 }, {}, { machines: 1 }, 'machines'],
    ['it is about something else', { machines: 0 }, {}, { workspaces: 1 }, undefined],
    ['the size may be', { size: 2 }, {}, { size: 2 }, undefined],
    ['the size is too large', { size: 2 }, {}, { size: 3 }, 'size'],
    ['hours are left', { hours: 10 }, { hours: 9 }, { hours: 1 }, undefined],
    ['no hour is left', { hours: 10 }, { hours: 10 }, { hours: 1 }, 'hours'],
    [
      'it is about two things',
      { workspaces: 9, size: 1 },
      { workspaces: 1 },
      { workspaces: 1, size: 2 },
      'size',
    ],
  ])('where %s', (_, most, has, wish, kind) => {
    expect(findExceeded([account({ most, has })], wish)?.kind).toBe(kind);
  });

  test('the first that stands in the way is named with its figures', () => {
    const accounts = [
      account({ most: { workspaces: 5 }, has: { workspaces: 1 } }),
      account({ holder: 'channel', called: 'here', most: { workspaces: 2 }, has: { workspaces: 2 } }),
    ];
    expect(findExceeded(accounts, { workspaces: 1 })).toEqual({
      holder: 'channel',
      called: 'here',
      kind: 'workspaces',
      most: 2,
      has: 2,
    });
  });
});

test('what a person, a repository and a channel have is counted, each by itself', async () => {
  const rows = await openRows();
  onTestFinished(() => rows.close());
  const [ada, bob] = [await rows.addUser('ada'), await rows.addUser('bob')];
  const repository = 'https://forge.example/Acme/Web';
  const channel = 'chat|T1/C1';
  await rows.addWorkspace({ owner: ada, repository, channel });
  await rows.addWorkspace({ owner: ada });
  await rows.addWorkspace({ owner: bob, repository });
  await rows.addWorkspace({ owner: bob, channel, phase: 'deleted', desired: 'deleted' });
  await rows.sql`update nodes set create_sent_at = greatest(date_trunc('month', now()), now() - interval '90 minutes')`;
  const [hour] = await rows.sql`select ceil(extract(epoch from now() + interval '1 second'
    - greatest(date_trunc('month', now() at time zone 'UTC') at time zone 'UTC', now() - interval '90 minutes')) / 3600)::int as each`;
  const each = hour!['each'] as number;
  for (const [holder, subject] of [
    ['person', ada],
    ['repository', 'acme/web'],
    ['channel', channel],
  ] as const)
    for (const kind of LIMIT_KINDS)
      await setLimit(rows.db, { holder, subject }, { kind, most: 50, setBy: bob });
  const place = { owner: ada, repository, channel };
  const accounts = await readAccounts(rows.db, place, { ...NO_LIMITS, nodes: 7 }, LIMIT_KINDS);
  expect(accounts.map(({ holder, called, has }) => [holder, called, has])).toEqual([
    ['person', '@ada', { workspaces: 2, machines: 2, size: 0, hours: 2 * each, tasks: 0 }],
    ['repository', 'acme/web', { workspaces: 2, machines: 2, size: 0, hours: 2 * each, tasks: 0 }],
    ['channel', 'here', { workspaces: 1, machines: 1, size: 0, hours: 2 * each, tasks: 0 }],
    ['installation', '', { machines: 4 }],
  ]);
});

test('what was said goes before the configuration, and can be taken back', async () => {
  const rows = await openRows();
  onTestFinished(() => rows.close());
  const ada = await rows.addUser('ada');
  const defaults = { ...NO_LIMITS, workspacesPerUser: 10 };
  const most = async () => (await readAccounts(rows.db, { owner: ada }, defaults, ['workspaces']))[0]?.most;
  const say = (value: number | null | undefined) =>
    setLimit(rows.db, { holder: 'person', subject: ada }, { kind: 'workspaces', most: value, setBy: ada });
  expect(await most()).toEqual({ workspaces: 10 });
  await say(2);
  expect(await most()).toEqual({ workspaces: 2 });
  await say(null);
  expect(await most()).toEqual({});
  await say(0);
  expect(await most()).toEqual({ workspaces: 0 });
  await say(undefined);
  expect(await most()).toEqual({ workspaces: 10 });
});

describe('people hear', () => {
  test('the figure, what helps, and who can raise it with the command to copy, which then does', async () => {
    await using world = await createWorld({ limits: { workspacesPerUser: 1 } });
    const ada = await world.addUser('ada');
    await world.up(ada, 'acme/one');
    await expect(world.up(ada, 'acme/two')).rejects.toThrow(
      'You have 1 workspace, and 1 is the most. Delete one that you do not need: `list` shows yours. Whoever runs Sam, at its console, can raise it: `limit @ada workspaces=2`.',
    );
    const said = await world.say(ada, 'limit @ada workspaces=2');
    expect(said.text).toMatch(
      /^@ada:\nLIMIT +HAS +MOST\nworkspaces +1 +2\nmachines +\d+ +10\nsize +- +unlimited/,
    );
    await world.up(ada, 'acme/two');
    await expect(world.up(ada, 'acme/three')).rejects.toThrow('You have 2 workspaces, and 2 is the most.');
  });

  test('of a repository, of a size and of hours', async () => {
    await using world = await createWorld();
    const ada = await world.addUser('ada');
    await world.say(ada, 'limit acme/one workspaces=0');
    await expect(world.up(ada, 'acme/one')).rejects.toThrow(
      '`acme/one` has 0 workspaces, and 0 is the most.',
    );
    await world.say(ada, 'limit @ada size=small');
    await expect(world.up(ada, 'acme/two')).rejects.toThrow(
      'That size is more than you may have: `small` at most. Take that: `up --size small`.',
    );
    await world.say(ada, 'limit @ada size=default hours=0');
    await expect(world.up(ada, 'acme/two')).rejects.toThrow(
      'You have had machines for 0 hours this month, and 0 is the most.',
    );
    await world.say(ada, 'limit @ada hours=unlimited');
    await world.up(ada, 'acme/two');
  });

  test('several who say it at once do not pass it together', async () => {
    await using world = await createWorld();
    const names = ['ada', 'bob', 'cleo', 'dan', 'eve', 'fay'];
    const people = await Promise.all(names.map((name) => world.addUser(name)));
    await world.say(people[0]!, 'limit acme/one workspaces=2');
    const said = await Promise.allSettled(people.map((person) => world.up(person, 'acme/one')));
    expect(said.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  });

  test('how a limit is said, and of whom', async () => {
    await using world = await createWorld();
    const ada = await world.addUser('ada');
    await expect(world.say(ada, 'limit @ada machines=many')).rejects.toThrow('A limit is a number');
    await expect(world.say(ada, 'limit @nobody')).rejects.toThrow('I know nobody called `@nobody`.');
    await expect(world.say(ada, 'limit here machines=1')).rejects.toThrow('channel');
    await expect(world.say(ada, 'limit @ada @bob')).rejects.toThrow('`@bob`');
    expect((await world.say(ada, 'limit')).text).toContain('@ada:');
  });
});

describe('machines', () => {
  test('over the maximum of the whole installation no one is made, and it says so; what is there is used', async () => {
    await using world = await createWorld({ limits: { nodes: 1, workspacesPerNode: 1 } });
    await ready(world);
    const second = await world.up(await world.addUser('bob'), 'acme/web');
    expect(failureText((await world.see(second, isFailed)).lastError)).toBe(
      'All of this Sam has 1 machine, and 1 is the most. A machine goes with its last workspace: delete one that you do not need (`rm NAME`; `list` shows yours). Those who run Sam can raise it: `MAX_NODES`.',
    );
    const [count] = await world.sql`select count(*)::int from nodes`;
    expect(count!['count']).toBe(1);
  });

  test('two that are wanted at once do not pass it together, and a higher one lets the other on', async () => {
    await using world = await createWorld({ limits: { workspacesPerNode: 1 } });
    const [ada, bob] = [await world.addUser('ada'), await world.addUser('bob')];
    await world.say(ada, 'limit acme/api machines=1');
    world.start();
    const ids = await Promise.all([world.up(ada, 'acme/api'), world.up(bob, 'acme/api')]);
    const settled = await Promise.all(
      ids.map((id) => world.see(id, (row) => isRunning(row) || isFailed(row))),
    );
    expect(settled.map(({ phase }) => phase).toSorted()).toEqual(['failed', 'running']);
    await world.say(ada, 'limit acme/api machines=2');
    const failed = settled.find(({ phase }) => phase === 'failed')!;
    await world.say(failed.owner, `retry ${failed.name}`);
    await world.see(failed.id, isRunning);
  });
});
