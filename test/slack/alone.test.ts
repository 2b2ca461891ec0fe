// Slack without a GitHub App, and Slack that is dialled instead of listened for.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../until.ts';
import { APP_TOKEN, startSlack, type Slack } from '../testers/slack.ts';

const NO_GITHUB = {
  APP_ID: '',
  PRIVATE_KEY: '',
  WEBHOOK_SECRET: '',
  GITHUB_CLIENT_ID: '',
  GITHUB_CLIENT_SECRET: '',
  SLACK_ALLOWED_CHANNELS: 'C0ALLOWED',
};

describe('without a GitHub App', () => {
  let context: Slack;
  beforeAll(async () => {
    context = await startSlack({ env: NO_GITHUB, withoutLinks: true });
    context.slack.world.channels.set('C0ALLOWED', { ...context.dev, id: 'C0ALLOWED', name: 'allowed' });
    // Nobody has that one: how it fails is the clone's affair.
    await context.say('up acme/this-does-not-exist', context.people.bob, allowed());
  });
  afterAll(() => context[Symbol.asyncDispose]());
  const allowed = () => context.slack.world.channels.get('C0ALLOWED')!;

  test('repositories may be started in the channels that were chosen, and nowhere else', async () => {
    expect(await context.say('up acme/api')).toMatchInlineSnapshot(`
      [
        "On it: \`up acme/api\`",
        "\`/sam up\` is for the channels that were chosen for it (SLACK_ALLOWED_CHANNELS), and this is none of them. What works here: \`/sam help\`.",
      ]
    `);
    const [promise, card] = await context.say('up acme/neither-does-this', context.people.bob, allowed());
    expect(promise).toContain('On it');
    expect(card).toContain('neither-does-this');
  });

  test('what is mine I may stop and see anywhere', async () => {
    expect((await context.say('list')).at(-1)).toContain('acme/this-does-not-exist');
    expect((await context.say('list', context.people.ada)).at(-1)).toContain('You have no workspace yet.');
  });

  test('the Home lists what is mine, and makes nothing', async () => {
    const { ada, bob } = context.people;
    await context.slack.openHome(ada);
    await until(() => context.home(ada).includes('none yet'));
    expect(context.home(ada)).toMatchInlineSnapshot(`
      "Your workspaces
      There is none yet. Say \`/sam up owner/name\` in a channel that was chosen for it."
    `);
    await context.slack.openHome(bob);
    await until(() => context.home(bob).includes('this-does-not-exist'));
    expect(context.home(bob)).not.toContain('[New workspace]');
  });

  test('what others have is not theirs to touch, wherever they say it', async () => {
    const { ada } = context.people;
    const id = (await context.sam.row('this-does-not-exist')).id;
    for (const line of [`stop ${id}`, `open ${id}`, `rm ${id}`])
      expect((await context.say(line, ada, allowed())).at(-1)).toContain('There is no workspace');
  });

  test('there is nothing to connect with', async () => {
    expect(await context.say('connect')).toMatchInlineSnapshot(`
      [
        "Sam has no GitHub App here, so there is nothing to connect with. What works: \`/sam help\`.",
      ]
    `);
  });

  test('a form takes the repository as it is typed', async () => {
    const { bob } = context.people;
    const message = context.slack.world.messages.find((one) => one.channel === 'C0ALLOWED')!;
    await context.slack.shortcut(bob, message);
    await until(() => context.form(bob).includes('Repository: '));
    const wrong = await context.slack.fill(bob, { repository: 'https://user:pass@git.example/a/b' });
    expect(wrong.answer).toContain('credentials');
    await context.slack.fill(bob, { repository: 'acme/not-there-either' });
    await context.settle();
    expect(context.read(context.card(allowed()))).toContain('acme/not-there-either');
  });
});

describe('with an app-level token', () => {
  let context: Slack;
  beforeAll(async () => {
    context = await startSlack({ env: { SLACK_APP_TOKEN: APP_TOKEN } });
    await until(() => context.slack.sockets.isOpen());
  });
  afterAll(() => context[Symbol.asyncDispose]());

  test('all goes over the socket that Sam dials, and the address is closed', async () => {
    expect((await context.say('up acme/api --name dialled --new')).at(-1)).toContain('running');
    expect((await context.press('Open terminal', context.card())).at(-1)).toContain('Open the terminal');
    const said = await context.slack.mention(context.people.bob, context.dev, '{bot} status', context.card());
    await context.settle();
    expect(said.reactions).toEqual(['white_check_mark']);
    expect((await fetch(context.slack.target, { method: 'POST' })).status).toBe(404);
  });

  test('when Slack moves the connection, or refuses a new one for a while, Sam dials again', async () => {
    await context.say('up acme/api --name moved --new');
    context.slack.down(1, 'apps.connections.open');
    context.slack.sockets.recycle();
    await until(() => context.slack.sockets.dials() === 2 && context.slack.sockets.isOpen());
    expect((await context.say('list')).at(-1)).toContain('running');
  });

  test('the Home, its form and what the form searches go over it too', async () => {
    const { bob } = context.people;
    await context.slack.openHome(bob);
    await until(() => context.home(bob).includes('[New workspace]'));
    await context.slack.pressHome(bob, 'New workspace');
    await until(() => context.form(bob).includes('Repository: '));
    expect(await context.slack.offered(bob, 'repository', 'api')).toEqual(['acme/api']);
    const wrong = await context.slack.fill(bob, { repository: 'acme/api', branch: '..' });
    expect(wrong.answer).toContain('response_action');
  });
});
