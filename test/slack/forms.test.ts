// Forms: a new workspace from the Home or from a message, another name, a deletion that says what would be lost.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Channel, Message } from '../fakes/slack/slack.ts';
import { until } from '../until.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let bot: Slack;
/** Of the test alone. */
let context: Slack;
beforeAll(async () => {
  bot = await startSlack();
  await bot.github.addRepository('acme/web', { files: { 'README.md': '# web\n' } });
  await bot.github.addRepository('acme/secret', { private: true, files: { 'README.md': '# hush\n' } });
});
afterAll(() => bot[Symbol.asyncDispose]());
beforeEach(async () => {
  context = await bot.room();
  context.github.addCollaborator('acme/web', context.people.bob.name, 'write');
});

const opened = (): number => context.slack.world.views.filter((one) => one['type'] === 'modal').length;
/** Does it, and waits for the form that it opens. */
async function form(act: () => Promise<unknown>): Promise<string> {
  const before = opened();
  await act();
  await until(() => opened() > before);
  return context.form(context.people.bob);
}
const openNew = async (): Promise<string> => {
  const { bob } = context.people;
  await context.slack.openHome(bob);
  await until(() => context.home(bob).includes('New workspace'));
  return form(() => context.slack.pressHome(bob, 'New workspace'));
};
const direct = (): Message[] =>
  context.slack.seenBy(context.people.bob, context.slack.directOf(context.people.bob));
const count = async (): Promise<number> => {
  const [row] = await context.place.sql<{ count: number }[]>`select count(*)::int as count from workspaces`;
  return row!.count;
};

test('`New workspace` in the Home opens a form that offers what I may write to', async () => {
  const { bob } = context.people;
  expect(await openNew()).toMatchInlineSnapshot(`
    "Repository: 
    Branch, tag or commit: 
    Size: "
  `);
  expect(await context.slack.offered(bob, 'repository', '')).toEqual(['acme/api', 'acme/web']);
  expect(await context.slack.offered(bob, 'repository', 'we')).toEqual(['acme/web']);
  expect(await context.slack.offered(bob, 'repository', 'secret')).toEqual([]);
});

test('what the words alone show to be wrong is said in the form, and nothing is stored', async () => {
  await openNew();
  const { bob } = context.people;
  const before = await count();
  const wrong = await context.slack.fill(bob, { repository: 'no repository at all', branch: '' });
  expect(JSON.parse(wrong.answer)).toMatchObject({
    response_action: 'errors',
    errors: { repository: expect.stringContaining('is no workspace, pull request or repository') },
  });
  const branch = await context.slack.fill(bob, { repository: 'acme/web', branch: 'two words" --force' });
  expect(JSON.parse(branch.answer)).toMatchObject({ errors: { branch: expect.any(String) } });
  expect(await count()).toBe(before);
});

test('a filled form starts one workspace, however often it is sent; its card is in the direct message', async () => {
  await openNew();
  const { bob } = context.people;
  const before = await count();
  const sent = await context.slack.fill(bob, { repository: 'acme/web', size: 'small' });
  expect(sent.answer).toBe('');
  await context.slack.again(sent);
  await context.slack.fill(bob, { repository: 'acme/web', size: 'small' });
  await context.settle();
  expect(await count()).toBe(before + 1);
  expect(context.read(direct().at(-1)!)).toMatchInlineSnapshot(`
    ":white_check_mark: *\`web\`* running
    \`acme/web\` @ \`commit\` · small · on the host, which does not isolate · for \`bob\`
    [Open terminal] [Keep 4h] [Stop] [⋯ Restart | Logs | Rename… | Delete…]
    stops at TIME if idle · ws-1"
  `);
  await context.slack.press(bob, direct().at(-1)!, 'Stop');
  await context.settle();
  expect(direct()).toHaveLength(1);
  expect(context.read(direct()[0]!)).toContain('stopped');
});

