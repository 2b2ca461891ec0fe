// Conversations in Slack, as each person sees them.
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

test('`/sam up acme/api` is answered at once, and then by one card for the channel', async () => {
  expect(await context.say('up acme/api')).toMatchInlineSnapshot(`
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
  await context.say('up acme/api');
  expect(await context.say('up acme/api')).toMatchInlineSnapshot(`
    [
      "On it: \`up acme/api\`",
      "\`api\` is there already.",
    ]
  `);
});

test('`Open terminal` gives the presser, and nobody else, a link that works once', async () => {
  await context.say('up acme/api');
  const { ada, bob } = context.people;
  const card = context.card();
  const before = context.slack.seenBy(ada, context.dev).length;
  expect(await context.press('Open terminal', card)).toMatchInlineSnapshot(`
    [
      "*<http://localhost/w/ws-1#CODE|Open the terminal>*
    It works once, within 5 minutes, and is for you alone.",
    ]
  `);
  expect(context.slack.seenBy(ada, context.dev)).toHaveLength(before);
  const link = context.slack.seenBy(bob, context.dev).at(-1)!;
  expect(link).toMatchObject({ ephemeralTo: bob.id, unfurls: false });
  // Whatever visits the address spends nothing; the code is bob's, for five minutes.
  const address = /<(http[^|>]+)\|/.exec(JSON.stringify(link.blocks))![1]!;
  expect((await fetch(address)).status).toBe(200);
  const codes = await context.place.sql`
    select i.external_id as person, extract(epoch from t.expires_at - t.created_at)::int as life, t.used_at as used
      from tokens t join identities i on i.user_id = t.user_id and i.source like 'slack:%'
     where t.purpose = 'link' and i.external_id = ${bob.id}`;
  expect([...codes]).toEqual([{ person: bob.id, life: 300, used: null }]);
});

test('a press by somebody whose workspace it is not tells them nothing', async () => {
  await context.say('up acme/api');
  expect(await context.press('Open terminal', context.card(), context.people.ada)).toMatchInlineSnapshot(`
    [
      "There is no workspace \`ws-1\` here that you can see. All yours: \`/sam list\`.",
    ]
  `);
  expect(await context.press('Stop', context.card(), context.people.eve)).toMatchInlineSnapshot(`
    [
      "There is no workspace \`ws-1\` here that you can see. All yours: \`/sam list\`.",
    ]
  `);
  expect(context.read(context.card())).toContain('running');
});

test('`Keep 4h` says until when, and the card is edited, not posted again', async () => {
  await context.say('up acme/api');
  expect(await context.press('Keep 4h', context.card())).toMatchInlineSnapshot(`
    [
      "\`api\` stays until TIME at least, however idle.",
    ]
  `);
  expect(cards()).toHaveLength(1);
});

test('`Stop` and `Start` edit the same card', async () => {
  await context.say('up acme/api');
  expect(await context.press('Stop', context.card())).toEqual([]);
  expect(context.read(context.card())).toMatchInlineSnapshot(`
    ":black_square_for_stop: *\`api\`* stopped
    \`acme/api\` @ \`commit\` · medium · for \`bob\`
    Its files are kept until TIME.
    [Start] [⋯ Logs | Rename… | Delete…]
    ws-1"
  `);
  expect(await context.press('Start', context.card())).toEqual([]);
  expect(context.read(context.card())).toContain('running');
});

test('who may read the repository may ask how it stands, in the thread of its card and by its id, and no more', async () => {
  const { dev, people } = await context.room();
  const { slack } = context;
  const { bob, eve } = people;
  await context.say('up acme/api', bob, dev);
  const card = context.card(dev);
  const signsOf = async (text: string): Promise<string[]> => {
    const said = await slack.mention(eve, dev, `{bot} ${text}`, card);
    await context.settle();
    return said.reactions;
  };
  const id = /ws-[a-z2-7]{12}/.exec(JSON.stringify(card.metadata))?.[0] ?? '';
  expect(await signsOf('status')).toEqual(['white_check_mark']);
  expect(await signsOf(`status ${id}`)).toEqual(['white_check_mark']);
  expect(await signsOf('stop')).toEqual(['x']);
  expect(context.read(card)).toContain('running');
});

