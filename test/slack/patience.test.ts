// What takes its time: vendors that answer nothing, thumbs that press twice, limits that Slack asks us to keep.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../fakes/slack/slack.ts';
import { until } from '../until.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let context: Slack;
beforeAll(async () => {
  context = await startSlack();
});
afterAll(() => context[Symbol.asyncDispose]());

const cardsOf = (name: string): Message[] =>
  context.slack.world.messages.filter((one) => one.metadata && one.text.startsWith(`${name}:`));
/** An answer that could not be shown waits for its lease; nobody here has that long. */
const endLeases = () =>
  context.place.sql`update deliveries set lease_until = clock_timestamp() where lease_until is not null`;

test('while Slack and GitHub answer nothing, whatever people do is acknowledged in time, and done later', async () => {
  const { bob } = context.people;
  const direct = context.slack.directOf(bob);
  const before = context.slack.seenBy(bob, direct).length;
  const held = context.github.hold('*', '*');
  context.slack.server.fail({ path: /^\/(api|hooks)\//, times: 1000, fault: 'no answer' });
  // The fake waits three seconds for each, as Slack does, and complains at the end if one was too late.
  const command = await context.slack.slash(bob, context.dev, 'up acme/api --name patient');
  const said = context.slack.world.messages.at(-1)!;
  const shortcut = await context.slack.shortcut(bob, said);
  await context.slack.direct(bob, 'whoami');
  const home = await context.slack.openHome(bob);
  const statuses = [command, shortcut, home].map(({ status }) => status);
  expect([...statuses, context.slack.world.complaints]).toEqual([200, 200, 200, []]);
  await held.arrived;
  held.release();
  context.github.mend();
  context.slack.mend();
  await until(async () => {
    await endLeases();
    return context.slack.seenBy(bob, direct).length >= before + 2;
  }, 60_000);
  await context.settle();
  expect(cardsOf('patient')).toHaveLength(1);
  expect(context.read(cardsOf('patient')[0]!)).toContain('running');
}, 120_000);

test('a double click is one press, a later press is another', async () => {
  const { bob } = context.people;
  await context.say('up acme/api --name clicked --new');
  const card = context.card();
  const before = context.slack.seenBy(bob, context.dev).length;
  await Promise.all([1, 2].map(() => context.slack.press(bob, card, 'Keep 4h')));
  await context.settle();
  expect(context.slack.seenBy(bob, context.dev)).toHaveLength(before + 1);
  await context.place.sql`update deliveries set received_at = received_at - interval '11 seconds'`;
  await context.press('Keep 4h', card);
  expect(context.slack.seenBy(bob, context.dev)).toHaveLength(before + 2);
});

test('a time that Slack asks for is kept by everything that it may limit', async () => {
  await context.say('up acme/api --name limited --new');
  const { bob } = context.people;
  const { sql } = context.place;
  const { seen } = context.slack.server;
  const limited = (path: RegExp): number =>
    seen.filter((one) => one.status === 429 && path.test(one.path)).length;
  const tooMany = { status: 429, body: { ok: false }, headers: { 'retry-after': '900' } };
  const paths = [/^\/hooks\//, /chat\.update$/, /reactions\.add$/, /conversations\.open$/];
  for (const path of paths) context.slack.server.fail({ path, times: 1000, fault: tooMany });
  await context.slack.slash(bob, context.dev, 'whoami');
  await context.slack.slash(context.people.ada, context.dev, `stop ${(await context.sam.row('limited')).id}`);
  await context.slack.mention(context.people.eve, context.dev, '{bot} help');
  await until(() => paths.every((path) => limited(path) > 0));
  const waiting = () => sql<{ what: string }[]>`
    select 'answer' as what from deliveries where answered_at is null and next_at > clock_timestamp() + interval '10 minutes'
    union select 'card' from cards where next_at > clock_timestamp() + interval '10 minutes'
    union select 'sign' from deliveries where concluded_at is null and lease_until > clock_timestamp() + interval '10 minutes'
    union select 'news' from tidings where told_at is null and lease_until > clock_timestamp() + interval '10 minutes'`;
  await expect
    .poll(async () => (await waiting()).map(({ what }) => what).toSorted())
    .toEqual(['answer', 'card', 'news', 'sign']);
  context.slack.mend();
  await sql`update deliveries set next_at = clock_timestamp(), lease_until = clock_timestamp() where concluded_at is null`;
  await sql`update cards set next_at = clock_timestamp()`;
  await sql`update tidings set lease_until = clock_timestamp() where told_at is null`;
  await context.settle();
  expect(context.read(cardsOf('limited')[0]!)).toContain('stopped');
});
