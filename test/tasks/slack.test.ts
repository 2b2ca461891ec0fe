// Conversations in Slack: asked in a channel or below a card, answered below the card, questions pressed.
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { DesiredTurn, TurnHappening } from '../../agent/protocol.ts';
import { createScriptedNodes, type ScriptedNodes } from '../testers/scripted-node.ts';
import { startSlack, type Slack } from '../testers/slack.ts';
import { until } from '../until.ts';
import { done } from './conversation.ts';

let bot: Slack;
let nodes: ScriptedNodes;
/** Of the test alone. */
let context: Slack;
beforeAll(async () => {
  nodes = createScriptedNodes();
  const env = { PROVIDER: 'scripted', MAX_COMMANDS_PER_HOUR: '0' };
  bot = await startSlack({ env, providers: nodes.table });
});
afterAll(async () => {
  nodes.end();
  await bot[Symbol.asyncDispose]();
});
beforeEach(async () => {
  context = await bot.room();
  await leaveKey(context.people.bob.id);
});

/** As if the person had left an Anthropic key. */
const leaveKey = (person: string) => bot.place.sql`
  insert into credentials (id, kind, owner, key_id, ciphertext)
  select user_id || ':anthropic', 'anthropic', user_id, 'none', '' from identities where external_id = ${person}`;

async function happens(turn: DesiredTurn, ...events: TurnHappening[]): Promise<void> {
  const before = nodes.stored.length;
  nodes.happen(turn, ...events);
  await until(() => nodes.stored.length > before);
}

let asks = 0;
async function ask(): Promise<DesiredTurn> {
  await context.say('up acme/api');
  const prompt = `mend ${++asks} & <all>`;
  await context.slack.mention(
    context.people.bob,
    context.dev,
    `{bot} ask ${escaped(prompt)}`,
    context.card(),
  );
  const turn = await nodes.turn((one) => one.prompt === prompt);
  await happens(turn, { kind: 'started' });
  return turn;
}
const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** What everybody sees below the card, but for what people say there. */
const below = (): string[] => {
  const card = context.card();
  return context.slack.world.messages
    .filter(
      (one) => one.channel === context.dev.id && one.threadTs === card.ts && /tk-/.test(JSON.stringify(one)),
    )
    .map((one) => context.read(one).replaceAll(/tk-[a-z2-7]{12}/g, 'tk-1'));
};

test('asked below a card it is answered there, once, and a follow-up goes on in the same task', async () => {
  const turn = await ask();
  await happens(turn, done('Use `x` & **not** <y>:\n\n```\na < b\n```'));
  nodes.again(turn);
  await context.settle();
  expect(below()).toMatchInlineSnapshot(`
    [
      ":white_check_mark: *\`api\`* done · SPAN
    Use \`x\` &amp; *not* &lt;y&gt;:

    \`\`\`
    a &lt; b
    \`\`\`
    tk-1/1",
    ]
  `);
  const { bob } = context.people;
  await context.slack.mention(bob, context.dev, '{bot} claude go on', context.card());
  const next = await nodes.turn((one) => one.prompt === 'go on' && one.task === turn.task);
  expect(next.turn).toBe(2);
  await happens(next, { kind: 'started' }, done('Gone on.'));
  await context.settle();
  expect(below()).toHaveLength(2);
});

test('a question is answered by a button of the card, which is gone then', async () => {
  const turn = await ask();
  const question = {
    kind: 'question',
    request: 'q1',
    tool: 'execute',
    title: 'npm test',
    minutes: 10,
  } as const;
  await happens(turn, question);
  await context.settle();
  expect(context.read(context.card())).toContain('[Allow] [Deny] [Cancel]');
  expect(await context.press('Allow', context.card())).toContain('Question 1: yes.');
  await until(() => nodes.turns.get(`${turn.task}/1`)!.decisions.length > 0);
  expect(nodes.turns.get(`${turn.task}/1`)!.decisions).toEqual([{ request: 'q1', decision: 'allow' }]);
  expect(context.read(context.card())).not.toContain('[Allow]');
});

test('who may not ask on the repository answers and cancels nothing, whoever can press', async () => {
  const turn = await ask();
  await happens(turn, { kind: 'question', request: 'q1', tool: 'execute', title: 'npm test', minutes: 10 });
  await context.settle();
  const { eve } = context.people;
  for (const label of ['Allow', 'Deny', 'Cancel'])
    expect((await context.press(label, context.card(), eve)).join()).not.toMatch(/Question 1: |It ends/);
  expect(nodes.turns.get(`${turn.task}/1`)).toMatchObject({ decisions: [], desired: 'done' });
});

