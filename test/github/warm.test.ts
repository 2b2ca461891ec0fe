// What a start asks GitHub ahead, so that the first command does not wait for it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../until.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub();
  await context.sam.restart();
});
afterAll(() => context[Symbol.asyncDispose]());

test('after a start the first command waits neither for the name of the App nor for a token', async () => {
  const { log } = context.github;
  await until(() => log.some(({ path }) => path.includes('/installation/repositories')));
  await until(() => log.some(({ path }) => path.endsWith('/app')));
  const before = log.length;
  const comment = await context.say('/sam help');
  expect(context.signs(comment)).toEqual(['rocket']);
  const asked = log.slice(before).map(({ path }) => path);
  expect(asked.filter((path) => /access_tokens|\/app$/.test(path))).toEqual([]);
  expect(asked.length).toBeGreaterThan(1);
});