test('`@Sam stop` in the thread of the card, where slash commands do not work, means that workspace', async () => {
  await context.say('up acme/api');
  const { bob } = context.people;
  const said = await context.slack.mention(bob, context.dev, '{bot} stop', context.card());
  await context.settle();
  expect(said.reactions).toEqual(['white_check_mark']);
  expect(context.read(context.card())).toContain('stopped');
  const typo = await context.slack.mention(bob, context.dev, '{bot} strat', context.card());
  await context.settle();
  expect(typo.reactions).toEqual(['x']);
  const reply = context.slack.seenBy(bob, context.dev).at(-1)!;
  expect(reply).toMatchObject({ ephemeralTo: bob.id, threadTs: context.card().ts });
  expect(context.read(reply)).toMatchInlineSnapshot(`
    "I don't know \`strat\`. Did you mean \`@sam start\`? All commands: \`@sam help\`.
    [Run /sam start]"
  `);
  await context.press('Run /sam start', reply);
  expect(context.read(context.card())).toContain('running');
});

test('a direct message needs no name, and is answered there', async () => {
  await context.say('up acme/api');
  const { bob } = context.people;
  await context.slack.direct(bob, 'list');
  await context.settle();
  const [, answer] = context.slack.seenBy(bob, context.slack.directOf(bob)).map(context.read);
  expect(answer).toMatch(/^```\nNAME +PHASE +REPOSITORY +REF\napi +running .*acme\/api\n```$/);
});

test('the menu asks before it deletes, and shows logs to one person', async () => {
  await context.say('up acme/api');
  const [logs] = await context.press('Logs', context.card());
  expect(logs).toMatch(/^```\n\d\d:\d\d:\d\d|written nothing yet/);
  const { bob } = context.people;
  const card = context.card();
  await context.slack.press(bob, card, 'Delete…');
  await until(() => context.form(bob) !== '');
  expect(context.form(bob)).toMatchInlineSnapshot(
    `"\`api\` and its files will be gone. If something in it was not pushed, I say so first and delete nothing."`,
  );
  await context.slack.fill(bob, {});
  await context.settle();
  expect(context.read(card)).toMatchInlineSnapshot(`
    ":wastebasket: *\`api\`* deleted
    \`acme/api\` · medium · for \`bob\`
    ws-1"
  `);
});

test('a press on the card of a deleted workspace says that there is none', async () => {
  await context.say('up acme/api');
  await context.say('rm api');
  const [card] = cards();
  const stale = {
    ...card!,
    blocks: [{ type: 'actions', block_id: `card:${idOf(card!)}`, elements: [button(`stop ${idOf(card!)}`)] }],
  };
  expect(await context.press('Stop', stale)).toMatchInlineSnapshot(`
    [
      "There is no workspace \`ws-1\` here that you can see. All yours: \`/sam list\`.",
    ]
  `);
});

test('`use` sets the repository of a channel, for those who may write there', async () => {
  expect(await context.say('up')).toMatchInlineSnapshot(`
    [
      "On it: \`up\`",
      "Which repository? For example \`/sam up owner/name\`.",
    ]
  `);
  expect(await context.say('use acme/api', context.people.eve)).toMatchInlineSnapshot(`
    [
      "On it: \`use acme/api\`",
      "\`/sam use\` needs *write* on \`acme/api\`; you have *read*. A maintainer can run it for you.",
    ]
  `);
  expect(await context.say('use acme/api')).toMatchInlineSnapshot(`
    [
      "On it: \`use acme/api\`",
      "Here \`/sam up\` means \`acme/api\`. Another one: \`/sam use owner/name\`.",
    ]
  `);
  expect((await context.say('up --name from-default')).at(-1)).toContain('*`from-default`* running');
});

