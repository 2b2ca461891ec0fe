// What bots do, what nobody heard of, and what means nothing: closed threads end, pushes to forks count, a reopening starts nothing.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Delivery, Thread } from '../../fakes/github/github.ts';
import { until } from '../../until.ts';
import { startGitHub, type GitHub } from '../../testers/github.ts';

let context: GitHub;
let count = 0;
beforeAll(async () => {
  context = await startGitHub();
  context.github.addBot('merge-queue[bot]');
  await context.github.addRepository('eve/api', { forkOf: 'acme/api' });
});
afterAll(() => context[Symbol.asyncDispose]());

const newPull = (): Promise<Thread> =>
  context.github.addPullRequest('acme/api', { by: 'bob', branch: `topic-${++count}` });
const phaseOf = async (thread: Thread): Promise<string | undefined> => {
  const [row] = await context.place.sql<{ phase: string }[]>`
    select phase from workspaces where topic = ${`acme/api#${thread.number}`} order by created_at desc limit 1`;
  return row?.phase;
};
const lastComment = (thread: Thread): string => context.comments(thread).at(-1) ?? 'nothing was said';

/** Nobody hears of it, now or later. */
async function unheard(act: () => Promise<Delivery>): Promise<Delivery> {
  const { app } = context.github.world;
  const url = app.webhookUrl;
  app.webhookUrl = undefined;
  const delivery = await act();
  app.webhookUrl = url;
  return delivery;
}

/** As when the hour is over. */
async function sweep(): Promise<void> {
  await context.place
    .sql`update sweeps set last_run_at = null, last_success_at = null where name = 'closed-threads'`;
  await until(async () => {
    const [row] = await context.place.sql<{ isDone: boolean }[]>`
      select last_success_at is not null as "isDone" from sweeps where name = 'closed-threads'`;
    return row?.isDone === true;
  });
  await context.settle();
}

test('what a merge queue merges and a bot closes has ended, like what people close', async () => {
  const merged = await newPull();
  const issue = context.github.addIssue('acme/api', { by: 'bob' });
  await context.say('/sam up', 'bob', merged);
  await context.say('/sam up', 'bob', issue);
  await context.github.merge(merged, 'merge-queue[bot]');
  await context.github.close(issue, 'merge-queue[bot]');
  await context.settle();
  expect(lastComment(merged)).toContain('because the pull request was merged');
  expect(lastComment(issue)).toContain('because the issue was closed');
});

test('a label that a bot puts on or takes off is no wish of anybody', async () => {
  const pull = await newPull();
  await context.github.label(pull, 'merge-queue[bot]', 'sam:small');
  await context.settle();
  expect(await phaseOf(pull)).toBeUndefined();
  await context.github.label(pull, 'bob', 'sam');
  await context.settle();
  await context.github.unlabel(pull, 'merge-queue[bot]', 'sam');
  await context.settle();
  expect(await phaseOf(pull)).toBe('running');
});

test('a label on what is closed is a mark, not a wish', async () => {
  const pull = await newPull();
  await context.github.close(pull, 'bob');
  await context.github.label(pull, 'bob', 'sam');
  await context.settle();
  expect(context.comments(pull)).toEqual([]);
  expect(await phaseOf(pull)).toBeUndefined();
});

test('neither a draft nor a reopening starts or stops anything', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  await context.github.convertToDraft(pull, 'bob');
  await context.settle();
  expect(await phaseOf(pull)).toBe('running');
  await context.github.close(pull, 'bob');
  await context.settle();
  await context.github.reopen(pull, 'bob');
  await context.settle();
  expect(await phaseOf(pull)).toBe('deleted');
});

/** As GitHub tells it when it delivers again what failed an hour ago. */
async function tellLate({ payload }: Delivery): Promise<void> {
  const late = structuredClone(payload) as { pull_request: { closed_at: string } };
  late.pull_request.closed_at = new Date(Date.now() - 3_600_000).toISOString();
  await context.github.deliver('pull_request', late, { to: context.webhook });
}

test('word of a closing that comes when it is open again changes nothing', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  const late = await unheard(() => context.github.close(pull, 'bob'));
  await context.github.reopen(pull, 'bob');
  await tellLate(late);
  await context.settle();
  expect(await phaseOf(pull)).toBe('running');
});

test('a late word of a closing is believed where GitHub cannot be asked', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  const late = await unheard(() => context.github.close(pull, 'bob'));
  context.github.fail('GET', `/repos/acme/api/issues/${pull.number}`, { status: 502, times: Infinity });
  await tellLate(late);
  await until(async () => (await phaseOf(pull)) === 'deleted');
  context.github.mend();
  await context.settle();
});

test('a pull request whose closing nobody heard of stops its workspaces within the hour; open ones go on', async () => {
  const [closed, open] = [await newPull(), await newPull()];
  await context.say('/sam up', 'bob', closed);
  await context.say('/sam up', 'bob', open);
  await unheard(() => context.github.merge(closed, 'bob'));
  await sweep();
  expect(lastComment(closed)).toContain('because the pull request was merged');
  expect(await phaseOf(open)).toBe('running');
});

test('what is kept for a day, or was started after the closing, is left alone by that look', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  const name = `api-${pull.number}`;
  writeFileSync(join((await context.sam.row(name)).checkout, 'new.txt'), 'mine\n');
  await context.github.close(pull, 'bob');
  await context.settle();
  const readDeleteAt = async () =>
    (
      await context.place.sql`select delete_at from workspaces where name = ${name} and desired <> 'deleted'`
    )[0];
  const before = await readDeleteAt();
  expect(before).toMatchObject({ delete_at: expect.any(Date) });
  await sweep();
  expect(await readDeleteAt()).toEqual(before);
  await context.say('/sam start', 'bob', pull);
  await sweep();
  expect(await phaseOf(pull)).toBe('running');
});

test('a repository that cannot be seen just now proves nothing', async () => {
  const pull = await newPull();
  await context.say('/sam up', 'bob', pull);
  await unheard(() => context.github.close(pull, 'bob'));
  context.github.fail('GET', `/repos/acme/api/issues/${pull.number}`, { status: 404, times: 1 });
  await sweep();
  expect(await phaseOf(pull)).toBe('running');
});

test.for(['start', 'restart'])(
  'after a push to a fork that nobody heard of, `%s` does not go on either',
  async (verb) => {
    const fork = await context.github.addPullRequest('acme/api', {
      by: 'eve',
      from: 'eve/api',
      branch: `evil-${verb}`,
    });
    await context.say(`/sam up --trust-fork ${fork.head?.sha}`, 'ada', fork);
    await context.say('/sam stop', 'ada', fork);
    await unheard(() => context.github.push(fork, 'eve'));
    const comment = await context.say(`/sam ${verb}`, 'ada', fork);
    expect(context.signs(comment)).toEqual(['confused']);
    expect(lastComment(fork)).toContain('Somebody pushed to the fork of');
    expect(await phaseOf(fork)).toBe('stopped');
  },
);
