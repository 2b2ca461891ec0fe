// Forms: a new workspace from the Home or from a message, another name, a deletion that says what would be lost.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Channel, Message } from '../fakes/slack/slack.ts';
import { until } from '../until.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let bot: Slack;
/** Of the test alone. */
let scene: Slack;
beforeAll(async () => {
  bot = await startSlack();
  await bot.github.addRepository('acme/web', { files: { 'README.md': '# web\n' } });
  await bot.github.addRepository('acme/secret', { private: true, files: { 'README.md': '# hush\n' } });
});
afterAll(() => bot[Symbol.asyncDispose]());
beforeEach(async () => {
  scene = await bot.room();
  scene.github.addCollaborator('acme/web', scene.people.bob.name, 'write');
});

const opened = (): number => scene.slack.world.views.filter((one) => one['type'] === 'modal').length;
/** Does it, and waits for the form that it opens. */
async function form(act: () => Promise<unknown>): Promise<string> {
  const before = opened();
  await act();
  await until(() => opened() > before);
  return scene.form(scene.people.bob);
}
const openNew = async (): Promise<string> => {
  const { bob } = scene.people;
  await scene.slack.openHome(bob);
  await until(() => scene.home(bob).includes('New workspace'));
  return form(() => scene.slack.pressHome(bob, 'New workspace'));
};
const direct = (): Message[] => scene.slack.seenBy(scene.people.bob, scene.slack.directOf(scene.people.bob));
const count = async (): Promise<number> => {
  const [row] = await scene.place.sql<{ count: number }[]>`select count(*)::int as count from workspaces`;
  return row!.count;
};

test('`New workspace` in the Home opens a form that offers what I may write to', async () => {
  const { bob } = scene.people;
  expect(await openNew()).toMatchInlineSnapshot(`
    "Repository: 
    Branch, tag or commit: 
    Size: "
  `);
  expect(await scene.slack.offered(bob, 'repository', '')).toEqual(['acme/api', 'acme/web']);
  expect(await scene.slack.offered(bob, 'repository', 'we')).toEqual(['acme/web']);
  expect(await scene.slack.offered(bob, 'repository', 'secret')).toEqual([]);
});

test('what the words alone show to be wrong is said in the form, and nothing is stored', async () => {
  await openNew();
  const { bob } = scene.people;
  const before = await count();
  const wrong = await scene.slack.fill(bob, { repository: 'no repository at all', branch: '' });
  expect(JSON.parse(wrong.answer)).toMatchObject({
    response_action: 'errors',
    errors: { repository: expect.stringContaining('is no workspace, pull request or repository') },
  });
  const branch = await scene.slack.fill(bob, { repository: 'acme/web', branch: 'two words" --force' });
  expect(JSON.parse(branch.answer)).toMatchObject({ errors: { branch: expect.any(String) } });
  expect(await count()).toBe(before);
});

test('a filled form starts one workspace, however often it is sent; its card is in the direct message', async () => {
  await openNew();
  const { bob } = scene.people;
  const before = await count();
  const sent = await scene.slack.fill(bob, { repository: 'acme/web', size: 'small' });
  expect(sent.answer).toBe('');
  await scene.slack.again(sent);
  await scene.slack.fill(bob, { repository: 'acme/web', size: 'small' });
  await scene.settle();
  expect(await count()).toBe(before + 1);
  expect(scene.read(direct().at(-1)!)).toMatchInlineSnapshot(`
    ":white_check_mark: *\`web\`* running
    \`acme/web\` @ \`commit\` · small · on the host, which does not isolate · for \`bob\`
    [Open terminal] [Keep 4h] [Stop] [⋯ Restart | Logs | Rename… | Delete…]
    stops at TIME if idle · ws-1"
  `);
  await scene.slack.press(bob, direct().at(-1)!, 'Stop');
  await scene.settle();
  expect(direct()).toHaveLength(1);
  expect(scene.read(direct()[0]!)).toContain('stopped');
});

test('`Start a workspace` at a message knows what the message is about, and its card goes below it', async () => {
  const { bob, ada } = scene.people;
  const said = await scene.slack.mention(
    ada,
    scene.dev,
    `could somebody look at <http://github.example/acme/api/pull/${scene.pull.number}|this>?`,
  );
  await scene.settle();
  expect(await form(() => scene.slack.shortcut(bob, said))).toContain(
    `Repository: acme/api#${scene.pull.number}`,
  );
  await scene.slack.fill(bob, {});
  await scene.settle();
  expect(scene.read(scene.card())).toContain('running');
  expect(scene.card().threadTs).toBe(said.ts);
});

test('where the message names none, the channel’s repository is meant', async () => {
  const { bob } = scene.people;
  await scene.say('use acme/web');
  const named = async (text: string): Promise<string> => {
    const said = await scene.slack.mention(bob, scene.dev, text);
    await scene.settle();
    const shown = await form(() => scene.slack.shortcut(bob, said));
    return /^Repository: (.*)$/m.exec(shown)![1]!;
  };
  expect(await named('this is broken and/or slow')).toBe('acme/web');
  expect(await named('who broke acme/api?')).toBe('acme/api');
  expect(await named('acme/secret is broken')).toBe('acme/web');
  expect(await named('see acme/api#7, please')).toBe('acme/api#7');
});

test('who is not connected is led to the sign-in instead', async () => {
  const stranger = scene.slack.addPerson('stranger');
  scene.dev.members.add(stranger.id);
  const said = await scene.slack.mention(scene.people.ada, scene.dev, 'acme/api is red');
  await form(() => scene.slack.shortcut(stranger, said));
  expect(scene.form(stranger)).toContain('|Connect your GitHub account>');
});

