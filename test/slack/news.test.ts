// What people are told without having asked, and cards of one workspace in several places.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../fakes/slack/slack.ts';
import { until } from '../until.ts';
import { openSlackScene, type Scene } from './scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await openSlackScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

const privateTo = (name: 'ada' | 'bob'): Message[] =>
  scene.slack.seenBy(scene.people[name], scene.slack.directOf(scene.people[name]));

test('two channels and a pull request drive one workspace, and all cards agree', async () => {
  const { bob } = scene.people;
  const ops = scene.slack.addChannel('ops', [bob]);
  const line = `up acme/api#${scene.pull.number}`;
  await scene.say(line);
  await scene.say(line, bob, ops);
  await scene.github.comment(scene.pull, 'bob', '/sam up');
  await scene.settle();
  const rows = await scene.place.sql`select id from workspaces where desired <> 'deleted'`;
  expect(rows).toHaveLength(1);
  const states = () => [scene.read(scene.card()), scene.read(scene.card(ops)), scene.comments()[0] ?? ''];
  expect(states()).toEqual([1, 2, 3].map(() => expect.stringContaining('running') as string));
  await scene.press('Stop', scene.card(ops));
  expect(states()).toEqual([1, 2, 3].map(() => expect.stringContaining('stopped') as string));
  await scene.github.comment(scene.pull, 'bob', '/sam start');
  await scene.settle();
  expect(states()).toEqual([1, 2, 3].map(() => expect.stringContaining('running') as string));
  expect(scene.comments()).toHaveLength(1);
});

test('half an hour before it stops the owner is asked in private, once, and may keep it', async () => {
  const [row] = await scene.place.sql<{ id: string }[]>`select id from workspaces where desired = 'running'`;
  await scene.place
    .sql`update workspaces set last_activity_at = clock_timestamp() - interval '3 hours 59 minutes',
    running_at = clock_timestamp() - interval '3 hours 59 minutes', kept_until = null, next_at = clock_timestamp(), gen = gen + 1 where id = ${row!.id}`;
  await until(() => privateTo('bob').length > 0);
  await scene.settle();
  expect(privateTo('bob').map(scene.read)).toMatchInlineSnapshot(`
    [
      "Nobody has typed in \`api-1\` for a while, so it stops at TIME. Its files stay.
    [Keep 4h] [Until tomorrow] [Stop now]",
    ]
  `);
  expect(scene.read(scene.card())).toContain('stops soon');
  await scene.press('Until tomorrow', privateTo('bob')[0]!);
  expect(scene.read(scene.card())).not.toContain('stops soon');
  expect(privateTo('ada')).toEqual([]);
});

test('when somebody else acts on my workspace I am told', async () => {
  const before = privateTo('bob').length;
  const [ada] = await scene.place.sql<
    { id: string }[]
  >`select id from users where name = 'ada' and id like 'us-ada%'`;
  // Maintainers may stop what others run; nobody can say it yet.
  await scene.place.sql`
    insert into commands (workspace_id, seq, actor, front, verb, line, desired, status, gen)
    select id, 99, ${ada!.id}, 'slack', 'stop', 'stop', 'stopped', 'done', gen from workspaces where desired = 'running'`;
  await until(() => privateTo('bob').length > before);
  await scene.settle();
  expect(privateTo('bob').slice(before).map(scene.read)).toMatchInlineSnapshot(`
    [
      "\`ada\` said \`stop\` of your workspace \`api-1\`.
    [Show it]",
    ]
  `);
});
