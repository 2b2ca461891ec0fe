// Conversations on GitHub: somebody asks, a coding agent works, the answer comes once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { done, startAsking, type Asking } from './conversation.ts';

let context: Asking;
beforeAll(async () => {
  context = await startAsking();
  await context.leaveKey('bob');
});
afterAll(() => context[Symbol.asyncDispose]());

test('`ask` brings a workspace up, the agent hears the prompt as it was typed, and the answer is one comment', async () => {
  const pull = await context.newPull();
  await context.github.comment(
    pull,
    'bob',
    '@sam ask why does “test_auth” fail — on main?\n\nIt says:\n\n```\nboom\n```',
  );
  const turn = await context.asked('why does “test_auth” fail — on main?\n\nIt says:\n\n```\nboom\n```');
  expect(turn).toMatchObject({
    turn: 1,
    agent: 'claude',
    minutes: 60,
    desired: 'done',
    decisions: [],
    policy: { allow: ['read', 'search', 'think'], deny: [] },
  });
  await context.happens(turn, { kind: 'started' }, { kind: 'text', message: 'm1', text: 'Because' });
  await context.happens(turn, done('Because the clock is wrong.'));
  await context.settle();
  expect(context.answers(pull)).toMatchInlineSnapshot(`
    [
      "<!-- sam:v1 tk-1/1 -->
    ### ✅ \`api-1\`: done · SPAN

    Because the clock is wrong.

    <sub>tk-1/1 · \`/sam ask …\`</sub>",
    ]
  `);
});

test('what came twice is answered once, and a follow-up goes on in the same task', async () => {
  const pull = await context.newPull();
  await context.github.comment(pull, 'bob', '/sam ask first thing');
  const turn = await context.asked('first thing');
  await context.github.redeliver(context.github.deliveries.at(-1)!);
  await context.happens(turn, { kind: 'started' }, done('One.'));
  context.nodes.again(turn);
  await context.github.comment(pull, 'bob', '/sam claude and another');
  const next = await context.asked('and another');
  expect([next.task, next.turn]).toEqual([turn.task, 2]);
  await context.happens(next, { kind: 'started' }, done('Two.'));
  await context.settle();
  expect(context.answers(pull)).toHaveLength(2);
  expect(context.answers(pull).map((one) => /(One|Two)\./.exec(one)?.[0])).toEqual(['One.', 'Two.']);
});
