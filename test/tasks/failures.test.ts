// What goes wrong while a coding agent works: each prompt is answered once, or said to have failed once.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { DesiredTurn } from '../../agent/protocol.ts';
import type { Thread } from '../fakes/github/github.ts';
import { until } from '../until.ts';
import { done, startAsking, type Asking } from './conversation.ts';

let context: Asking;
beforeAll(async () => {
  context = await startAsking();
  await context.leaveKey('bob');
});
afterAll(() => context[Symbol.asyncDispose]());

let asks = 0;
async function ask(): Promise<{ pull: Thread; turn: DesiredTurn }> {
  const pull = await context.newPull();
  const prompt = `mend number ${++asks}`;
  await context.github.comment(pull, 'bob', `/sam ask ${prompt}`);
  const turn = await context.asked(prompt);
  await context.happens(turn, { kind: 'started' });
  return { pull, turn };
}

const COMMENTS = (pull: Thread) => new RegExp(`/issues/${pull.number}/comments$`);
const words = (pull: Thread): string[] =>
  context.answers(pull).map((one) =>
    one
      .split('\n')
      .slice(1, 4)
      .join('\n')
      .replaceAll(/ · SPAN| · \d+s/g, ''),
  );

test('what an agent fails of is said once, with the reason and what to say next', async () => {
  const { pull, turn } = await ask();
  const failure = {
    code: 'no-model-key',
    said: '401 with ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  } as const;
  await context.happens(turn, { kind: 'ended', outcome: 'failed', answer: '', failure });
  context.nodes.again(turn);
  await context.settle();
  expect(words(pull)).toEqual([
    '### ❌ `api-1`: failed\n\nThe key that you left does not let Claude Code in any more (`401 with [github token]`). That is between you and Anthropic. Next: `/sam connect claude`.',
  ]);
});

test('a workspace that is stopped ends what is worked on there, and what waits', async () => {
  const { pull, turn } = await ask();
  await context.github.comment(pull, 'bob', '/sam ask what waits');
  await context.asked('what waits');
  await context.say('/sam stop', 'bob', pull);
  await until(() => words(pull).length === 2);
  expect(words(pull)).toEqual(
    Array.from(
      { length: 2 },
      () =>
        '### ❌ `api-1`: failed\n\nThe workspace was stopped before there was an answer. Its files are kept. Next: `/sam start api-1`.',
    ),
  );
  // Its agent did not know yet, and what it has to say comes too late.
  await context.say('/sam start', 'bob', pull);
  await until(() => context.nodes.turns.get(`${turn.task}/1`)?.desired === 'cancelled');
  await context.happens(turn, done('Too late.'));
  await context.settle();
  expect(context.answers(pull)).toHaveLength(2);
});

test('what no agent begins is said to have failed', async () => {
  const pull = await context.newPull();
  await context.github.comment(pull, 'bob', '/sam ask something of an old agent');
  const { task } = await context.asked('something of an old agent');
  const { sql } = context.place;
  await sql`update workspaces set running_at = running_at - interval '1 day'
    where id = (select workspace_id from tasks where id = ${task})`;
  await sql`update task_turns set since = since - interval '1 day', next_at = now() where task_id = ${task}`;
  await until(() => context.answers(pull).length === 1);
  expect(words(pull)[0]).toContain('Nothing on the machine began with it.');
});

test('an answer whose post got lost is found, and not posted twice', async () => {
  const { pull, turn } = await ask();
  onTestFinished(() => context.github.mend());
  await context.settle();
  context.github.fail('POST', COMMENTS(pull), { status: 'lost' });
  await context.happens(turn, done('Once.'));
  await context.settle();
  expect(context.answers(pull)).toHaveLength(1);
});

test('a bot that ends before the answer is posted posts it when it is back, and asks nobody again', async () => {
  const { pull, turn } = await ask();
  await context.settle();
  const posting = context.github.hold('POST', COMMENTS(pull));
  onTestFinished(() => context.github.mend());
  await context.happens(turn, { kind: 'text', message: 'm', text: 'It' }, done('It was the clock.'));
  await posting.arrived;
  const stopping = context.sam.restart();
  context.github.mend();
  await stopping;
  context.nodes.again(turn);
  await context.settle();
  expect(context.answers(pull)).toHaveLength(1);
  const rows = await context.place.sql`select state from task_turns where task_id = ${turn.task}`;
  expect(rows).toEqual([{ state: 'done' }]);
});

test('a prompt whose comment is deleted meanwhile is answered all the same, once', async () => {
  const pull = await context.newPull();
  const { comment } = await context.github.comment(pull, 'bob', '/sam ask and think better of it');
  const turn = await context.asked('and think better of it');
  await context.happens(turn, { kind: 'started' });
  await context.github.deleteComment(comment, 'bob');
  await context.happens(turn, done('Thought.'));
  await context.settle();
  expect(context.answers(pull)).toHaveLength(1);
  expect(context.answers(pull)[0]).toContain('Thought.');
});

test('in the workspace of a fork nothing is asked: whoever sent that code must not spend the key', async () => {
  await context.leaveKey('ada');
  await context.github.addRepository('eve/api', { forkOf: 'acme/api' });
  const fork = await context.github.addPullRequest('acme/api', {
    by: 'eve',
    branch: 'evil',
    from: 'eve/api',
  });
  await context.say('/sam ask what does it do?', 'ada', fork);
  expect(context.comments(fork).at(-1)).toContain('comes from a fork');
  await context.say(`/sam up --trust-fork ${fork.head!.sha}`, 'ada', fork);
  await context.place.sql`update deliveries set ended_at = ended_at - interval '1 hour'`;
  await context.say('/sam ask what does it do?', 'ada', fork);
  expect(context.comments(fork).at(-1)).toMatch(/^`api-\d+` has the code of a fork/);
  expect(await context.place.sql`select from task_turns where prompt = 'what does it do?'`).toHaveLength(0);
});

test('where the repository has another name by then, the answer comes to its thread, and the task goes on there', async () => {
  const { pull, turn } = await ask();
  await context.github.rename(pull.repository, 'ada', 'interface');
  await context.settle();
  await context.happens(turn, done('It is called something else.'));
  await context.settle();
  expect(context.answers(pull)).toHaveLength(1);
  await context.github.comment(pull, 'bob', '/sam ask under its new name');
  expect(await context.asked('under its new name')).toMatchObject({ task: turn.task, turn: 2 });
  await context.github.rename(pull.repository, 'ada', 'api');
  await context.settle();
});
