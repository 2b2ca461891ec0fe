// What a coding agent may not do unasked: lists answer, people answer in time, and nobody's silence is a yes.
import { expect, test } from 'vitest';
import { judge, nameOf } from '../../../agent/coding/policy.ts';
import { createTester } from './tasks.ts';

test('a question waits for its answer, and the coding agent hears it', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const turn = tester.turn({ prompt: 'ask npm test' });
  tasks.want([turn]);
  const question = await tester.happening(turn, 'question');
  expect(question).toEqual({
    kind: 'question',
    request: '1-1',
    tool: 'execute',
    title: 'npm test',
    minutes: 10,
  });
  // Of another question, and of none.
  tasks.want([{ ...turn, decisions: [{ request: '1-7', decision: 'allow' }] }]);
  tasks.want([{ ...turn, decisions: [{ request: '1-1', decision: 'allow' }] }]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ answer: 'allow_once' });
  expect(await tester.happening(turn, 'decided')).toEqual({
    kind: 'decided',
    request: '1-1',
    decision: 'allow',
  });
});

test('a no is a no', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const turn = tester.turn({ prompt: 'ask npm test' });
  tasks.want([turn]);
  await tester.happening(turn, 'question');
  tasks.want([{ ...turn, decisions: [{ request: '1-1', decision: 'deny' }] }]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ answer: 'reject_once' });
});

test('an answer that comes too late is a no', async () => {
  const tester = createTester();
  const tasks = await tester.open({ answerMs: 30 });
  const turn = tester.turn({ prompt: 'ask npm test' });
  tasks.want([turn]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ outcome: 'done', answer: 'reject_once' });
  expect(await tester.happening(turn, 'decided')).toMatchObject({ decision: 'late' });
});

test('what was allowed for the rest of the task is not asked again, also in another life of the agent', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const turn = tester.turn({ prompt: 'ask npm test\nask npm test' });
  tasks.want([turn]);
  await tester.happening(turn, 'question');
  tasks.want([{ ...turn, decisions: [{ request: '1-1', decision: 'always' }] }]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ answer: 'allow_once' });
  await tasks.end();
  const again = await tester.open();
  const next = { ...turn, turn: 2, prompt: 'ask npm test\nask npm run build' };
  again.want([next]);
  expect(await tester.happening(next, 'question')).toMatchObject({ request: '2-1', title: 'npm run build' });
});

test('the lists answer without a question', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const turn = tester.turn({
    prompt: 'ask npm test\nask git push',
    policy: { allow: ['npm test'], deny: ['git push'] },
  });
  tasks.want([turn]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ answer: 'reject_once' });
  const texts = tester.said(turn.task).flatMap(({ event }) => (event.kind === 'text' ? [event.text] : []));
  expect(texts).toEqual(['allow_once', 'reject_once']);
  expect(tester.said(turn.task).map(({ event }) => event.kind)).not.toContain('question');
});

test('a cancelled turn waits for no answer', async () => {
  const tester = createTester();
  const tasks = await tester.open();
  const turn = tester.turn({ prompt: 'ask npm test\nhang' });
  tasks.want([turn]);
  await tester.happening(turn, 'question');
  tasks.want([{ ...turn, desired: 'cancelled' }]);
  expect(await tester.happening(turn, 'ended')).toMatchObject({ outcome: 'cancelled', answer: 'cancelled' });
  expect(await tester.happening(turn, 'decided')).toMatchObject({ decision: 'cancelled' });
});

test('a command is what its whole line is, and a list of one is no list of another', () => {
  const run = (command: string) => ({ tool: 'execute', title: 'npm test', command });
  const policy = { allow: ['npm test', 'read'], deny: ['execute rm', 'fetch'] };
  expect(judge(run('npm test'), policy, [])).toBe('allow');
  expect(judge(run('npm test && rm -rf ~'), policy, [])).toBe('ask');
  expect(judge({ tool: 'read', title: 'x' }, policy, [])).toBe('allow');
  // What it is called says nothing.
  expect(judge({ tool: 'other', title: 'npm test' }, policy, [])).toBe('ask');
  expect(judge({ tool: 'fetch', title: 'x' }, { allow: ['fetch'], deny: ['fetch'] }, [])).toBe('deny');
  // Who allows one command for ever has not allowed all.
  expect(judge(run('make'), policy, [nameOf(run('npm test'))])).toBe('ask');
  expect(judge({ tool: 'edit', title: 'b.ts' }, policy, [nameOf({ tool: 'edit', title: 'a.ts' })])).toBe(
    'allow',
  );
});