test('`Start a workspace` at a message knows what the message is about, and its card goes below it', async () => {
  const { bob, ada } = context.people;
  const said = await context.slack.mention(
    ada,
    context.dev,
    `could somebody look at <http://github.example/acme/api/pull/${context.pull.number}|this>?`,
  );
  await context.settle();
  expect(await form(() => context.slack.shortcut(bob, said))).toContain(
    `Repository: acme/api#${context.pull.number}`,
  );
  await context.slack.fill(bob, {});
  await context.settle();
  expect(context.read(context.card())).toContain('running');
  expect(context.card().threadTs).toBe(said.ts);
});

test('of a repository with several container configurations, as my last workspace found them, one can be chosen', async () => {
  const { bob } = context.people;
  await context.say('up acme/web --name several --new');
  // Its machine says no more of it.
  await context.say('stop several');
  const environment = { runtime: 'devcontainer', configuration: '.devcontainer/api/devcontainer.json' };
  await context.place.sql`update workspaces set reported = jsonb_set(reported, '{environment}',
    ${JSON.stringify({ ...environment, others: ['jobs', 'web'] })}::text::jsonb) where name = 'several'`;
  const said = await context.slack.mention(bob, context.dev, 'see acme/web, please');
  await context.settle();
  expect(await form(() => context.slack.shortcut(bob, said))).toContain('Container configuration: ');
  await context.slack.fill(bob, { config: 'jobs', branch: 'main' });
  await context.settle();
  const [row] = await context.place
    .sql`select configuration from workspaces where name <> 'several' order by created_at desc limit 1`;
  expect(row).toEqual({ configuration: 'jobs' });
  const other = await context.slack.mention(bob, context.dev, 'see acme/api, please');
  await context.settle();
  expect(await form(() => context.slack.shortcut(bob, other))).not.toContain('Container configuration');
});

test('where the message names none, the channel’s repository is meant', async () => {
  const { bob } = context.people;
  await context.say('use acme/web');
  const named = async (text: string): Promise<string> => {
    const said = await context.slack.mention(bob, context.dev, text);
    await context.settle();
    const shown = await form(() => context.slack.shortcut(bob, said));
    return /^Repository: (.*)$/m.exec(shown)![1]!;
  };
  expect(await named('this is broken and/or slow')).toBe('acme/web');
  expect(await named('who broke acme/api?')).toBe('acme/api');
  expect(await named('acme/secret is broken')).toBe('acme/web');
  expect(await named('see acme/api#7, please')).toBe('acme/api#7');
});

test('who is not connected is led to the sign-in instead', async () => {
  const stranger = context.slack.addPerson('stranger');
  context.dev.members.add(stranger.id);
  const said = await context.slack.mention(context.people.ada, context.dev, 'acme/api is red');
  await form(() => context.slack.shortcut(stranger, said));
  expect(context.form(stranger)).toContain('|Connect your GitHub account>');
});

test('`Rename…` asks for the name, and says at once when it is none', async () => {
  const { bob } = context.people;
  await context.say('up acme/api --name old-name --new');
  const card = context.card();
  expect(await form(() => context.slack.press(bob, card, 'Rename…'))).toBe('New name: old-name');
  const wrong = await context.slack.fill(bob, { name: 'Not A Name!' });
  expect(JSON.parse(wrong.answer)).toMatchObject({ errors: { name: expect.stringContaining('name') } });
  await context.slack.fill(bob, { name: 'new-name' });
  await context.settle();
  expect(context.read(card)).toContain('*`new-name`*');
});

test('a name that another workspace of mine has is refused in the form', async () => {
  await context.say('up acme/web');
  await context.say('up acme/api --name new-name --new');
  const { bob } = context.people;
  const card = context.card();
  await form(() => context.slack.press(bob, card, 'Rename…'));
  const taken = await context.slack.fill(bob, { name: 'web' });
  expect(JSON.parse(taken.answer)).toMatchInlineSnapshot(`
    {
      "errors": {
        "name": "You already have a workspace called web. Take another name.",
      },
      "response_action": "errors",
    }
  `);
  const same = await context.slack.fill(bob, { name: 'new-name' });
  expect(same.answer).toBe('');
  await context.settle();
  expect(context.read(card)).toContain('*`new-name`*');
});

