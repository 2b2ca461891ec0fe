// What arrives at the webhook's address: signed or not, whole or not, once or often.
import { randomUUID } from 'node:crypto';
import { sign } from '@octokit/webhooks-methods';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startGitHub, SECRET, type GitHub } from '../../testers/github.ts';

const OLD_SECRET = 'an-older-secret-for-tests';
let context: GitHub;
beforeAll(async () => {
  context = await startGitHub({ env: { WEBHOOK_SECRET: `${SECRET},${OLD_SECRET}` } });
});
afterAll(() => context[Symbol.asyncDispose]());
beforeEach(() => context.place.sql`delete from deliveries`);

const post = async (
  body: string,
  { event = 'issue_comment', secret = SECRET, headers = {} as Record<string, string> } = {},
): Promise<number> => {
  const answer = await fetch(context.webhook, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-github-event': event,
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': await sign(secret, body),
      ...headers,
    },
  });
  await answer.text();
  return answer.status;
};

const countStored = async (): Promise<number> => {
  const [row] = await context.place.sql<{ count: number }[]>`select count(*)::int as count from deliveries`;
  return row?.count ?? 0;
};

/** A comment's delivery that nobody sent. */
const unsent = async (text: string): Promise<string> => {
  const url = context.github.world.app.webhookUrl;
  context.github.world.app.webhookUrl = undefined;
  const { body } = await context.github.comment(context.pull, 'bob', text);
  context.github.world.app.webhookUrl = url;
  return body;
};

test('what is not signed with our secret is refused, and nothing of it is kept', async () => {
  const body = await unsent('/sam up');
  expect(await post(body, { headers: { 'x-hub-signature-256': '' } })).toBe(400);
  expect(await post(body, { headers: { 'x-hub-signature-256': 'sha256=nonsense' } })).toBe(400);
  expect(await post(body, { secret: 'another-secret-of-somebody' })).toBe(400);
  expect(await post(body, { secret: 'development' })).toBe(400);
  expect(await countStored()).toBe(0);
});

test('a body under the name of another event is refused', async () => {
  const body = await unsent('/sam stop');
  expect(await post(body, { event: 'issues' })).toBe(400);
  expect(await post(body, { event: 'pull_request' })).toBe(400);
  expect(await countStored()).toBe(0);
});

test('an event that we have no use for is taken and forgotten', async () => {
  expect(await post(await unsent('/sam stop'), { event: 'star' })).toBe(200);
  expect(await countStored()).toBe(0);
});

test('a body without an installation, or none that can be read, is refused', async () => {
  const { installation: _, ...rest } = JSON.parse(await unsent('/sam stop')) as Record<string, unknown>;
  expect(await post(JSON.stringify(rest))).toBe(400);
  expect(await post('{"action":')).toBe(400);
  expect(await post('[]')).toBe(400);
  expect(await countStored()).toBe(0);
});

test('a body of 30 MB is not read', async () => {
  const status = await post('x'.repeat(30 * 1024 * 1024)).catch(() => 413);
  expect(status).toBe(413);
});

test('the secret of before still verifies', async () => {
  expect(await post(await unsent('nothing for Sam'), { secret: OLD_SECRET })).toBe(200);
  await context.settle();
});

test('fifty redeliveries, half of them under new ids, make one workspace and one comment', async () => {
  const pull = await context.github.addPullRequest('acme/api', { by: 'bob', branch: 'often' });
  const delivery = await context.github.comment(pull, 'bob', '/sam up');
  const again = Array.from({ length: 25 }, () => context.github.redeliver(delivery));
  const replayed = Array.from({ length: 25 }, () => post(delivery.body));
  for (const { statusCode } of await Promise.all(again)) expect(statusCode).toBe(200);
  for (const status of await Promise.all(replayed)) expect(status).toBe(200);
  await context.settle();
  const rows = await context.place.sql`select id from workspaces`;
  expect([rows.length, context.comments(pull).length]).toEqual([1, 1]);
  expect(context.signs(delivery.comment)).toEqual(['rocket']);
});

test('a comment with a NUL in it is a comment', async () => {
  const body = (await unsent('/sam help')).replace('/sam help', String.raw`/sam satus \u0000`);
  expect(await post(body)).toBe(200);
  await context.settle();
});
