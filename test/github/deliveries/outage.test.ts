// GitHub is down, or slow, or breaks off: nothing is lost, it is only later, and the cards catch up.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../../fakes/github/github.ts';
import { until } from '../../until.ts';
import { startGitHub, type GitHub } from '../../testers/github.ts';

let context: GitHub;
let count = 0;
beforeAll(async () => {
  context = await startGitHub({ env: { SAM_DEADLINE_BASE: '3s' } });
});
afterAll(() => context[Symbol.asyncDispose]());
afterEach(() => context.github.mend());

const newPull = (): Promise<Thread> =>
  context.github.addPullRequest('acme/api', { by: 'bob', branch: `topic-${++count}` });
const readAttempts = async (thread: Thread): Promise<number> => {
  const [row] = await context.place.sql<{ attempts: number }[]>`
    select attempts from deliveries where thread = ${`acme/api#${thread.number}`} order by seq desc limit 1`;
  return row?.attempts ?? 0;
};
const isPhase = async (thread: Thread, phase: string): Promise<boolean> => {
  const rows = await context.place.sql`
    select 1 from workspaces where topic = ${`acme/api#${thread.number}`} and phase = ${phase}`;
  return rows.length > 0;
};

test.for([
  ['answers 502 to everything', { status: 502 }],
  ['breaks every connection', { status: 'hang up' }],
] as const)('what is said while GitHub %s is done afterwards', async ([, failure]) => {
  const pull = await newPull();
  context.github.fail('*', '/*', { ...failure, times: Infinity });
  const { comment } = await context.github.comment(pull, 'bob', '/sam up');
  await until(async () => (await readAttempts(pull)) >= 2);
  expect(context.comments(pull)).toEqual([]);
  context.github.mend();
  await context.settle();
  expect(context.comments(pull)).toHaveLength(1);
  expect(context.comments(pull)[0]).toContain(': running');
  expect(context.signs(comment)).toEqual(['rocket']);
});

test('a GitHub that never answers holds nobody up for long', async () => {
  const pull = await newPull();
  context.github.hold('*', '/*');
  const { comment } = await context.github.comment(pull, 'bob', '/sam list');
  await until(async () => (await readAttempts(pull)) >= 1);
  context.github.mend();
  await context.settle();
  expect(context.signs(comment)).toEqual(['rocket']);
});

test('a card that could not be edited catches up, and is no second comment', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  context.github.fail('PATCH', '/repos/*', { status: 500, times: Infinity });
  await context.github.comment(pull, 'bob', '/sam stop');
  await until(() => isPhase(pull, 'stopped'));
  expect(context.comments(pull)[0]).toContain(': running');
  context.github.mend();
  await context.settle();
  expect(context.comments(pull)).toHaveLength(1);
  expect(context.comments(pull)[0]).toContain(': stopped');
});

test('a card whose answer got lost is found again, not posted again', async () => {
  const pull = await newPull();
  context.github.fail('POST', `/repos/acme/api/issues/${pull.number}/comments`, { status: 'lost' });
  await context.say('/sam up', 'bob', pull);
  expect(context.comments(pull)).toHaveLength(1);
});
