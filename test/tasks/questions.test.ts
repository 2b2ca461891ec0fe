// Conversations on GitHub about what a coding agent may not do unasked, and about ending what it works on.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DesiredTurn, TurnHappening } from '../../agent/protocol.ts';
import type { Thread } from '../fakes/github/github.ts';
import { until } from '../until.ts';
import { done, startAsking, type Asking } from './conversation.ts';

let context: Asking;
beforeAll(async () => {
  context = await startAsking();
  await context.leaveKey('bob');
  await context.leaveKey('ada');
});
afterAll(() => context[Symbol.asyncDispose]());

let asks = 0;
async function ask(): Promise<{ pull: Thread; turn: DesiredTurn }> {
  const pull = await context.newPull();
  const prompt = `fix number ${++asks}`;
  await context.github.comment(pull, 'bob', `/sam ask ${prompt}`);
  const turn = await context.asked(prompt);
  await context.happens(turn, { kind: 'started' });
  return { pull, turn };
}

const question = (request: string, title = 'npm test'): TurnHappening => ({
  kind: 'question',
  request,
  tool: 'execute',
  title,
  minutes: 10,
});
/** What the agent heard last of it. */
const heard = ({ task, turn }: DesiredTurn): DesiredTurn => context.nodes.turns.get(`${task}/${turn}`)!;
const card = (pull: Thread): string => context.comments(pull).find((one) => one.includes('Workspace')) ?? '';

test('the card shows plan, tool, money and question, with the lines that answer it', async () => {
  const { pull, turn } = await ask();
  await context.happens(
    turn,
    {
      kind: 'plan',
      entries: [
        { content: 'Read it', status: 'completed' },
        { content: 'Mend <it>', status: 'in_progress' },
      ],
    },
    { kind: 'tool', call: '1', tool: 'edit', title: 'src/auth.ts', status: 'running' },
    { kind: 'cost', amount: '0.1234', currency: 'USD' },
    question('q1', 'curl -H "Authorization: Bearer ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" x'),
  );
  await context.settle();
  const shown = card(pull)
    .replaceAll(/ · \d+s · /g, ' · SPAN · ')
    .replaceAll(pull.head!.ref, 'topic');
  expect(shown).toMatchInlineSnapshot(`
    "<!-- sam:v1 acme/api#1 -->

    ### ✅ Workspace \`api-1\`: running
    \`acme/api@topic\` · medium · for \`bob\`

    **[Open terminal](http://localhost/w/ws-1?s=SIGNATURE)** (sign in with GitHub) · stops at **TIME** if idle: \`/sam extend api-1 4h\`

    🤖 Claude asks · SPAN · 0.12 USD

    - [x] Read it
    - [ ] Mend &lt;it> …

    ❓ Question 1: may it do \`curl -H "Authorization: Bearer [github token]" x\`? \`/sam allow\` or \`/sam deny\`.

    <sub>ws-1 · \`/sam cancel api-1\` · \`/sam open api-1\` · \`/sam extend api-1 4h\` · \`/sam stop api-1\` · \`/sam rm api-1\`</sub>"
  `);
});

test('`allow` lets it go on, once, and says who was faster', async () => {
  const { pull, turn } = await ask();
  await context.happens(turn, question('q1'));
  const yes = await context.say('/sam allow', 'ada', pull);
  await until(() => heard(turn).decisions.length > 0);
  expect(heard(turn).decisions).toEqual([{ request: 'q1', decision: 'allow' }]);
  const late = await context.say('/sam deny 1', 'bob', pull);
  expect(heard(turn).decisions).toHaveLength(1);
  expect([context.signs(yes), context.signs(late)]).toEqual([['rocket'], ['confused']]);
  expect(context.comments(pull).at(-1)).toBe(
    'Question 1 was answered already by `ada`. How it stands: `/sam status`.',
  );
  await context.happens(turn, { kind: 'decided', request: 'q1', decision: 'allow' }, done('It passes.'));
  await context.settle();
  expect(context.answers(pull)).toHaveLength(1);
  expect(card(pull)).not.toContain('❓');
});

test('of several questions one says which, and `--always` and `deny` reach the agent as said', async () => {
  const { pull, turn } = await ask();
  await context.happens(turn, question('q1'), question('q2', 'rm -rf build'));
  await context.say('/sam allow', 'bob', pull);
  expect(context.comments(pull).at(-1)).toBe('2 questions wait: 1, 2. Say which: `/sam allow 1`.');
  await context.say('/sam allow 1 --always', 'bob', pull);
  await context.say('/sam deny', 'bob', pull);
  await until(() => heard(turn).decisions.length === 2);
  expect(heard(turn).decisions).toEqual([
    { request: 'q1', decision: 'always' },
    { request: 'q2', decision: 'deny' },
  ]);
});

test('who may not ask may not answer, nor cancel', async () => {
  const { pull, turn } = await ask();
  await context.happens(turn, question('q1'));
  for (const line of ['allow', 'deny', 'cancel']) {
    const comment = await context.say(`/sam ${line}`, 'eve', pull);
    expect(context.signs(comment)).not.toContain('rocket');
  }
  expect(heard(turn)).toMatchObject({ decisions: [], desired: 'done' });
});

test('`cancel` ends what is worked on and leaves what waits; `--all` takes that too, and says nothing of it', async () => {
  const { pull, turn } = await ask();
  for (const prompt of ['the second', 'the third'])
    await context.github.comment(pull, 'bob', `/sam ask ${prompt}`);
  await context.asked('the third');
  await context.say('/sam cancel', 'bob', pull);
  await until(() => heard(turn).desired === 'cancelled');
  expect((await context.asked('the second')).desired).toBe('done');
  await context.happens(turn, { kind: 'ended', outcome: 'cancelled', answer: 'I had begun.' });
  await context.say('/sam cancel --all', 'bob', pull);
  await until(async () => (await context.asked('the third')).desired === 'cancelled');
  await context.say('/sam cancel', 'bob', pull);
  expect(context.comments(pull).at(-1)).toBe(
    'Nothing is running here. To have something done: `/sam ask …`.',
  );
  await context.settle();
  expect(context.answers(pull)).toHaveLength(1);
  expect(context.answers(pull)[0]).toContain('cancelled');
});

test('where nothing waits for an answer, that is said', async () => {
  const { pull } = await ask();
  await context.say('/sam allow', 'bob', pull);
  expect(context.comments(pull).at(-1)).toBe(
    'Nothing waits for an answer here. How it stands: `/sam status`.',
  );
});
