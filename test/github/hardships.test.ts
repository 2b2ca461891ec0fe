// Private repositories, limits, repositories that move, people who are renamed: what GitHub does to a bot.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let scene: GitHub;
beforeAll(async () => {
  scene = await startGitHub({ private: true, env: { MAX_COMMANDS_PER_HOUR: '6' }, echoes: true });
});
afterAll(() => scene[Symbol.asyncDispose]());

let count = 0;
const newPull = (): Promise<Thread> =>
  scene.github.addPullRequest('acme/api', { by: 'bob', branch: `topic-${++count}` });

test('in a private repository who may only read is told once who can help', async () => {
  scene.github.addCollaborator('acme/api', 'eve', 'read');
  const pull = await newPull();
  const comment = await scene.say('/sam up', 'eve', pull);
  await scene.say('/sam up', 'eve', pull);
  expect(scene.signs(comment)).toEqual(['-1']);
  expect(scene.comments(pull)).toMatchInlineSnapshot(`
    [
      "\`/sam up\` needs **write** on \`acme/api\`; you have **read**. A maintainer can run it for you.",
    ]
  `);
});

test('somebody who took a name over has none of the rights that went with it', async () => {
  const pull = await newPull();
  scene.github.addUser('carol');
  scene.github.addCollaborator('acme/api', 'carol', 'write');
  const delivery = await scene.github.comment(pull, 'eve', 'nothing for Sam');
  const payload = structuredClone(delivery.payload) as {
    comment: { body: string };
    sender: { login: string };
  };
  payload.comment.body = '/sam up';
  payload.sender.login = 'carol';
  await scene.github.deliver('issue_comment', payload);
  await scene.settle();
  expect(scene.signs(delivery.comment)).toEqual(['-1']);
});

test("GitHub's limits only make it later", async () => {
  const pull = await newPull();
  scene.github.limitPrimary({ resetInSeconds: 1 });
  const first = await scene.say('/sam list', 'ada', pull);
  scene.github.limitSecondary({ retryAfterSeconds: 1 });
  const second = await scene.say('/sam list', 'ada', pull);
  expect([...scene.signs(first), ...scene.signs(second)]).toEqual(['rocket', 'rocket']);
});

test('an installation that is gone ends in silence, not in a loop', async () => {
  await scene.github.addRepository('other/tool');
  const pull = await scene.github.addPullRequest('other/tool', { by: 'other' });
  const installation = scene.github.install('other');
  await scene.github.uninstall(installation, 'other');
  const { payload } = await scene.github.comment(pull, 'other', '/sam up');
  await scene.github.deliver('issue_comment', { ...payload, installation: { id: installation.id } });
  await scene.settle();
  expect(scene.comments(pull)).toEqual([]);
});

test('a repository that is renamed takes its workspaces and cards along', async () => {
  const repository = await scene.github.addRepository('acme/old', { private: true });
  scene.github.addCollaborator('acme/old', 'ada', 'admin');
  const issue = scene.github.addIssue('acme/old', { by: 'ada' });
  const pull = await scene.github.addPullRequest('acme/old', { by: 'ada' });
  await scene.say('/sam up', 'ada', issue);
  await scene.github.rename(repository, 'ada', 'service');
  await scene.settle();
  const rows = await scene.place.sql<{ repository: string; topic: string; key: string }[]>`
    select replace(repository, ${scene.github.url}, '') as repository, topic, replace(key, ${scene.github.url}, '') as key
      from workspaces where topic is not null`;
  expect(rows).toEqual([
    {
      repository: '/acme/service',
      topic: `acme/service#${issue.number}`,
      key: expect.stringMatching(`^/acme/service\\|issue:${issue.number}\\|`) as string,
    },
  ]);
  await scene.say('/sam rm --force', 'ada', issue);
  expect(scene.comments(issue)).toHaveLength(1);
  expect(scene.comments(pull)).toEqual([]);
});

test('more commands than an hour may have are refused', async () => {
  await scene.github.addRepository('acme/loud', { private: true });
  scene.github.addCollaborator('acme/loud', 'bob', 'write');
  const issue = scene.github.addIssue('acme/loud', { by: 'bob' });
  const signs: string[] = [];
  for (let said = 0; said < 7; said++) {
    const { comment } = await scene.github.comment(issue, 'bob', '/sam list');
    if (said === 6) await scene.settle();
    signs.push(...(said === 6 ? scene.signs(comment) : []));
  }
  expect(signs).toEqual(['confused']);
  // The breaker: three comments in ten minutes, however many were asked for.
  expect(scene.comments(issue)).toHaveLength(3);
});

test('a repository is heard twice as often as a person, and no more', async () => {
  await scene.github.addRepository('acme/busy', { private: true });
  const issue = scene.github.addIssue('acme/busy', { by: 'ada' });
  const signs: string[][] = [];
  for (const name of ['p1', 'p2', 'p3']) {
    scene.github.addUser(name);
    scene.github.addCollaborator('acme/busy', name, 'write');
    for (let said = 0; said < 5; said++) signs.push(scene.signs(await scene.say('/sam list', name, issue)));
  }
  expect(signs.map(([sign]) => sign)).toEqual([...Array(12).fill('rocket'), ...Array(3).fill('confused')]);
});
