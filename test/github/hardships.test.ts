// Private repositories, limits, repositories that move, people who are renamed: what GitHub does to a bot.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub({ private: true, env: { MAX_COMMANDS_PER_HOUR: '6' }, echoes: true });
});
afterAll(() => context[Symbol.asyncDispose]());

let count = 0;
const newPull = (): Promise<Thread> =>
  context.github.addPullRequest('acme/api', { by: 'bob', branch: `topic-${++count}` });

test('in a private repository who may only read is told once who can help', async () => {
  context.github.addCollaborator('acme/api', 'eve', 'read');
  const pull = await newPull();
  const comment = await context.say('/sam up', 'eve', pull);
  await context.say('/sam up', 'eve', pull);
  expect(context.signs(comment)).toEqual(['-1']);
  expect(context.comments(pull)).toMatchInlineSnapshot(`
    [
      "\`/sam up\` needs **write** on \`acme/api\`; you have **read**. A maintainer can run it for you.",
    ]
  `);
});

test('somebody who took a name over has none of the rights that went with it', async () => {
  const pull = await newPull();
  context.github.addUser('carol');
  context.github.addCollaborator('acme/api', 'carol', 'write');
  const delivery = await context.github.comment(pull, 'eve', 'nothing for Sam');
  const payload = structuredClone(delivery.payload) as {
    comment: { body: string };
    sender: { login: string };
  };
  payload.comment.body = '/sam up';
  payload.sender.login = 'carol';
  await context.github.deliver('issue_comment', payload);
  await context.settle();
  expect(context.signs(delivery.comment)).toEqual(['-1']);
});

test("GitHub's limits only make it later", async () => {
  const pull = await newPull();
  context.github.limitPrimary({ resetInSeconds: 1 });
  const first = await context.say('/sam list', 'ada', pull);
  context.github.limitSecondary({ retryAfterSeconds: 1 });
  const second = await context.say('/sam list', 'ada', pull);
  expect([...context.signs(first), ...context.signs(second)]).toEqual(['rocket', 'rocket']);
});

test('an installation that is gone ends in silence, not in a loop', async () => {
  await context.github.addRepository('other/tool');
  const pull = await context.github.addPullRequest('other/tool', { by: 'other' });
  const installation = context.github.install('other');
  await context.github.uninstall(installation, 'other');
  const { payload } = await context.github.comment(pull, 'other', '/sam up');
  await context.github.deliver('issue_comment', { ...payload, installation: { id: installation.id } });
  await context.settle();
  expect(context.comments(pull)).toEqual([]);
});

test('a repository that is renamed takes its workspaces and cards along', async () => {
  const repository = await context.github.addRepository('acme/old', { private: true });
  context.github.addCollaborator('acme/old', 'ada', 'admin');
  const issue = context.github.addIssue('acme/old', { by: 'ada' });
  const pull = await context.github.addPullRequest('acme/old', { by: 'ada' });
  await context.say('/sam up', 'ada', issue);
  await context.github.rename(repository, 'ada', 'service');
  await context.settle();
  const rows = await context.place.sql<{ repository: string; topic: string; key: string }[]>`
    select replace(repository, ${context.github.url}, '') as repository, topic, replace(key, ${context.github.url}, '') as key
      from workspaces where topic is not null`;
  expect(rows).toEqual([
    {
      repository: '/acme/service',
      topic: `acme/service#${issue.number}`,
      key: expect.stringMatching(`^/acme/service\\|issue:${issue.number}\\|`) as string,
    },
  ]);
  await context.say('/sam rm --force', 'ada', issue);
  expect(context.comments(issue)).toHaveLength(1);
  expect(context.comments(pull)).toEqual([]);
});

test('more commands than an hour may have are refused', async () => {
  await context.github.addRepository('acme/loud', { private: true });
  context.github.addCollaborator('acme/loud', 'bob', 'write');
  const issue = context.github.addIssue('acme/loud', { by: 'bob' });
  const signs: string[] = [];
  for (let said = 0; said < 7; said++) {
    const { comment } = await context.github.comment(issue, 'bob', '/sam list');
    if (said === 6) await context.settle();
    signs.push(...(said === 6 ? context.signs(comment) : []));
  }
  expect(signs).toEqual(['confused']);
  // The breaker: three comments in ten minutes, however many were asked for.
  expect(context.comments(issue)).toHaveLength(3);
});

test('a repository is heard twice as often as a person, and no more', async () => {
  await context.github.addRepository('acme/busy', { private: true });
  const issue = context.github.addIssue('acme/busy', { by: 'ada' });
  const signs: string[][] = [];
  for (const name of ['p1', 'p2', 'p3']) {
    context.github.addUser(name);
    context.github.addCollaborator('acme/busy', name, 'write');
    for (let said = 0; said < 5; said++)
      signs.push(context.signs(await context.say('/sam list', name, issue)));
  }
  expect(signs.map(([sign]) => sign)).toEqual([...Array(12).fill('rocket'), ...Array(3).fill('confused')]);
});
