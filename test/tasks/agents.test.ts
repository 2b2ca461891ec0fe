// Which coding agent works: the one that is named, that works in the thread already, that the repository prefers, or that somebody has
// a key for.
import { expect, test } from 'vitest';
import { done, startAsking } from './conversation.ts';

test('who has a key for one alone is answered by that; a thread goes on with whom it was begun', async () => {
  await using context = await startAsking();
  await context.leaveKey('bob', 'openai');
  await context.leaveKey('ada', 'anthropic', 'openai');
  const ask = async (by: string, thread: Awaited<ReturnType<typeof context.newPull>>, words: string) => {
    await context.github.comment(thread, by, `/sam ask ${words}`);
    return context.asked(words.replace(/^--agent \w+ /, ''));
  };
  const first = await context.newPull();
  const alone = await ask('bob', first, 'bob asks');
  expect(alone.agent).toBe('codex');
  await context.happens(alone, { kind: 'started' });
  await context.settle();
  expect(context.comments(first).join('\n')).toContain('Codex works');
  const failure = { code: 'no-model-key' } as const;
  await context.happens(alone, { kind: 'ended', outcome: 'failed', failure, answer: '' });
  await context.settle();
  expect(context.answers(first)[0]).toContain(
    'The key that you left does not let Codex in any more. That is between you and OpenAI.',
  );
  const second = await context.newPull();
  const usual = await ask('ada', second, 'ada asks');
  expect(usual.agent).toBe('claude');
  await context.happens(usual, { kind: 'started' }, done('One.'));
  const named = await ask('ada', second, '--agent codex another one');
  expect([named.agent, named.turn]).toEqual(['codex', 1]);
  await context.happens(named, { kind: 'started' }, done('Two.'));
  const next = await ask('ada', second, 'go on with that');
  expect([next.agent, next.task, next.turn]).toEqual(['codex', named.task, 2]);
  await context.happens(next, { kind: 'started' }, done('Three.'));
  const back = await ask('ada', second, '--agent claude and the first');
  expect([back.agent, back.task]).toEqual(['claude', usual.task]);
  // Whose key is gone does not go on.
  await context.place.sql`delete from credentials where id = 'us-ada222222222:anthropic'`;
  expect((await ask('ada', second, 'without that key')).agent).toBe('codex');
  const third = await context.newPull();
  await context.say('/sam ask --agent claude without its key', 'bob', third);
  expect(context.comments(third).at(-1)).toContain(
    'Claude needs a key, and you have left none for it with Sam.',
  );
});

test('a repository’s own choice is that of people who have a key for it, and no agent hears of it', async () => {
  await using context = await startAsking({ settings: 'ask:\n  agent: codex\n  allow: [edit]\n' });
  await context.leaveKey('ada', 'anthropic', 'openai');
  await context.leaveKey('bob', 'anthropic');
  const agents = async (by: string) => {
    await context.github.comment(await context.newPull(), by, `/sam ask ${by} asks`);
    const { agent, policy } = await context.asked(`${by} asks`);
    return { agent, policy };
  };
  const policy = { allow: ['edit'], deny: [] };
  expect(await agents('ada')).toEqual({ agent: 'codex', policy });
  expect(await agents('bob')).toEqual({ agent: 'claude', policy });
});

test('where a maximum of costs is set nobody works who does not say what it costs', async () => {
  await using context = await startAsking({ env: { MAX_COST_PER_MONTH: '5' } });
  await context.leaveKey('bob', 'openai');
  const pull = await context.newPull();
  await context.say('/sam ask anything', 'bob', pull);
  expect(context.comments(pull).at(-1)).toContain('Codex does not say what it costs');
  expect(await context.place.sql`select from task_turns`).toHaveLength(0);
});
