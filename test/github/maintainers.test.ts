// Those who maintain a repository: they see, stop and delete what others run on it, and open none of it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
let issue: Thread;
beforeAll(async () => {
  context = await startGitHub();
  for (const login of ['mona', 'wes']) context.github.addUser(login);
  context.github.addCollaborator('acme/api', 'mona', 'write', 'maintain');
  context.github.addCollaborator('acme/api', 'wes', 'write');
  issue = context.github.addIssue('acme/api', { by: 'mona' });
  await context.say('/sam up', 'bob');
});
afterAll(() => context[Symbol.asyncDispose]());

const answerOf = async (text: string, by: string, repository = 'acme/api'): Promise<string[]> => {
  const thread = context.github.addIssue(repository, { by: 'bob' });
  const comment = await context.say(text, by, thread);
  const { host } = context.github;
  return [...context.signs(comment), ...context.comments(thread)].map((text) =>
    text.replace(host, 'github').replaceAll(/ {2,}/g, '  '),
  );
};
const card = (thread = context.pull): string => context.comments(thread)[0] ?? '';

test('`list --all` shows everyone’s workspaces of the repository, and whose they are', async () => {
  await context.github.addRepository('acme/listed');
  context.github.addCollaborator('acme/listed', 'bob', 'write');
  context.github.addCollaborator('acme/listed', 'mona', 'write', 'maintain');
  const listed = context.github.addIssue('acme/listed', { by: 'bob' });
  await context.say('/sam up', 'bob', listed);
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
  const comment = await context.say('/sam stop api-1', 'mona', issue);
  expect(context.signs(comment)).toEqual(['rocket']);
  expect(card()).toContain('Workspace `api-1`: stopped');
  expect(card().replaceAll('\u2060', '')).toContain('@mona, who maintains the repository, stopped it.');
  await context.say('/sam start', 'bob');
  expect(card()).not.toContain('mona');
});

test('who only reads sees how it stands, in its thread and by its name, and nothing else', async () => {
  const before = context.comments();
  for (const line of ['status', 'status api-1', `status #${context.pull.number}`]) {
    const comment = await context.say(`/sam ${line}`, 'eve');
    expect(context.signs(comment)).toEqual(['rocket']);
  }
  expect(context.comments()).toEqual(before);
  const comment = await context.say('/sam logs', 'eve');
  expect(context.signs(comment)).not.toContain('rocket');
});

test('a stranger to a private repository is told nothing of what runs there', async () => {
  await context.github.addRepository('acme/private', { private: true });
  for (const [login, level] of [
    ['bob', 'write'],
    ['wes', 'read'],
  ] as const)
    context.github.addCollaborator('acme/private', login, level);
  const thread = context.github.addIssue('acme/private', { by: 'bob' });
  await context.say('/sam up', 'bob', thread);
  expect(context.signs(await context.say('/sam status', 'wes', thread))).toEqual(['rocket']);
  expect(context.signs(await context.say('/sam status', 'eve', thread))).not.toContain('rocket');
  expect(await answerOf(`/sam status private-${thread.number}`, 'wes')).toContain('confused');
  expect(context.comments(thread).slice(1).join('\n')).not.toContain('private-1');
});

test('a bare `stop` still means one’s own', async () => {
  await context.say('/sam stop', 'mona');
  expect(card()).toContain('Workspace `api-1`: running');
});

test('of two of the same name it says whose there are', async () => {
  await context.say('/sam up --name twin', 'bob', issue);
  await context.say('/sam up --name twin', 'wes', issue);
  expect(await answerOf('/sam stop twin', 'mona')).toMatchInlineSnapshot(`
    [
      "confused",
      "2 people have a workspace of that name: \`ws-1\` of \`wes\`, \`ws-2\` of \`bob\`. Say whose: \`/sam stop ws-1\`.",
    ]
  `);
});

test('work that would be lost is named to a maintainer too, and `--force` deletes it', async () => {
  const pull = await context.github.addPullRequest('acme/api', { by: 'bob', branch: 'lost' });
  await context.say('/sam up', 'bob', pull);
  const name = `api-${pull.number}`;
  const { id, checkout } = await context.sam.row(name);
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
  await context.github.addRepository('acme/other');
  context.github.addCollaborator('acme/other', 'wes', 'write');
  const other = context.github.addIssue('acme/other', { by: 'wes' });
  await context.say('/sam up --name elsewhere', 'wes', other);
  expect(await answerOf('/sam stop elsewhere', 'mona')).toEqual([
    'confused',
    'There is no workspace `elsewhere` here that you can see. All yours: `/sam list`.',
  ]);
});