test('help and `who` are for one person', async () => {
  await context.say('up acme/api --name from-default');
  expect(await context.say('whoami')).toMatchInlineSnapshot(`
    [
      "You are bob (us-1), known from Slack.
    \`from-default\` belongs to bob; 0 terminal sessions open in it.",
    ]
  `);
  const [help] = await context.say('');
  expect(help).toMatchInlineSnapshot(`
    "I make cloud workspaces from a chat. What you can say:
    - \`/sam up [target]\`: makes a workspace for a repository, branch, pull request or issue, or shows the one that is there.
    - \`/sam list\`: lists your workspaces, where each stands and with whom it is shared, and those that others share with you.
    - \`/sam status [target]\`: shows where a workspace stands and brings its card up to date.
    - \`/sam open [target]\`: gives you a link that opens a terminal in the browser.
    - \`/sam stop [target]\`: stops a workspace and keeps every file of it.
    - \`/sam extend [target] [4h]\`: keeps a workspace from stopping by itself, for a while or until a time of day.
    - \`/sam ask [flags] WHAT YOU WANT DONE\`: has a coding agent work on what you say, in a workspace that it makes if there is none.
    - Also: \`start\`, \`restart\`, \`rm\`, \`rename\`, \`logs\`, \`retry\`, \`who\`, \`nodes\`, \`node\`, \`cost\`, \`limit\`, \`run\`, \`cancel\`, \`allow\`, \`deny\`, \`pr\`, \`port\`, \`use\`, \`share\`, \`unshare\`, \`connect\`, \`disconnect\`, \`token\`, \`tokens\`, \`help\`.
    A target is \`owner/name\`, \`owner/name@branch\`, \`owner/name#412\` or a workspace's name; without one I take what this thread or channel is about. More about a command: \`/sam help up\`."
  `);
});

test('of several commands in one message the first runs and the others are named below its answer', async () => {
  await context.say('up acme/api --name from-default');
  const [, table] = await context.say('list\nstop from-default\nrm --force');
  expect(table).toMatch(
    /^```\nNAME [^]*\n```\nI run one command per message; ignored: `stop from-default`, `rm --force`\.$/,
  );
  expect((await context.say('help\nlist')).at(-1)).toMatch(
    /More about a command: `\/sam help up`\.\nI run one command per message; ignored: `list`\.$/,
  );
  const link = (await context.say('open from-default\nlist')).at(-1);
  expect(link).toMatch(/for you alone\.\nI run one command per message; ignored: `list`\.$/);
  expect((await context.say('connect\nlist')).at(-1)).toMatch(/^You are connected .*\nI run one command per/);
  expect(context.read(context.card())).toContain('running');
});

test('`connect claude` shows one person a private way to the page for their keys, and nobody a code', async () => {
  const before = context.slack.seenBy(context.people.bob, context.dev).length;
  const [said] = await context.say('connect claude');
  expect(said).toContain('It works once, within 5 minutes, and is for you alone.');
  const shown = JSON.stringify(context.slack.seenBy(context.people.bob, context.dev).slice(before));
  expect(shown).toMatch(/\/settings#[\w-]{43}\|Open the page for your keys/);
  expect(JSON.stringify(context.slack.seenBy(context.people.ada, context.dev))).not.toContain('/settings#');
  expect((await context.say('connect gemini')).at(-1)).toContain(
    'I cannot connect you with `gemini`. Your keys of Claude and others: `/sam connect claude`.',
  );
});

test('another command of the same app is told which one is ours', async () => {
  const { bob } = context.people;
  const sent = await context.slack.slash(bob, context.dev, 'up', { command: '/other' });
  expect(JSON.parse(sent.answer)).toMatchInlineSnapshot(`
    {
      "response_type": "ephemeral",
      "text": "Here I listen to \`/sam\`: \`/sam help\`.",
    }
  `);
});

const cards = () =>
  context.slack.world.messages.filter((one) => one.metadata && one.channel === context.dev.id);
const button = (line: string) => ({
  type: 'button',
  action_id: 'say:0',
  value: line,
  text: { type: 'plain_text', text: 'Stop' },
});
const idOf = (card: { metadata: Record<string, unknown> | undefined }): string =>
  (card.metadata!['event_payload'] as { ws: string }).ws;
