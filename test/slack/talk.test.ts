// Conversations in Slack, as each person sees them.
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

test('`/sam up acme/api` is answered at once, and then by one card for the channel', async () => {
  expect(await scene.say('up acme/api')).toMatchInlineSnapshot(`
    [
      "On it: \`up acme/api\`",
      ":white_check_mark: *\`api\`* running
    \`acme/api\` @ \`commit\` · medium · on the host, which does not isolate · for \`bob\`
    [Open terminal] [Keep 4h] [Stop] [⋯ Restart | Logs | Rename… | Delete…]
    stops at TIME if idle · ws-1",
    ]
  `);
});

test('a second `up` is answered, and makes nothing', async () => {
  await scene.say('up acme/api');
  expect(await scene.say('up acme/api')).toMatchInlineSnapshot(`
    [
      "On it: \`up acme/api\`",
      "\`api\` is there already.",
    ]
  `);
});

test('`Open terminal` gives the presser, and nobody else, a link that works once', async () => {
  await scene.say('up acme/api');
  const { ada, bob } = scene.people;
  const card = scene.card();
  const before = scene.slack.seenBy(ada, scene.dev).length;
  expect(await scene.press('Open terminal', card)).toMatchInlineSnapshot(`
    [
      "*<http://localhost/w/ws-1#CODE|Open the terminal>*
    It works once, within 5 minutes, and is for you alone.",
    ]
  `);
  expect(scene.slack.seenBy(ada, scene.dev)).toHaveLength(before);
  const link = scene.slack.seenBy(bob, scene.dev).at(-1)!;
  expect(link).toMatchObject({ ephemeralTo: bob.id, unfurls: false });
  // Whatever visits the address spends nothing; the code is bob's, for five minutes.
  const address = /<(http[^|>]+)\|/.exec(JSON.stringify(link.blocks))![1]!;
  expect((await fetch(address)).status).toBe(200);
  const codes = await scene.place.sql`
    select i.external_id as person, extract(epoch from t.expires_at - t.created_at)::int as life, t.used_at as used
      from tokens t join identities i on i.user_id = t.user_id and i.source like 'slack:%'
     where t.purpose = 'link' and i.external_id = ${bob.id}`;
  expect([...codes]).toEqual([{ person: bob.id, life: 300, used: null }]);
});

test('a press by somebody whose workspace it is not tells them nothing', async () => {
  await scene.say('up acme/api');
  expect(await scene.press('Open terminal', scene.card(), scene.people.ada)).toMatchInlineSnapshot(`
    [
      "There is no workspace \`ws-1\` here that you can see. All yours: \`/sam list\`.",
    ]
  `);
  expect(await scene.press('Stop', scene.card(), scene.people.eve)).toMatchInlineSnapshot(`
    [
      "There is no workspace \`ws-1\` here that you can see. All yours: \`/sam list\`.",
    ]
  `);
  expect(scene.read(scene.card())).toContain('running');
});

test('`Keep 4h` says until when, and the card is edited, not posted again', async () => {
  await scene.say('up acme/api');
  expect(await scene.press('Keep 4h', scene.card())).toMatchInlineSnapshot(`
    [
      "\`api\` stays until TIME at least, however idle.",
    ]
  `);
  expect(cards()).toHaveLength(1);
});

test('`Stop` and `Start` edit the same card', async () => {
  await scene.say('up acme/api');
  expect(await scene.press('Stop', scene.card())).toEqual([]);
  expect(scene.read(scene.card())).toMatchInlineSnapshot(`
    ":black_square_for_stop: *\`api\`* stopped
    \`acme/api\` @ \`commit\` · medium · for \`bob\`
    Its files are kept until TIME.
    [Start] [⋯ Logs | Rename… | Delete…]
    ws-1"
  `);
  expect(await scene.press('Start', scene.card())).toEqual([]);
  expect(scene.read(scene.card())).toContain('running');
});

