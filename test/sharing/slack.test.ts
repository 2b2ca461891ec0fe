// Letting somebody else into a workspace, said in Slack: who may be let in, who hears of it, and what the owner sees.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Message, Person } from '../fakes/slack/slack.ts';
import { startSlack, type Slack } from '../testers/slack.ts';
import { until } from '../until.ts';

let bot: Slack;
/** Of the test alone. */
let context: Slack;
let name: string;
let id: string;
beforeAll(async () => {
  bot = await startSlack();
  await bot.github.addRepository('acme/secret', { private: true, files: { 'README.md': '# s\n' } });
  bot.github.addCollaborator('acme/secret', 'ada', 'read');
});
afterAll(() => bot[Symbol.asyncDispose]());
let count = 0;
beforeEach(async () => {
  context = await bot.room();
  // Of the test before: lists name all that is shared.
  await context.place.sql`update shares set ended_at = now() where ended_at is null`;
  context.github.addCollaborator('acme/secret', context.people.bob.name, 'write');
  name = `api-s${++count}`;
  await context.say(`up acme/secret --name ${name}`);
  ({ id } = await context.sam.row(name));
});

const at = ({ id: person }: Person): string => `<@${person}|somebody>`;
const privateTo = (person: Person): Message[] => context.slack.seenBy(person, context.slack.directOf(person));
/** With the number of the test's workspace taken out. */
const plain = (text: string): string =>
  text.replaceAll(name, 'api').replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d UTC|\d\d:\d\d UTC/g, 'TIME');
const said = async (line: string, by?: Person): Promise<string> =>
  plain((await context.say(line, by)).join('\n'));
const openShares = () => context.place.sql<{ may: string; hours: number }[]>`
  select may, round(extract(epoch from until - created_at) / 3600)::int as hours from shares
   where workspace_id = ${id} and ended_at is null and until > now()`;

test('whom it is shared with hears of it in private with a way in, the owner what it is, and the card who', async () => {
  const { ada } = context.people;
  const before = privateTo(ada).length;
  expect(await said(`share ${name} ${at(ada)} --drive --for 3h`)).toContain(
    '`ada` may type in `api` until TIME. To end it: `/sam unshare api @ada`.',
  );
  await until(() => privateTo(ada).length > before);
  expect(plain(context.read(privateTo(ada).at(-1)!))).toBe(
    '`bob` lets you type in the workspace `api` until TIME.\n[Open the terminal]',
  );
  expect(await openShares()).toEqual([{ may: 'drive', hours: 3 }]);
  expect(plain(context.read(context.card()))).toContain('Shared with `ada` (types until TIME)');
  const [opened = ''] = await context.press('Open the terminal', privateTo(ada).at(-1)!, ada);
  expect(opened).toContain('Open the terminal');
});

test('who asks for a link to what is shared with them gets one of their own, and nobody else does', async () => {
  const { ada, eve } = context.people;
  expect(await said(`open ${id}`, ada)).toContain('There is no workspace');
  await context.say(`share ${name} ${at(ada)}`);
  expect(await said(`open ${id}`, ada)).toContain('for you alone');
  expect(await said(`open ${id}`, eve)).toContain('There is no workspace');
  const codes = await context.place.sql`
    select t.user_id from tokens t join identities i on i.user_id = t.user_id and i.login = 'ada'
     where t.purpose = 'link' and t.subject = ${id} limit 1`;
  expect(codes).toHaveLength(1);
});

test('it is to look, for two hours, unless somebody says otherwise; said twice the last counts', async () => {
  const { ada } = context.people;
  await context.say(`share ${name} ${at(ada)}`);
  expect(await openShares()).toEqual([{ may: 'view', hours: 2 }]);
  await context.say(`share ${at(ada)} ${name} --drive --for 1h`);
  expect(await openShares()).toEqual([{ may: 'drive', hours: 1 }]);
});

test('lists, and `who`, name with whom it is shared, to both of them', async () => {
  const { ada, eve } = context.people;
  expect(await said('list')).not.toMatch(/SHARED WITH/);
  await context.say(`share ${name} ${at(ada)} --drive`);
  expect(await said('list')).toMatch(/REF +SHARED WITH\n(.*\n)*api +running .* ada$/m);
  expect(await said(`who ${name}`)).toMatch(/Shared with `?ada`? \(types until TIME\)/);
  const mine = await said('list', ada);
  expect(mine).toMatch(
    /Shared with you:\nNAME +PHASE +REPOSITORY +REF +OWNER +YOU MAY +UNTIL\n(.*\n)*api +running .* bob +type +TIME/,
  );
  expect(await said(`who ${name}`, ada)).toMatch(
    /belongs to bob;.*\nIt is shared with you: you may type until TIME/,
  );
  expect(await said('list', eve)).not.toContain('api');
  await context.say(`unshare ${name} ${at(ada)}`);
  expect(await said('list', ada)).not.toContain('Shared with you');
  expect(await said(`who ${name}`, ada)).toContain('There is no workspace');
});

