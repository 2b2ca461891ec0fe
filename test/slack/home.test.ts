// The App Home: what a person sees there, what its buttons do, and that it stays true.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
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

const published = (): number =>
  scene.slack.server.seen.filter(({ path }) => path === '/api/views.publish').length;
const shows = (text: string | RegExp, person = scene.people.bob): Promise<void> =>
  until(() => scene.home(person).match(text) !== null);
/** How many Homes have something to show that they do not. */
const untrue = async (): Promise<number> => {
  const [row] = await scene.place.sql<{ count: number }[]>`
    select count(*)::int as count from slack_homes where sent_state is null or lease_token is not null`;
  return row!.count;
};
const toldInPrivate = (): string =>
  scene.slack.seenBy(scene.people.bob, scene.slack.directOf(scene.people.bob)).map(scene.read).join('\n');

/** Whose Home is open, and who has `mine` there. */
async function haveMine(): Promise<void> {
  await scene.slack.openHome(scene.people.bob);
  await shows('none yet');
  await scene.say('up acme/api --name mine');
  await shows('running');
}

test('who has no workspace reads how to make one', async () => {
  await scene.slack.openHome(scene.people.bob);
  await shows('none yet');
  expect(scene.home(scene.people.bob)).toMatchInlineSnapshot(`
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
  expect(scene.home(scene.people.bob)).toMatchInlineSnapshot(`
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
  await scene.slack.pressHome(scene.people.bob, 'Stop');
  await scene.settle();
  expect(scene.read(scene.card())).toContain('stopped');
  await shows('stopped');
  await scene.slack.pressHome(scene.people.bob, 'Start');
  await scene.settle();
  await shows('running');
  await scene.slack.pressHome(scene.people.bob, 'Open terminal');
  await scene.settle();
  expect(toldInPrivate()).toContain('|Open the terminal>');
  expect(scene.slack.seenBy(scene.people.bob, scene.slack.directOf(scene.people.bob)).at(-1)!.unfurls).toBe(
    false,
  );
  expect(
    scene.slack.world.messages.filter((one) => one.metadata && one.channel === scene.dev.id),
  ).toHaveLength(1);
});

test('it says when a workspace stops by itself, as the card does, and follows when it is kept or about to stop', async () => {
  await haveMine();
  const { bob } = scene.people;
  const expiryIn = (shown: unknown): number => Number(/<!date\^(\d+)\^/.exec(JSON.stringify(shown))?.[1]);
  const home = () => expiryIn(scene.slack.view(bob, 'home'));
  const { id } = await scene.sam.row('mine');
  const before = home();
  expect(before).toBe(expiryIn(scene.card().blocks));
  await scene.say('extend mine 9h');
  await until(() => home() > before);
  expect(home()).toBe(expiryIn(scene.card().blocks));
  await scene.place.sql`update workspaces set kept_until = null, next_at = clock_timestamp(), gen = gen + 1,
    last_activity_at = clock_timestamp() - interval '3 hours 50 minutes',
    running_at = clock_timestamp() - interval '3 hours 50 minutes' where id = ${id}`;
  await shows('stops soon, at TIME');
  await scene.settle();
  await scene.say('extend mine 4h');
  await until(() => !scene.home(bob).includes('stops soon'));
});

test('nobody sees what others run', async () => {
  await scene.slack.openHome(scene.people.ada);
  await shows('none yet', scene.people.ada);
  expect(scene.home(scene.people.ada)).not.toContain('mine');
});

test('many changes make few publications, and without changes there is none', async () => {
  await haveMine();
  const before = published();
  for (const line of ['stop mine', 'start mine', 'stop mine', 'start mine']) await scene.say(line);
  await shows('running');
  expect(published() - before).toBeLessThanOrEqual(12);
  await until(async () => (await untrue()) === 0);
  const settled = published();
  await scene.say('list');
  await scene.say('status mine');
  expect(published()).toBe(settled);
});

test('the link to GitHub can be ended and made there', async () => {
  await haveMine();
  expect(scene.home(scene.people.bob)).toContain('You are `bob` on GitHub');
  await scene.slack.pressHome(scene.people.bob, 'Disconnect');
  await scene.settle();
  await shows('does not know yet who you are');
  expect(scene.home(scene.people.bob)).not.toContain('mine');
  await scene.slack.pressHome(scene.people.bob, 'Connect');
  await scene.settle();
  expect(toldInPrivate()).toContain('|Connect your GitHub account>');
  await scene.place
    .sql`delete from identities where source = 'slack:T0TEAM' and external_id = ${scene.people.bob.id}`;
  await scene.connect(scene.people.bob, scene.people.bob.name);
  await shows('running');
});

test('what Slack does not take now is published later; the other tab is not ours', async () => {
  const { bob } = scene.people;
  scene.slack.limit('views.publish', 1);
  const before = published();
  await scene.slack.openHome(bob);
  await until(() => published() >= before + 2);
  await until(async () => (await untrue()) === 0);
  const event = { type: 'app_home_opened', user: bob.id, channel: 'D1', tab: 'messages' };
  await scene.slack.event(event);
  expect(await untrue()).toBe(0);
});