test('who may read the repository may ask how it stands, in the thread of its card and by its id, and no more', async () => {
  const { dev, people } = await scene.room();
  const { slack } = scene;
  const { bob, eve } = people;
  await scene.say('up acme/api', bob, dev);
  const card = scene.card(dev);
  const signsOf = async (text: string): Promise<string[]> => {
    const said = await slack.mention(eve, dev, `{bot} ${text}`, card);
    await scene.settle();
    return said.reactions;
  };
  const id = /ws-[a-z2-7]{12}/.exec(JSON.stringify(card.metadata))?.[0] ?? '';
  expect(await signsOf('status')).toEqual(['white_check_mark']);
  expect(await signsOf(`status ${id}`)).toEqual(['white_check_mark']);
  expect(await signsOf('stop')).toEqual(['x']);
  expect(scene.read(card)).toContain('running');
});

test('`@Sam stop` in the thread of the card, where slash commands do not work, means that workspace', async () => {
  await scene.say('up acme/api');
  const { bob } = scene.people;
  const said = await scene.slack.mention(bob, scene.dev, '{bot} stop', scene.card());
  await scene.settle();
  expect(said.reactions).toEqual(['white_check_mark']);
  expect(scene.read(scene.card())).toContain('stopped');
  const typo = await scene.slack.mention(bob, scene.dev, '{bot} strat', scene.card());
  await scene.settle();
  expect(typo.reactions).toEqual(['x']);
  const reply = scene.slack.seenBy(bob, scene.dev).at(-1)!;
  expect(reply).toMatchObject({ ephemeralTo: bob.id, threadTs: scene.card().ts });
  expect(scene.read(reply)).toMatchInlineSnapshot(`
    "I don't know \`strat\`. Did you mean \`@sam start\`? All commands: \`@sam help\`.
    [Run /sam start]"
  `);
  await scene.press('Run /sam start', reply);
  expect(scene.read(scene.card())).toContain('running');
});

test('a direct message needs no name, and is answered there', async () => {
  await scene.say('up acme/api');
  const { bob } = scene.people;
  await scene.slack.direct(bob, 'list');
  await scene.settle();
  const [, answer] = scene.slack.seenBy(bob, scene.slack.directOf(bob)).map(scene.read);
  expect(answer).toMatch(/^```\nNAME +PHASE +REPOSITORY +REF\napi +running .*acme\/api\n```$/);
});

test('the menu asks before it deletes, and shows logs to one person', async () => {
  await scene.say('up acme/api');
  const [logs] = await scene.press('Logs', scene.card());
  expect(logs).toMatch(/^```\n\d\d:\d\d:\d\d|written nothing yet/);
  const { bob } = scene.people;
  const card = scene.card();
  await scene.slack.press(bob, card, 'Delete…');
  await until(() => scene.form(bob) !== '');
  expect(scene.form(bob)).toMatchInlineSnapshot(
    `"\`api\` and its files will be gone. If something in it was not pushed, I say so first and delete nothing."`,
  );
  await scene.slack.fill(bob, {});
  await scene.settle();
  expect(scene.read(card)).toMatchInlineSnapshot(`
    ":wastebasket: *\`api\`* deleted
    \`acme/api\` · medium · for \`bob\`
    ws-1"
  `);
});

test('a press on the card of a deleted workspace says that there is none', async () => {
  await scene.say('up acme/api');
  await scene.say('rm api');
  const [card] = cards();
  const stale = {
    ...card!,
    blocks: [{ type: 'actions', block_id: `card:${idOf(card!)}`, elements: [button(`stop ${idOf(card!)}`)] }],
  };
  expect(await scene.press('Stop', stale)).toMatchInlineSnapshot(`
    [
      "There is no workspace \`ws-1\` here that you can see. All yours: \`/sam list\`.",
    ]
  `);
});

test('`use` sets the repository of a channel, for those who may write there', async () => {
  expect(await scene.say('up')).toMatchInlineSnapshot(`
    [
      "On it: \`up\`",
      "Which repository? For example \`/sam up owner/name\`.",
    ]
  `);
  expect(await scene.say('use acme/api', scene.people.eve)).toMatchInlineSnapshot(`
    [
      "On it: \`use acme/api\`",
      "\`/sam use\` needs *write* on \`acme/api\`; you have *read*. A maintainer can run it for you.",
    ]
  `);
  expect(await scene.say('use acme/api')).toMatchInlineSnapshot(`
    [
      "On it: \`use acme/api\`",
      "Here \`/sam up\` means \`acme/api\`. Another one: \`/sam use owner/name\`.",
    ]
  `);
  expect((await scene.say('up --name from-default')).at(-1)).toContain('*`from-default`* running');
});

