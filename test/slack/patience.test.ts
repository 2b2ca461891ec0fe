// What takes its time: vendors that answer nothing, thumbs that press twice, limits that Slack asks us to keep.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../fakes/slack/slack.ts';
import { until } from '../until.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let scene: Slack;
beforeAll(async () => {
  scene = await startSlack();
});
afterAll(() => scene[Symbol.asyncDispose]());

const cardsOf = (name: string): Message[] =>
  scene.slack.world.messages.filter((one) => one.metadata && one.text.startsWith(`${name}:`));
/** An answer that could not be shown waits for its lease; nobody here has that long. */
const endLeases = () =>
  scene.place.sql`update deliveries set lease_until = clock_timestamp() where lease_until is not null`;

test('while Slack and GitHub answer nothing, whatever people do is acknowledged in time, and done later', async () => {
  const { bob } = scene.people;
  const direct = scene.slack.directOf(bob);
  const before = scene.slack.seenBy(bob, direct).length;
  const held = scene.github.hold('*', '*');
  scene.slack.server.fail({ path: /^\/(api|hooks)\//, times: 1000, fault: 'no answer' });
  // The fake waits three seconds for each, as Slack does, and complains at the end if one was too late.
  const command = await scene.slack.slash(bob, scene.dev, 'up acme/api --name patient');
  const said = scene.slack.world.messages.at(-1)!;
  const shortcut = await scene.slack.shortcut(bob, said);
  await scene.slack.direct(bob, 'whoami');
  const home = await scene.slack.openHome(bob);
  const statuses = [command, shortcut, home].map(({ status }) => status);
  expect([...statuses, scene.slack.world.complaints]).toEqual([200, 200, 200, []]);
  await held.arrived;
  held.release();
  scene.github.mend();
  scene.slack.mend();
  await until(async () => {
    await endLeases();
    return scene.slack.seenBy(bob, direct).length >= before + 2;
  }, 60_000);
  await scene.settle();
  expect(cardsOf('patient')).toHaveLength(1);
  expect(scene.read(cardsOf('patient')[0]!)).toContain('running');
}, 120_000);

test('a double click is one press, a later press is another', async () => {
  const { bob } = scene.people;
  await scene.say('up acme/api --name clicked --new');
  const card = scene.card();
  const before = scene.slack.seenBy(bob, scene.dev).length;
  await Promise.all([1, 2].map(() => scene.slack.press(bob, card, 'Keep 4h')));
  await scene.settle();
  expect(scene.slack.seenBy(bob, scene.dev)).toHaveLength(before + 1);
  await scene.place.sql`update deliveries set received_at = received_at - interval '11 seconds'`;
  await scene.press('Keep 4h', card);
  expect(scene.slack.seenBy(bob, scene.dev)).toHaveLength(before + 2);
});

test('a time that Slack asks for is kept by everything that it may limit', async () => {
  await scene.say('up acme/api --name limited --new');
  const { bob } = scene.people;
  const { sql } = scene.place;
  const { seen } = scene.slack.server;
  const limited = (path: RegExp): number =>
    seen.filter((one) => one.status === 429 && path.test(one.path)).length;
  const tooMany = { status: 429, body: { ok: false }, headers: { 'retry-after': '900' } };
  const paths = [/^\/hooks\//, /chat\.update$/, /reactions\.add$/, /conversations\.open$/];
  for (const path of paths) scene.slack.server.fail({ path, times: 1000, fault: tooMany });
  await scene.slack.slash(bob, scene.dev, 'whoami');
  await scene.slack.slash(scene.people.ada, scene.dev, `stop ${(await scene.sam.row('limited')).id}`);
  await scene.slack.mention(scene.people.eve, scene.dev, '{bot} help');
  await until(() => paths.every((path) => limited(path) > 0));
  const waiting = () => sql<{ what: string }[]>`
    select 'answer' as what from deliveries where answered_at is null and next_at > clock_timestamp() + interval '10 minutes'
    union select 'card' from cards where next_at > clock_timestamp() + interval '10 minutes'
    union select 'sign' from deliveries where concluded_at is null and lease_until > clock_timestamp() + interval '10 minutes'
    union select 'news' from tidings where told_at is null and lease_until > clock_timestamp() + interval '10 minutes'`;
  await expect
    .poll(async () => (await waiting()).map(({ what }) => what).toSorted(), { timeout: 20_000 })
    .toEqual(['answer', 'card', 'news', 'sign']);
  scene.slack.mend();
  await sql`update deliveries set next_at = clock_timestamp(), lease_until = clock_timestamp() where concluded_at is null`;
  await sql`update cards set next_at = clock_timestamp()`;
  await sql`update tidings set lease_until = clock_timestamp() where told_at is null`;
  await scene.settle();
  expect(scene.read(cardsOf('limited')[0]!)).toContain('stopped');
});