test('another who may ask there answers for the one who asked', async () => {
  const turn = await ask();
  await happens(turn, { kind: 'question', request: 'q1', tool: 'execute', title: 'npm test', minutes: 10 });
  await context.settle();
  expect(await context.press('Deny', context.card(), context.people.ada)).toContain('Question 1: no.');
  await until(() => nodes.turns.get(`${turn.task}/1`)!.decisions.length > 0);
});

test('asked in a channel it makes a workspace of the channel’s repository', async () => {
  await context.say('use acme/api');
  await context.say('ask look around');
  const turn = await nodes.turn((one) => one.prompt === 'look around');
  await happens(turn, { kind: 'started' }, done('Looked.'));
  await context.settle();
  expect(below()).toHaveLength(1);
});

const posting = { path: /chat\.postMessage$/ };
const oneAnswer = async () => {
  await context.settle();
  expect(below()).toHaveLength(1);
};

test('an answer whose post was not heard of to the end is found in its thread, and not posted twice', async () => {
  mayRead(context);
  const turn = await ask();
  context.slack.server.fail({ ...posting, fault: '502 after' });
  await happens(turn, done('Once.'));
  await oneAnswer();
});

test('a bot that is killed between the post and its row finds what it posted', async () => {
  mayRead(context);
  const turn = await ask();
  await happens(turn, done('Once.'));
  await oneAnswer();
  await forgetPost(turn);
  await oneAnswer();
});

test('where the app may not read, an answer comes rather twice than never', async () => {
  const turn = await ask();
  context.slack.server.fail({ ...posting, fault: '502 after' });
  await happens(turn, done('Twice.'));
  await context.settle();
  expect(below()).toHaveLength(2);
});

test('answers come in the order of the prompts, also where the first has to be tried again', async () => {
  const turn = await ask();
  const { bob } = context.people;
  await context.slack.mention(bob, context.dev, '{bot} claude go on', context.card());
  const next = await nodes.turn((one) => one.prompt === 'go on' && one.task === turn.task);
  context.slack.limit('chat.postMessage', 1);
  await happens(turn, done('First.'));
  await happens(next, { kind: 'started' }, done('Second.'));
  await context.settle();
  expect(below().map((one) => /First|Second/.exec(one)?.[0])).toEqual(['First', 'Second']);
});

/** Who installed the app gave it more than it needs. */
function mayRead({ slack: { world } }: Slack): void {
  const before = world.scopes;
  world.scopes = [...(before ?? []), 'channels:history'];
  onTestFinished(() => void (world.scopes = before));
}

/** As a kill leaves it that comes before the row is written. */
const forgetPost = ({ task, turn }: DesiredTurn) => bot.place.sql`
  update cards set external_id = null, sent_version = 0, lease_token = 'dead', lease_until = now() - interval '1 second'
   where subject = ${`${task}/${turn}`} and kind = 'answer'`;

test('a command line is run from below a card, and its output is no markup', async () => {
  await context.say('up acme/api');
  const { bob } = context.people;
  await context.slack.mention(bob, context.dev, '{bot} run npm test &amp;&amp; date', context.card());
  const turn = await nodes.turn((one) => one.prompt === 'npm test && date');
  expect(turn.agent).toBe('shell');
  const exit = { code: 1, lines: 40, skipped: 0 };
  const answer = 'a < b & <!channel> ```\n*last*';
  await happens(turn, { kind: 'started' }, { kind: 'ended', outcome: 'done', answer, exit });
  await context.settle();
  expect(below().map((one) => one.replaceAll(/after \d+s/g, 'after SPAN'))).toMatchInlineSnapshot(`
    [
      ":x: *\`api\`* exit 1 after SPAN
    \`npm test &amp;&amp; date\`
    \`\`\`
    a &lt; b &amp; &lt;!channel&gt; '''
    *last*
    \`\`\`
    <http://localhost/w/ws-1/runs/tk-1/1|All 40 lines> (for whom the workspace is, signed in; kept for a week)
    tk-1/1",
    ]
  `);
});

test('an answer that changed something has a button that pushes it, for whoever asked', async () => {
  const turn = await ask();
  const changes = { files: [{ path: 'a.txt', added: 1, removed: 0 }], count: 1 };
  await happens(turn, { kind: 'ended', outcome: 'done', answer: 'Done.', changes });
  await until(() => below().length === 1);
  const answer = context.slack.world.messages.find(
    (one) => /tk-/.test(JSON.stringify(one)) && one.channel === context.dev.id,
  );
  expect((await context.press('Create pull request', answer!)).join()).toContain('and open a pull request');
  expect(await nodes.push((one) => one.workspace === turn.workspace)).toMatchObject({ subject: turn.prompt });
});
