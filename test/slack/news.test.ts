// What people are told without having asked, and cards of one workspace in several places.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Message } from '../fakes/slack/slack.ts';
import { until } from '../until.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let bot: Slack;
/** Of the test alone. */
let scene: Slack;
beforeAll(async () => {
  bot = await startSlack();
});
afterAll(() => bot[Symbol.asyncDispose]());
beforeEach(async () => {
  scene = await bot.room();
});

const privateTo = (name: 'ada' | 'bob'): Message[] =>
  scene.slack.seenBy(scene.people[name], scene.slack.directOf(scene.people[name]));

test('two channels and a pull request drive one workspace, and all cards agree', async () => {
  const { bob } = scene.people;
  const ops = scene.slack.addChannel('ops', [bob]);
  const pull = await scene.github.addPullRequest('acme/api', { by: bob.name, branch: 'agreed' });
  const line = `up acme/api#${pull.number}`;
  await scene.say(line);
  await scene.say(line, bob, ops);
  await scene.github.comment(pull, bob.name, '/sam up');
  await scene.settle();
  const rows = await scene.place.sql`
    select id from workspaces where desired <> 'deleted' and topic = ${`acme/api#${pull.number}`}`;
  expect(rows).toHaveLength(1);
  const states = () => [scene.read(scene.card()), scene.read(scene.card(ops)), scene.comments(pull)[0] ?? ''];
  expect(states()).toEqual([1, 2, 3].map(() => expect.stringContaining('running') as string));
  await scene.press('Stop', scene.card(ops));
  expect(states()).toEqual([1, 2, 3].map(() => expect.stringContaining('stopped') as string));
  await scene.github.comment(pull, bob.name, '/sam start');
  await scene.settle();
  expect(states()).toEqual([1, 2, 3].map(() => expect.stringContaining('running') as string));
  expect(scene.comments(pull)).toHaveLength(1);
});

test('half an hour before it stops the owner is asked in private, once, and may keep it', async () => {
  await scene.say('up acme/api --name api-1');
  const { id } = await scene.sam.row('api-1');
  await scene.place
    .sql`update workspaces set last_activity_at = clock_timestamp() - interval '3 hours 59 minutes',
    running_at = clock_timestamp() - interval '3 hours 59 minutes', kept_until = null, next_at = clock_timestamp(), gen = gen + 1 where id = ${id}`;
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
  await scene.press('Stop now', privateTo('bob')[0]!);
  expect(scene.read(scene.card())).toContain('stopped');
});

/** What bob is told in private after so many messages; there is some. */
async function toldSince(before: number): Promise<string[]> {
  await until(() => privateTo('bob').length > before);
  await scene.settle();
  return privateTo('bob').slice(before).map(scene.read);
}

test('when a maintainer stops my workspace in Slack I am told in private, and they are not', async () => {
  await scene.say('up acme/api --name shared --new');
  const [before, hers] = [privateTo('bob').length, privateTo('ada').length];
  // The id is on the card, whatever repository the channel has.
  await scene.press('Stop', scene.card(), scene.people.ada);
  expect(scene.read(scene.card())).toContain('stopped');
  expect(await toldSince(before)).toMatchInlineSnapshot(`
    [
      "\`ada\` said \`stop\` of your workspace \`shared\`.
    [Show it]",
    ]
  `);
  expect(privateTo('ada')).toHaveLength(hers);
  await scene.press('Show it', privateTo('bob').at(-1)!);
  await scene.say('start shared');
});

test('by its name in a channel that has the repository; who only writes there stops nothing', async () => {
  await scene.say('up acme/api --name named');
  const { ada, bob, eve } = scene.people;
  await scene.say('use acme/api', ada);
  expect((await scene.say('stop named', eve)).at(-1)).toContain('There is no workspace `named` here');
  const before = privateTo('bob').length;
  await scene.say('stop named', ada);
  expect(scene.read(scene.card())).toContain('stopped');
  expect(await toldSince(before)).toEqual([
    expect.stringContaining('`ada` said `stop` of your workspace `named`.'),
  ]);
  const own = privateTo('bob').length;
  await scene.say('start named', bob);
  expect(privateTo('bob')).toHaveLength(own);
});

test('when a maintainer stops it on GitHub I am told in Slack too', async () => {
  await scene.say('up acme/api --name reached');
  const before = privateTo('bob').length;
  const issue = scene.github.addIssue('acme/api', { by: 'ada' });
  await scene.github.comment(issue, 'ada', '/sam stop reached');
  expect(await toldSince(before)).toEqual([
    expect.stringContaining('`ada` said `stop` of your workspace `reached`.'),
  ]);
});

test('a maintainer deletes it, and its owner hears who it was', async () => {
  await scene.say('up acme/api --name unwanted');
  const before = privateTo('bob').length;
  const card = scene.card();
  const opened = () => scene.slack.world.views.length;
  const forms = opened();
  await scene.slack.press(scene.people.ada, card, 'Delete…');
  await until(() => opened() > forms);
  await scene.slack.fill(scene.people.ada, {});
  await scene.settle();
  expect(scene.read(card)).toContain('deleted');
  expect(await toldSince(before)).toEqual([
    expect.stringContaining('`ada` said `rm` of your workspace `unwanted`.'),
  ]);
});
