// Those who maintain a repository: they see, stop and delete what others run on it, and open none of it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let scene: GitHub;
let issue: Thread;
beforeAll(async () => {
  scene = await startGitHub();
  for (const login of ['mona', 'wes']) scene.github.addUser(login);
  scene.github.addCollaborator('acme/api', 'mona', 'write', 'maintain');
  scene.github.addCollaborator('acme/api', 'wes', 'write');
  issue = scene.github.addIssue('acme/api', { by: 'mona' });
  await scene.say('/sam up', 'bob');
});
afterAll(() => scene[Symbol.asyncDispose]());

const answerOf = async (text: string, by: string, repository = 'acme/api'): Promise<string[]> => {
  const thread = scene.github.addIssue(repository, { by: 'bob' });
  const comment = await scene.say(text, by, thread);
  const { host } = scene.github;
  return [...scene.signs(comment), ...scene.comments(thread)].map((text) =>
    text.replace(host, 'github').replaceAll(/ {2,}/g, '  '),
  );
};
const card = (thread = scene.pull): string => scene.comments(thread)[0] ?? '';

test('`list --all` shows everyone’s workspaces of the repository, and whose they are', async () => {
  await scene.github.addRepository('acme/listed');
  scene.github.addCollaborator('acme/listed', 'bob', 'write');
  scene.github.addCollaborator('acme/listed', 'mona', 'write', 'maintain');
  const listed = scene.github.addIssue('acme/listed', { by: 'bob' });
  await scene.say('/sam up', 'bob', listed);
  expect(await answerOf('/sam list --all', 'mona', 'acme/listed')).toMatchInlineSnapshot(`
    [
      "rocket",
      "\`\`\`text
    NAME  PHASE  REPOSITORY  REF  OWNER
    listed-1  running  github/acme/listed  main  bob
    \`\`\`",
    ]
  `);
});

test('who only writes is refused', async () => {
  expect(await answerOf('/sam list --all', 'wes')).toMatchInlineSnapshot(`
    [
      "-1",
    ]
  `);
  expect(await answerOf('/sam stop api-1', 'wes')).toMatchInlineSnapshot(`
    [
      "confused",
      "There is no workspace \`api-1\` here that you can see. All yours: \`/sam list\`.",
    ]
  `);
});

test('opening what belongs to somebody else is not among it', async () => {
  for (const line of ['open api-1', 'start api-1', 'logs api-1', 'extend api-1 4h', 'rename api-1 other'])
    expect(await answerOf(`/sam ${line}`, 'mona')).toEqual([
      'confused',
      'There is no workspace `api-1` here that you can see. All yours: `/sam list`.',
    ]);
});

test('a maintainer stops it by its name, and its owner reads who it was', async () => {
  const comment = await scene.say('/sam stop api-1', 'mona', issue);
  expect(scene.signs(comment)).toEqual(['rocket']);
  expect(card()).toContain('Workspace `api-1`: stopped');
  expect(card().replaceAll('\u2060', '')).toContain('@mona, who maintains the repository, stopped it.');
  await scene.say('/sam start', 'bob');
  expect(card()).not.toContain('mona');
});

test('who only reads sees how it stands, in its thread and by its name, and nothing else', async () => {
  const before = scene.comments();
  for (const line of ['status', 'status api-1', `status #${scene.pull.number}`]) {
    const comment = await scene.say(`/sam ${line}`, 'eve');
    expect(scene.signs(comment)).toEqual(['rocket']);
  }
  expect(scene.comments()).toEqual(before);
  const comment = await scene.say('/sam logs', 'eve');
  expect(scene.signs(comment)).not.toContain('rocket');
});

test('a stranger to a private repository is told nothing of what runs there', async () => {
  await scene.github.addRepository('acme/private', { private: true });
  for (const [login, level] of [
    ['bob', 'write'],
    ['wes', 'read'],
  ] as const)
    scene.github.addCollaborator('acme/private', login, level);
  const thread = scene.github.addIssue('acme/private', { by: 'bob' });
  await scene.say('/sam up', 'bob', thread);
  expect(scene.signs(await scene.say('/sam status', 'wes', thread))).toEqual(['rocket']);
  expect(scene.signs(await scene.say('/sam status', 'eve', thread))).not.toContain('rocket');
  expect(await answerOf(`/sam status private-${thread.number}`, 'wes')).toContain('confused');
  expect(scene.comments(thread).slice(1).join('\n')).not.toContain('private-1');
});

test('a bare `stop` still means one’s own', async () => {
  await scene.say('/sam stop', 'mona');
  expect(card()).toContain('Workspace `api-1`: running');
});

test('of two of the same name it says whose there are', async () => {
  await scene.say('/sam up --name twin', 'bob', issue);
  await scene.say('/sam up --name twin', 'wes', issue);
  expect(await answerOf('/sam stop twin', 'mona')).toMatchInlineSnapshot(`
    [
      "confused",
      "2 people have a workspace of that name: \`ws-1\` of \`wes\`, \`ws-2\` of \`bob\`. Say whose: \`/sam stop ws-1\`.",
    ]
  `);
});

test('work that would be lost is named to a maintainer too, and `--force` deletes it', async () => {
  const pull = await scene.github.addPullRequest('acme/api', { by: 'bob', branch: 'lost' });
  await scene.say('/sam up', 'bob', pull);
  const name = `api-${pull.number}`;
  const { id, checkout } = await scene.sam.row(name);
  writeFileSync(join(checkout, 'work.txt'), 'work\n');
  // The agent looks before it deletes.
  await answerOf(`/sam rm ${name}`, 'mona');
  expect(card(pull).replaceAll('\u2060', '')).toContain(
    '@mona, who maintains the repository, said to delete it. Not deleted: 1 new file would be lost.',
  );
  expect(await answerOf(`/sam rm ${name}`, 'mona')).toMatchInlineSnapshot(`
    [
      "confused",
      "Not deleted: 1 new file would be lost. It is not your work: ask its owner, or delete it all the same: \`/sam rm ws-1 --force\`.",
    ]
  `);
  await answerOf(`/sam rm ${id} --force`, 'mona');
  expect(card(pull).replaceAll('\u2060', '')).toMatch(
    /`api-1`: deleted[^]*@mona, who maintains the repository, said to delete it/,
  );
});

test('what runs on another repository is none of it', async () => {
  await scene.github.addRepository('acme/other');
  scene.github.addCollaborator('acme/other', 'wes', 'write');
  const other = scene.github.addIssue('acme/other', { by: 'wes' });
  await scene.say('/sam up --name elsewhere', 'wes', other);
  expect(await answerOf('/sam stop elsewhere', 'mona')).toEqual([
    'confused',
    'There is no workspace `elsewhere` here that you can see. All yours: `/sam list`.',
  ]);
});
