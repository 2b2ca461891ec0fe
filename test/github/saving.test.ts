// A pull request goes, and with it its workspace: through a whole bot, a real agent and git over HTTP.
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { until } from '../until.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';
import { openShell } from '../testers/shell.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub({ private: true });
}, 60_000);
afterAll(() => context[Symbol.asyncDispose]());

interface Made {
  id: string;
  name: string;
  pull: Thread;
  checkout: string;
}

async function up(branch: string): Promise<Made> {
  const pull = await context.github.addPullRequest('acme/api', { by: 'bob', branch });
  await context.say('/sam up', 'bob', pull);
  const name = `api-${pull.number}`;
  const { id, checkout } = await context.sam.row(name);
  return { id, name, pull, checkout: join(checkout, 'api') };
}

const cardOf = ({ id, pull }: Made): string => context.comments(pull).at(-1)!.replaceAll(id, 'ws-1');
const savedOf = ({ id }: Made): Promise<string | undefined> =>
  context.github.git.resolve(context.github.repository('acme/api').id, `refs/sam/${id}`);

test('a merge stops the workspace, saves what was not pushed, deletes it, and the card says where the work is', async () => {
  const made = await up('merged');
  const shell = await openShell(context, made.name);
  await shell.run('echo mine > mine.txt && git add mine.txt && git commit -qm mine && echo more >> mine.txt');
  await context.github.merge(made.pull, 'bob');
  await context.settle();
  expect(cardOf(made)).toMatchInlineSnapshot(`
    "<!-- sam:v1 acme/api#1 -->

    ### 🗑 Workspace \`api-1\`: deleted
    \`acme/api@merged\` · medium · for \`bob\`

    ℹ It stopped because the pull request was merged. Saved to \`refs/sam/ws-1\`: \`git fetch origin refs/sam/ws-1 && git checkout FETCH_HEAD\`.

    <sub>ws-1</sub>
    (minimised: OUTDATED)"
  `);
  const commit = await savedOf(made);
  const { message, author } = await context.github.git.describe(
    context.github.repository('acme/api').id,
    commit!,
  );
  expect({ message: message.split('\n')[0], author: author.name }).toEqual({
    message: `Uncommitted changes of ${made.name}`,
    author: 'Sam',
  });
  expect(existsSync(dirname(made.checkout))).toBe(false);
  expect(await context.sam.row(made.name)).toMatchObject({ phase: 'deleted' });
});

test('with a new file beside it the workspace stops and waits for a day, and its card says what is saved and what is not', async () => {
  const made = await up('closed');
  writeFileSync(join(made.checkout, 'README.md'), 'mine\n');
  writeFileSync(join(made.checkout, '.env'), 'SECRET=1\n');
  await context.github.close(made.pull, 'bob');
  await context.settle();
  expect(cardOf(made)).toMatchInlineSnapshot(`
    "<!-- sam:v1 acme/api#1 -->

    ### ⏹ Workspace \`api-1\`: stopped
    \`acme/api@closed\` @ \`commit\` · medium · for \`bob\`

    ℹ It stopped because the pull request was closed. Saved to \`refs/sam/ws-1\`: \`git fetch origin refs/sam/ws-1 && git checkout FETCH_HEAD\`. Not deleted: 1 new file would be lost. It will be deleted all the same in a day, unless you start it: \`/sam start api-1\`.

    Its files are kept until TIME. Go on: \`/sam start api-1\`

    <sub>ws-1 · \`/sam start api-1\` · \`/sam rm api-1\`</sub>"
  `);
  expect(existsSync(made.checkout)).toBe(true);
  // Nothing brings it back but a person.
  await context.github.reopen(made.pull, 'bob');
  await context.settle();
  expect(await context.sam.row(made.name)).toMatchObject({ phase: 'stopped', desired: 'stopped' });
  await context.place
    .sql`update workspaces set delete_at = now(), next_at = now(), gen = gen + 1 where id = ${made.id}`;
  await until(async () => (await context.sam.row(made.name)).phase === 'deleted');
  await context.settle();
  expect(cardOf(made)).toMatchInlineSnapshot(`
    "<!-- sam:v1 acme/api#1 -->

    ### 🗑 Workspace \`api-1\`: deleted
    \`acme/api@closed\` · medium · for \`bob\`

    ℹ It was kept for a day. Saved to \`refs/sam/ws-1\`: \`git fetch origin refs/sam/ws-1 && git checkout FETCH_HEAD\`. Lost: 1 new file.

    <sub>ws-1</sub>
    (minimised: OUTDATED)"
  `);
  expect(existsSync(dirname(made.checkout))).toBe(false);
});

test('whoever may not push any more has it kept for a day, and reads why', async () => {
  const made = await up('revoked');
  writeFileSync(join(made.checkout, 'README.md'), 'mine\n');
  context.github.addCollaborator('acme/api', 'bob', 'read');
  await context.github.close(made.pull, 'ada');
  await context.settle();
  context.github.addCollaborator('acme/api', 'bob', 'write');
  expect(cardOf(made)).toMatch(
    /Not deleted: 1 changed file would be lost\. Not saved: \S+ did not let Sam push\. It will be deleted all the same in a day/,
  );
  expect(await savedOf(made)).toBeUndefined();
});

test('in a repository that has become public nothing is pushed', async () => {
  const made = await up('published');
  writeFileSync(join(made.checkout, 'README.md'), 'mine\n');
  context.github.repository('acme/api').private = false;
  await context.github.close(made.pull, 'bob');
  await context.settle();
  context.github.repository('acme/api').private = true;
  expect(cardOf(made)).toContain('1 changed file would be lost');
  expect(await savedOf(made)).toBeUndefined();
});

test('of two people both find in the card where their work is', async () => {
  const made = await up('shared');
  await context.say('/sam up', 'ada', made.pull);
  const rows = await context.place.sql<{ id: string; node: string }[]>`
    select id, 'vm-' || substr(node_id, 4) as node from workspaces
     where topic = ${`acme/api#${made.pull.number}`}`;
  const folders = rows.map(({ id, node }) =>
    join(context.place.dataDir, 'nodes', node, 'data', 'workspaces', id),
  );
  for (const folder of folders) writeFileSync(join(folder, 'api', 'README.md'), 'mine\n');
  await context.github.merge(made.pull, 'ada');
  await context.settle();
  const card = context.comments(made.pull).at(-1)!;
  expect(new Set(card.match(/git fetch origin refs\/sam\/ws-\d+ /g)).size).toBe(2);
  expect(folders.map((folder) => existsSync(folder))).toEqual([false, false]);
});