test('whose it is not learns neither its name nor what is in it', async () => {
  await context.say('up acme/web');
  await context.say('up acme/api --name new-name --new');
  const { ada } = context.people;
  const card = context.card();
  await form(() => context.slack.press(ada, card, 'Rename…'));
  expect(context.form(ada)).toBe('New name: ');
  // Not even by a name that bob has.
  expect((await context.slack.fill(ada, { name: 'web' })).answer).toBe('');
  await context.settle();
  expect(context.read(card)).toContain('*`new-name`*');
});

test('`Delete…` says what would be lost, and deletes only after the second press', async () => {
  await context.say('up acme/api --name new-name --new');
  const { bob } = context.people;
  const card = context.card();
  const { checkout } = await context.sam.row('new-name');
  writeFileSync(join(checkout, 'README.md'), 'changed\n');
  await context.place
    .sql`update workspaces set reported = jsonb_set(reported, '{work}', '{"changed":1,"untracked":0,"unpushed":2}')
    where name = 'new-name'`;
  expect(await form(() => context.slack.press(bob, card, 'Delete…'))).toMatchInlineSnapshot(
    `"\`new-name\` and its files will be gone, and with them work that is nowhere else: *1 changed file and 2 unpushed commits*. To keep it, cancel, then commit and push."`,
  );
  expect(context.read(card)).toContain('running');
  await context.slack.fill(bob, {});
  await context.settle();
  expect(context.read(card)).toContain('deleted');
});

test('a form that Slack does not open any more is asked for in words', async () => {
  await context.say('up acme/api --name last --new');
  context.slack.refuse('views.open', 'expired_trigger_id');
  const { bob } = context.people;
  const before = context.slack.seenBy(bob, context.dev).length;
  await context.slack.press(bob, context.card(), 'Rename…');
  await until(() => context.slack.seenBy(bob, context.dev).length > before);
  expect(context.read(context.slack.seenBy(bob, context.dev).at(-1)!)).toMatch(
    /^Say it with the new name: `\/sam rename ws-\d+ NEW-NAME`\.$/,
  );
});

/** What the person reads there after it, without what was there before. */
async function readsIn(channel: Channel, act: () => Promise<unknown>): Promise<string> {
  const { bob } = context.people;
  const before = context.slack.seenBy(bob, channel).length;
  await act();
  await until(() => context.slack.seenBy(bob, channel).length > before);
  await context.settle();
  const [answer, ...more] = context.slack.seenBy(bob, channel).slice(before);
  expect(more).toEqual([]);
  expect(answer!.ephemeralTo ?? channel.imWith).toBe(bob.id);
  return context.read(answer!);
}

test('`Start a workspace` and `New workspace` are answered in private when Slack opens no form', async () => {
  const { bob, ada } = context.people;
  const said = await context.slack.mention(ada, context.dev, 'who looks at acme/api#7?');
  await context.settle();
  context.slack.refuse('views.open', 'expired_trigger_id');
  expect(await readsIn(context.dev, () => context.slack.shortcut(bob, said))).toMatchInlineSnapshot(
    `"The form did not open; Slack gives only three seconds for it. Try it again, or say it in a channel: \`/sam up acme/api#7\`."`,
  );
  await context.slack.openHome(bob);
  await until(() => context.home(bob).includes('New workspace'));
  context.slack.down(1, 'views.open');
  const home = () => context.slack.pressHome(bob, 'New workspace');
  expect(await readsIn(context.slack.directOf(bob), home)).toMatchInlineSnapshot(
    `"The form did not open; Slack gives only three seconds for it. Try it again, or say it in a channel: \`/sam up owner/name\`."`,
  );
});

test('where the bot is not in the channel of the message, and the form does not open, that is said in private too', async () => {
  const { bob } = context.people;
  const closed = context.slack.addChannel('closed', [bob], { withBot: false, isPrivate: true });
  const said = await context.slack.mention(bob, closed, 'acme/api is red');
  context.slack.refuse('views.open', 'invalid_trigger_id');
  context.slack.server.fail({
    path: /^\/hooks\//,
    fault: { status: 404, body: { ok: false, error: 'used_url' } },
  });
  const shortcut = () => context.slack.shortcut(bob, said);
  expect(await readsIn(context.slack.directOf(bob), shortcut)).toContain('The form did not open');
});