test('help and `who` are for one person', async () => {
  await scene.say('up acme/api --name from-default');
  expect(await scene.say('whoami')).toMatchInlineSnapshot(`
    [
      "You are bob (us-1), known from Slack.
    \`from-default\` belongs to bob; 0 terminal sessions open in it.",
    ]
  `);
  const [help] = await scene.say('');
  expect(help).toMatchInlineSnapshot(`
    "I make cloud workspaces from a chat. What you can say:
    - \`/sam up [target]\`: makes a workspace for a repository, branch, pull request or issue, or shows the one that is there.
    - \`/sam list\`: lists your workspaces and where each stands.
    - \`/sam status [target]\`: shows where a workspace stands and brings its card up to date.
    - \`/sam open [target]\`: gives you a link that opens a terminal in the browser.
    - \`/sam stop [target]\`: stops a workspace and keeps every file of it.
    - \`/sam extend [target] [4h]\`: keeps a workspace from stopping by itself, for a while or until a time of day.
    - Also: \`start\`, \`restart\`, \`rm\`, \`rename\`, \`logs\`, \`retry\`, \`who\`, \`nodes\`, \`node\`, \`cost\`, \`use\`, \`connect\`, \`disconnect\`, \`token\`, \`tokens\`, \`help\`.
    A target is \`owner/name\`, \`owner/name@branch\`, \`owner/name#412\` or a workspace's name; without one I take what this thread or channel is about. More about a command: \`/sam help up\`."
  `);
});

test('of several commands in one message the first runs and the others are named below its answer', async () => {
  await scene.say('up acme/api --name from-default');
  const [, table] = await scene.say('list\nstop from-default\nrm --force');
  expect(table).toMatch(
    /^```\nNAME [^]*\n```\nI run one command per message; ignored: `stop from-default`, `rm --force`\.$/,
  );
  expect((await scene.say('help\nlist')).at(-1)).toMatch(
    /More about a command: `\/sam help up`\.\nI run one command per message; ignored: `list`\.$/,
  );
  const link = (await scene.say('open from-default\nlist')).at(-1);
  expect(link).toMatch(/for you alone\.\nI run one command per message; ignored: `list`\.$/);
  expect((await scene.say('connect\nlist')).at(-1)).toMatch(/^You are connected .*\nI run one command per/);
  expect(scene.read(scene.card())).toContain('running');
});

test('`connect claude` shows one person a private way to the page for their keys, and nobody a code', async () => {
  const before = scene.slack.seenBy(scene.people.bob, scene.dev).length;
  const [said] = await scene.say('connect claude');
  expect(said).toContain('It works once, within 5 minutes, and is for you alone.');
  const shown = JSON.stringify(scene.slack.seenBy(scene.people.bob, scene.dev).slice(before));
  expect(shown).toMatch(/\/settings#[\w-]{43}\|Open the page for your keys/);
  expect(JSON.stringify(scene.slack.seenBy(scene.people.ada, scene.dev))).not.toContain('/settings#');
  expect((await scene.say('connect gemini')).at(-1)).toContain(
    'I cannot connect you with `gemini`. Your keys of Claude and others: `/sam connect claude`.',
  );
});

test('another command of the same app is told which one is ours', async () => {
  const { bob } = scene.people;
  const sent = await scene.slack.slash(bob, scene.dev, 'up', { command: '/other' });
  expect(JSON.parse(sent.answer)).toMatchInlineSnapshot(`
    {
      "response_type": "ephemeral",
      "text": "Here I listen to \`/sam\`: \`/sam help\`.",
    }
  `);
});

const cards = () => scene.slack.world.messages.filter((one) => one.metadata && one.channel === scene.dev.id);
const button = (line: string) => ({
  type: 'button',
  action_id: 'say:0',
  value: line,
  text: { type: 'plain_text', text: 'Stop' },
});
const idOf = (card: { metadata: Record<string, unknown> | undefined }): string =>
  (card.metadata!['event_payload'] as { ws: string }).ws;