test('`Rename…` asks for the name, and says at once when it is none', async () => {
  const { bob } = scene.people;
  await scene.say('up acme/api --name old-name --new');
  const card = scene.card();
  expect(await form(() => scene.slack.press(bob, card, 'Rename…'))).toBe('New name: old-name');
  const wrong = await scene.slack.fill(bob, { name: 'Not A Name!' });
  expect(JSON.parse(wrong.answer)).toMatchObject({ errors: { name: expect.stringContaining('name') } });
  await scene.slack.fill(bob, { name: 'new-name' });
  await scene.settle();
  expect(scene.read(card)).toContain('*`new-name`*');
});

test('a name that another workspace of mine has is refused in the form', async () => {
  await scene.say('up acme/web');
  await scene.say('up acme/api --name new-name --new');
  const { bob } = scene.people;
  const card = scene.card();
  await form(() => scene.slack.press(bob, card, 'Rename…'));
  const taken = await scene.slack.fill(bob, { name: 'web' });
  expect(JSON.parse(taken.answer)).toMatchInlineSnapshot(`
    {
      "errors": {
        "name": "You already have a workspace called web. Take another name.",
      },
      "response_action": "errors",
    }
  `);
  const same = await scene.slack.fill(bob, { name: 'new-name' });
  expect(same.answer).toBe('');
  await scene.settle();
  expect(scene.read(card)).toContain('*`new-name`*');
});

test('whose it is not learns neither its name nor what is in it', async () => {
  await scene.say('up acme/web');
  await scene.say('up acme/api --name new-name --new');
  const { ada } = scene.people;
  const card = scene.card();
  await form(() => scene.slack.press(ada, card, 'Rename…'));
  expect(scene.form(ada)).toBe('New name: ');
  // Not even by a name that bob has.
  expect((await scene.slack.fill(ada, { name: 'web' })).answer).toBe('');
  await scene.settle();
  expect(scene.read(card)).toContain('*`new-name`*');
});

test('`Delete…` says what would be lost, and deletes only after the second press', async () => {
  await scene.say('up acme/api --name new-name --new');
  const { bob } = scene.people;
  const card = scene.card();
  const { checkout } = await scene.sam.row('new-name');
  writeFileSync(join(checkout, 'README.md'), 'changed\n');
  await scene.place
    .sql`update workspaces set reported = jsonb_set(reported, '{work}', '{"changed":1,"untracked":0,"unpushed":2}')
    where name = 'new-name'`;
  expect(await form(() => scene.slack.press(bob, card, 'Delete…'))).toMatchInlineSnapshot(
    `"\`new-name\` and its files will be gone, and with them work that is nowhere else: *1 changed file and 2 unpushed commits*. To keep it, cancel, then commit and push."`,
  );
  expect(scene.read(card)).toContain('running');
  await scene.slack.fill(bob, {});
  await scene.settle();
  expect(scene.read(card)).toContain('deleted');
});

test('a form that Slack does not open any more is asked for in words', async () => {
  await scene.say('up acme/api --name last --new');
  scene.slack.refuse('views.open', 'expired_trigger_id');
  const { bob } = scene.people;
  const before = scene.slack.seenBy(bob, scene.dev).length;
  await scene.slack.press(bob, scene.card(), 'Rename…');
  await until(() => scene.slack.seenBy(bob, scene.dev).length > before);
  expect(scene.read(scene.slack.seenBy(bob, scene.dev).at(-1)!)).toMatch(
    /^Say it with the new name: `\/sam rename ws-\d+ NEW-NAME`\.$/,
  );
});

/** What the person reads there after it, without what was there before. */
async function readsIn(channel: Channel, act: () => Promise<unknown>): Promise<string> {
  const { bob } = scene.people;
  const before = scene.slack.seenBy(bob, channel).length;
  await act();
  await until(() => scene.slack.seenBy(bob, channel).length > before);
  await scene.settle();
  const [answer, ...more] = scene.slack.seenBy(bob, channel).slice(before);
  expect(more).toEqual([]);
  expect(answer!.ephemeralTo ?? channel.imWith).toBe(bob.id);
  return scene.read(answer!);
}

test('`Start a workspace` and `New workspace` are answered in private when Slack opens no form', async () => {
  const { bob, ada } = scene.people;
  const said = await scene.slack.mention(ada, scene.dev, 'who looks at acme/api#7?');
  await scene.settle();
  scene.slack.refuse('views.open', 'expired_trigger_id');
  expect(await readsIn(scene.dev, () => scene.slack.shortcut(bob, said))).toMatchInlineSnapshot(
    `"The form did not open; Slack gives only three seconds for it. Try it again, or say it in a channel: \`/sam up acme/api#7\`."`,
  );
  await scene.slack.openHome(bob);
  await until(() => scene.home(bob).includes('New workspace'));
  scene.slack.down(1, 'views.open');
  const home = () => scene.slack.pressHome(bob, 'New workspace');
  expect(await readsIn(scene.slack.directOf(bob), home)).toMatchInlineSnapshot(
    `"The form did not open; Slack gives only three seconds for it. Try it again, or say it in a channel: \`/sam up owner/name\`."`,
  );
});

test('where the bot is not in the channel of the message, and the form does not open, that is said in private too', async () => {
  const { bob } = scene.people;
  const closed = scene.slack.addChannel('closed', [bob], { withBot: false, isPrivate: true });
  const said = await scene.slack.mention(bob, closed, 'acme/api is red');
  scene.slack.refuse('views.open', 'invalid_trigger_id');
  scene.slack.server.fail({
    path: /^\/hooks\//,
    fault: { status: 404, body: { ok: false, error: 'used_url' } },
  });
  const shortcut = () => scene.slack.shortcut(bob, said);
  expect(await readsIn(scene.slack.directOf(bob), shortcut)).toContain('The form did not open');
});
