// What people are told without having asked, and cards of one workspace in several places.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Message } from '../fakes/slack/slack.ts';
import { until } from '../until.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let bot: Slack;
/** Of the test alone. */
let context: Slack;
beforeAll(async () => {
  bot = await startSlack();
});
afterAll(() => bot[Symbol.asyncDispose]());
beforeEach(async () => {
  context = await bot.room();
});

const privateTo = (name: 'ada' | 'bob'): Message[] =>
  context.slack.seenBy(context.people[name], context.slack.directOf(context.people[name]));

test('two channels and a pull request drive one workspace, and all cards agree', async () => {
  const { bob } = context.people;
  const ops = context.slack.addChannel('ops', [bob]);
  const pull = await context.github.addPullRequest('acme/api', { by: bob.name, branch: 'agreed' });
  const line = `up acme/api#${pull.number}`;
  await context.say(line);
  await context.say(line, bob, ops);
  await context.github.comment(pull, bob.name, '/sam up');
  await context.settle();
  const rows = await context.place.sql`
    select id from workspaces where desired <> 'deleted' and topic = ${`acme/api#${pull.number}`}`;
  expect(rows).toHaveLength(1);
  const states = () => [
    context.read(context.card()),
    context.read(context.card(ops)),
    context.comments(pull)[0] ?? '',
  ];
  expect(states()).toEqual([1, 2, 3].map(() => expect.stringContaining('running') as string));
  await context.press('Stop', context.card(ops));
  expect(states()).toEqual([1, 2, 3].map(() => expect.stringContaining('stopped') as string));
  await context.github.comment(pull, bob.name, '/sam start');
  await context.settle();
  expect(states()).toEqual([1, 2, 3].map(() => expect.stringContaining('running') as string));
  expect(context.comments(pull)).toHaveLength(1);
});

test('half an hour before it stops the owner is asked in private, once, and may keep it', async () => {
  await context.say('up acme/api --name api-1');
  const { id } = await context.sam.row('api-1');
  await context.place
    .sql`update workspaces set last_activity_at = clock_timestamp() - interval '3 hours 59 minutes',
    running_at = clock_timestamp() - interval '3 hours 59 minutes', kept_until = null, next_at = clock_timestamp(), gen = gen + 1 where id = ${id}`;
  await until(() => privateTo('bob').length > 0);
  await context.settle();
  expect(privateTo('bob').map(context.read)).toMatchInlineSnapshot(`
    [
      "Nobody has typed in \`api-1\` for a while, so it stops at TIME. Its files stay.
    [Keep 4h] [Until tomorrow] [Stop now]",
    ]
  `);
  expect(context.read(context.card())).toContain('stops soon');
  await context.press('Until tomorrow', privateTo('bob')[0]!);
  expect(context.read(context.card())).not.toContain('stops soon');
  expect(privateTo('ada')).toEqual([]);
  await context.press('Stop now', privateTo('bob')[0]!);
  expect(context.read(context.card())).toContain('stopped');
});

/** What bob is told in private after so many messages; there is some. */
async function toldSince(before: number): Promise<string[]> {
  await until(() => privateTo('bob').length > before);
  await context.settle();
  return privateTo('bob').slice(before).map(context.read);
}

test('when a maintainer stops my workspace in Slack I am told in private, and they are not', async () => {
  await context.say('up acme/api --name shared --new');
  const [before, hers] = [privateTo('bob').length, privateTo('ada').length];
  // The id is on the card, whatever repository the channel has.
  await context.press('Stop', context.card(), context.people.ada);
  expect(context.read(context.card())).toContain('stopped');
  expect(await toldSince(before)).toMatchInlineSnapshot(`
    [
      "\`ada\` said \`stop\` of your workspace \`shared\`.
    [Show it]",
    ]
  `);
  expect(privateTo('ada')).toHaveLength(hers);
  await context.press('Show it', privateTo('bob').at(-1)!);
  await context.say('start shared');
});

test('by its name in a channel that has the repository; who only writes there stops nothing', async () => {
  await context.say('up acme/api --name named');
  const { ada, bob, eve } = context.people;
  await context.say('use acme/api', ada);
  expect((await context.say('stop named', eve)).at(-1)).toContain('There is no workspace `named` here');
  const before = privateTo('bob').length;
  await context.say('stop named', ada);
  expect(context.read(context.card())).toContain('stopped');
  expect(await toldSince(before)).toEqual([
    expect.stringContaining('`ada` said `stop` of your workspace `named`.'),
  ]);
  const own = privateTo('bob').length;
  await context.say('start named', bob);
  expect(privateTo('bob')).toHaveLength(own);
});

test('when a maintainer stops it on GitHub I am told in Slack too', async () => {
  await context.say('up acme/api --name reached');
  const before = privateTo('bob').length;
  const issue = context.github.addIssue('acme/api', { by: 'ada' });
  await context.github.comment(issue, 'ada', '/sam stop reached');
  expect(await toldSince(before)).toEqual([
    expect.stringContaining('`ada` said `stop` of your workspace `reached`.'),
  ]);
});

test('a maintainer deletes it, and its owner hears who it was', async () => {
  await context.say('up acme/api --name unwanted');
  const before = privateTo('bob').length;
  const card = context.card();
  const opened = () => context.slack.world.views.length;
  const forms = opened();
  await context.slack.press(context.people.ada, card, 'Delete…');
  await until(() => opened() > forms);
  await context.slack.fill(context.people.ada, {});
  await context.settle();
  expect(context.read(card)).toContain('deleted');
  expect(await toldSince(before)).toEqual([
    expect.stringContaining('`ada` said `rm` of your workspace `unwanted`.'),
  ]);
});
