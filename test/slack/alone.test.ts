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
  let scene: Slack;
  beforeAll(async () => {
    scene = await startSlack({ env: NO_GITHUB, withoutLinks: true });
    scene.slack.world.channels.set('C0ALLOWED', { ...scene.dev, id: 'C0ALLOWED', name: 'allowed' });
    // Nobody has that one: how it fails is the clone's affair.
    await scene.say('up acme/this-does-not-exist', scene.people.bob, allowed());
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  const allowed = () => scene.slack.world.channels.get('C0ALLOWED')!;

  test('repositories may be started in the channels that were chosen, and nowhere else', async () => {
    expect(await scene.say('up acme/api')).toMatchInlineSnapshot(`
      [
        "On it: \`up acme/api\`",
        "\`/sam up\` is for the channels that were chosen for it (SLACK_ALLOWED_CHANNELS), and this is none of them. What works here: \`/sam help\`.",
      ]
    `);
    const [promise, card] = await scene.say('up acme/neither-does-this', scene.people.bob, allowed());
    expect(promise).toContain('On it');
    expect(card).toContain('neither-does-this');
  });

  test('what is mine I may stop and see anywhere', async () => {
    expect((await scene.say('list')).at(-1)).toContain('acme/this-does-not-exist');
    expect((await scene.say('list', scene.people.ada)).at(-1)).toContain('You have no workspace yet.');
  });

  test('the Home lists what is mine, and makes nothing', async () => {
    const { ada, bob } = scene.people;
    await scene.slack.openHome(ada);
    await until(() => scene.home(ada).includes('none yet'));
    expect(scene.home(ada)).toMatchInlineSnapshot(`
      "Your workspaces
      There is none yet. Say \`/sam up owner/name\` in a channel that was chosen for it."
    `);
    await scene.slack.openHome(bob);
    await until(() => scene.home(bob).includes('this-does-not-exist'));
    expect(scene.home(bob)).not.toContain('[New workspace]');
  });

  test('what others have is not theirs to touch, wherever they say it', async () => {
    const { ada } = scene.people;
    const id = (await scene.sam.row('this-does-not-exist')).id;
    for (const line of [`stop ${id}`, `open ${id}`, `rm ${id}`])
      expect((await scene.say(line, ada, allowed())).at(-1)).toContain('There is no workspace');
  });

  test('there is nothing to connect with', async () => {
    expect(await scene.say('connect')).toMatchInlineSnapshot(`
      [
        "Sam has no GitHub App here, so there is nothing to connect with. What works: \`/sam help\`.",
      ]
    `);
  });

  test('a form takes the repository as it is typed', async () => {
    const { bob } = scene.people;
    const message = scene.slack.world.messages.find((one) => one.channel === 'C0ALLOWED')!;
    await scene.slack.shortcut(bob, message);
    await until(() => scene.form(bob).includes('Repository: '));
    const wrong = await scene.slack.fill(bob, { repository: 'https://user:pass@git.example/a/b' });
    expect(wrong.answer).toContain('credentials');
    await scene.slack.fill(bob, { repository: 'acme/not-there-either' });
    await scene.settle();
    expect(scene.read(scene.card(allowed()))).toContain('acme/not-there-either');
  });
});

describe('with an app-level token', () => {
  let scene: Slack;
  beforeAll(async () => {
    scene = await startSlack({ env: { SLACK_APP_TOKEN: APP_TOKEN } });
    await until(() => scene.slack.sockets.isOpen());
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  test('all goes over the socket that Sam dials, and the address is closed', async () => {
    expect((await scene.say('up acme/api --name dialled --new')).at(-1)).toContain('running');
    expect((await scene.press('Open terminal', scene.card())).at(-1)).toContain('Open the terminal');
    const said = await scene.slack.mention(scene.people.bob, scene.dev, '{bot} status', scene.card());
    await scene.settle();
    expect(said.reactions).toEqual(['white_check_mark']);
    expect((await fetch(scene.slack.target, { method: 'POST' })).status).toBe(404);
  });

  test('when Slack moves the connection, or refuses a new one for a while, Sam dials again', async () => {
    await scene.say('up acme/api --name moved --new');
    scene.slack.down(1, 'apps.connections.open');
    scene.slack.sockets.recycle();
    await until(() => scene.slack.sockets.dials() === 2 && scene.slack.sockets.isOpen());
    expect((await scene.say('list')).at(-1)).toContain('running');
  });

  test('the Home, its form and what the form searches go over it too', async () => {
    const { bob } = scene.people;
    await scene.slack.openHome(bob);
    await until(() => scene.home(bob).includes('[New workspace]'));
    await scene.slack.pressHome(bob, 'New workspace');
    await until(() => scene.form(bob).includes('Repository: '));
    expect(await scene.slack.offered(bob, 'repository', 'api')).toEqual(['acme/api']);
    const wrong = await scene.slack.fill(bob, { repository: 'acme/api', branch: '..' });
    expect(wrong.answer).toContain('response_action');
  });
});