test('what was shared ends by a word, and the card forgets it', async () => {
  const { ada } = context.people;
  await context.say(`share ${name} ${at(ada)}`);
  expect(await said(`unshare ${name} ${at(ada)}`)).toContain(
    '`ada` is let into `api` no more; what they had open there is closed.',
  );
  expect(await openShares()).toEqual([]);
  expect(context.read(context.card())).not.toContain('Shared with');
  expect(await said(`open ${id}`, ada)).toContain('There is no workspace');
});

test('whom a workspace is shared with to type runs a command line there, and whoever looks on does not', async () => {
  const { ada } = context.people;
  await context.say(`share ${name} ${at(ada)}`);
  expect(await said(`run --ws ${name} echo hi`, ada)).toContain('is shared with you to look');
  await context.say(`share ${name} ${at(ada)} --drive`);
  expect(await said(`run --ws ${name} echo hi`, ada)).toContain('It runs in `api`');
  // Prompts spend the owner's key: that takes the right to ask as well.
  expect(await said(`ask --ws ${name} do it`, ada)).toContain('needs **write**'.replaceAll('**', '*'));
});

test.each<[string, (people: Slack['people']) => string, string]>([
  ['nobody', () => '', 'Say with whom: `/sam share api @login --view --for 2h`.'],
  ['oneself', ({ bob }) => at(bob), 'It is yours, so you are let in anyway.'],
  ['somebody who may not read it', ({ eve }) => at(eve), '`eve` may not read `acme/secret`'],
  ['somebody whom nobody knows', () => '<@U0NOBODY>', 'I do not know yet who that is on GitHub'],
  ['a name that is no mention', () => '@ada', 'I find nobody called `@ada` on Slack.'],
  ['no time', ({ ada }) => `${at(ada)} --for 0h`, 'takes a time like 30m'],
  ['ten years', ({ ada }) => `${at(ada)} --for 10y`, 'takes a time like 30m'],
  ['both', ({ ada }) => `${at(ada)} --view --drive`, '`--view`'],
  ['two people', ({ ada, eve }) => `${at(ada)} ${at(eve)}`, "I don't know what `&lt;@U-eve"],
])('shared with %s nothing is shared, and the answer says why', async (_, words, answer) => {
  expect((await said(`share ${name} ${words(context.people)}`)).toLowerCase()).toContain(
    answer.toLowerCase(),
  );
  expect(await openShares()).toEqual([]);
});

test("somebody else's workspace is not there to be shared, nor what is shared with one passed on", async () => {
  const { ada, eve } = context.people;
  await context.say(`share ${name} ${at(ada)} --drive`);
  for (const verb of ['share', 'unshare']) {
    expect(await said(`${verb} ${id} ${at(eve)}`, ada)).toContain('There is no workspace');
  }
});

test('of nobody, or of somebody else, nothing ends, and the owner hears who is let in', async () => {
  const { ada, eve } = context.people;
  expect(await said(`unshare ${name} ${at(ada)}`)).toContain('It is shared with nobody.');
  await context.say(`share ${name} ${at(ada)}`);
  expect(await said(`unshare ${name} ${at(eve)}`)).toContain('It is shared with `ada`.');
  expect(await said(`unshare ${name}`)).toContain('It is shared with `ada`.');
  expect(await openShares()).toHaveLength(1);
});

test('of a stopped one it counts when it runs; a stop ends what was shared before', async () => {
  const { ada } = context.people;
  await context.say(`share ${name} ${at(ada)}`);
  await context.say(`stop ${name}`);
  expect(await openShares().then((rows) => rows.length)).toBe(0);
  expect(await said(`share ${name} ${at(ada)}`)).toContain(', when it runs.');
  expect(await said(`open ${id}`, ada)).toContain('is stopped');
  await context.say(`start ${name}`);
  expect(await said(`open ${id}`, ada)).toContain('for you alone');
});
