// Those who maintain a repository: they see, stop and delete what others run on it, and open none of it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { openScene, type Scene } from './scene.ts';

let scene: Scene;
let issue: Thread;
beforeAll(async () => {
  scene = await openScene();
  for (const login of ['mona', 'wes']) scene.github.addUser(login);
  scene.github.addCollaborator('acme/api', 'mona', 'write', 'maintain');
  scene.github.addCollaborator('acme/api', 'wes', 'write');
  issue = scene.github.addIssue('acme/api', { by: 'mona' });
  await scene.say('/sam up', 'bob');
});
afterAll(() => scene[Symbol.asyncDispose]());

const answerOf = async (text: string, by: string): Promise<string[]> => {
  const thread = scene.github.addIssue('acme/api', { by: 'bob' });
  const comment = await scene.say(text, by, thread);
  const { host } = scene.github;
  return [...scene.signs(comment), ...scene.comments(thread)].map((text) =>
    text.replace(host, 'github').replaceAll(/ {2,}/g, '  '),
  );
};
const card = (): string => scene.comments()[0] ?? '';

test('`list --all` shows everyone’s workspaces of the repository, and whose they are', async () => {
  expect(await answerOf('/sam list --all', 'mona')).toMatchInlineSnapshot(`
    [
      "rocket",
      "\`\`\`text
    NAME  PHASE  REPOSITORY  REF  OWNER
    api-1  running  github/acme/api  fix-login  bob
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
  expect(card().replaceAll('\u2060', '')).toContain('It was stopped by @mona, who maintains the repository.');
  await scene.say('/sam start', 'bob');
  expect(card()).not.toContain('mona');
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
      "2 people have a workspace of that name: \`ws-2\` of \`wes\`, \`ws-3\` of \`bob\`. Say whose: \`/sam stop ws-2\`.",
    ]
  `);
});

test('work that would be lost is named to a maintainer too, and `--force` deletes it', async () => {
  const [row] = await scene.place.sql<{ id: string }[]>`select id from workspaces where name = 'api-1'`;
  const { checkout } = await scene.sam.row('api-1');
  writeFileSync(join(checkout, 'work.txt'), 'work\n');
  // The agent looks before it deletes.
  await answerOf('/sam rm api-1', 'mona');
  expect(card()).toContain('Not deleted: 1 new file would be lost.');
  expect(await answerOf('/sam rm api-1', 'mona')).toMatchInlineSnapshot(`
    [
      "confused",
      "Not deleted: 1 new file would be lost. It is not your work: ask its owner, or delete it all the same: \`/sam rm ws-1 --force\`.",
    ]
  `);
  await answerOf(`/sam rm ${row!.id} --force`, 'mona');
  expect(card().replaceAll('\u2060', '')).toMatch(/`api-1`: deleted[^]*It was deleted by @mona/);
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
