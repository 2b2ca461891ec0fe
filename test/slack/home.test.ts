// The App Home: what a person sees there, what its buttons do, and that it stays true.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
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

const published = (): number =>
  context.slack.server.seen.filter(({ path }) => path === '/api/views.publish').length;
const shows = (text: string | RegExp, person = context.people.bob): Promise<void> =>
  until(() => context.home(person).match(text) !== null);
/** How many Homes have something to show that they do not. */
const untrue = async (): Promise<number> => {
  const [row] = await context.place.sql<{ count: number }[]>`
    select count(*)::int as count from slack_homes where sent_state is null or lease_token is not null`;
  return row!.count;
};
const toldInPrivate = (): string =>
  context.slack
    .seenBy(context.people.bob, context.slack.directOf(context.people.bob))
    .map(context.read)
    .join('\n');

/** Whose Home is open, and who has `mine` there. */
async function haveMine(): Promise<void> {
  await context.slack.openHome(context.people.bob);
  await shows('none yet');
  await context.say('up acme/api --name mine');
  await shows('running');
}

test('who has no workspace reads how to make one', async () => {
  await context.slack.openHome(context.people.bob);
  await shows('none yet');
  expect(context.home(context.people.bob)).toMatchInlineSnapshot(`
    "Your workspaces
    There is none yet. Make one here, or say \`/sam up owner/name\` in a channel.
    [New workspace]
    GitHub
    You are \`bob\` on GitHub, and may do here what you may do there.
    [Disconnect]"
  `);
});

test('it lists my workspaces with the buttons of their cards, and follows them', async () => {
  await haveMine();
  expect(context.home(context.people.bob)).toMatchInlineSnapshot(`
    "Your workspaces
    :white_check_mark: *\`mine\`* running
    \`acme/api\` @ \`commit\` · medium · on the host, which does not isolate · for \`bob\`
    [Open terminal] [Keep 4h] [Stop] [⋯ Restart | Logs | Rename… | Delete…]
    stops at TIME if idle · ws-1
    ---
    [New workspace]
    GitHub
    You are \`bob\` on GitHub, and may do here what you may do there.
    [Disconnect]"
  `);
});

test('a press there does what it does on a card, and the card in the channel agrees', async () => {
  await haveMine();
  await context.slack.pressHome(context.people.bob, 'Stop');
  await context.settle();
  expect(context.read(context.card())).toContain('stopped');
  await shows('stopped');
  await context.slack.pressHome(context.people.bob, 'Start');
  await context.settle();
  await shows('running');
  await context.slack.pressHome(context.people.bob, 'Open terminal');
  await context.settle();
  expect(toldInPrivate()).toContain('|Open the terminal>');
  expect(
    context.slack.seenBy(context.people.bob, context.slack.directOf(context.people.bob)).at(-1)!.unfurls,
  ).toBe(false);
  expect(
    context.slack.world.messages.filter((one) => one.metadata && one.channel === context.dev.id),
  ).toHaveLength(1);
});

test('it says when a workspace stops by itself, as the card does, and follows when it is kept or about to stop', async () => {
  await haveMine();
  const { bob } = context.people;
  const expiryIn = (shown: unknown): number => Number(/<!date\^(\d+)\^/.exec(JSON.stringify(shown))?.[1]);
  const home = () => expiryIn(context.slack.view(bob, 'home'));
  const { id } = await context.sam.row('mine');
  const before = home();
  expect(before).toBe(expiryIn(context.card().blocks));
  await context.say('extend mine 9h');
  await until(() => home() > before);
  expect(home()).toBe(expiryIn(context.card().blocks));
  await context.place.sql`update workspaces set kept_until = null, next_at = clock_timestamp(), gen = gen + 1,
    last_activity_at = clock_timestamp() - interval '3 hours 50 minutes',
    running_at = clock_timestamp() - interval '3 hours 50 minutes' where id = ${id}`;
  await shows('stops soon, at TIME');
  await context.settle();
  await context.say('extend mine 4h');
  await until(() => !context.home(bob).includes('stops soon'));
});

test('nobody sees what others run', async () => {
  await context.slack.openHome(context.people.ada);
  await shows('none yet', context.people.ada);
  expect(context.home(context.people.ada)).not.toContain('mine');
});

test('many changes make few publications, and without changes there is none', async () => {
  await haveMine();
  const before = published();
  for (const line of ['stop mine', 'start mine', 'stop mine', 'start mine']) await context.say(line);
  await shows('running');
  expect(published() - before).toBeLessThanOrEqual(12);
  await until(async () => (await untrue()) === 0);
  const settled = published();
  await context.say('list');
  await context.say('status mine');
  expect(published()).toBe(settled);
});

test('the link to GitHub can be ended and made there', async () => {
  await haveMine();
  expect(context.home(context.people.bob)).toContain('You are `bob` on GitHub');
  await context.slack.pressHome(context.people.bob, 'Disconnect');
  await context.settle();
  await shows('does not know yet who you are');
  expect(context.home(context.people.bob)).not.toContain('mine');
  await context.slack.pressHome(context.people.bob, 'Connect');
  await context.settle();
  expect(toldInPrivate()).toContain('|Connect your GitHub account>');
  await context.place
    .sql`delete from identities where source = 'slack:T0TEAM' and external_id = ${context.people.bob.id}`;
  await context.connect(context.people.bob, context.people.bob.name);
  await shows('running');
});

test('what Slack does not take now is published later; the other tab is not ours', async () => {
  const { bob } = context.people;
  context.slack.limit('views.publish', 1);
  const before = published();
  await context.slack.openHome(bob);
  await until(() => published() >= before + 2);
  await until(async () => (await untrue()) === 0);
  const event = { type: 'app_home_opened', user: bob.id, channel: 'D1', tab: 'messages' };
  await context.slack.event(event);
  expect(await untrue()).toBe(0);
});
