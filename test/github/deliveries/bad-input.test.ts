// What arrives that is wrong, odd or too late, as conversations: each has its answer, and none its way into the log.
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Thread } from '../../fakes/github/github.ts';
import { startGitHub, type GitHub } from '../../testers/github.ts';
import type { Notice } from '../../../bot/codes.ts';

let context: GitHub;
let logged = '';
let count = 0;
beforeAll(async () => {
  const log = pino({ level: 'trace' }, { write: (line: string) => void (logged += line) });
  context = await startGitHub({ log });
});
afterAll(() => context[Symbol.asyncDispose]());

const newPull = (): Promise<Thread> =>
  context.github.addPullRequest('acme/api', { by: 'bob', branch: `topic-${++count}` });
const rowsOf = (thread: Thread) =>
  context.place.sql<{ phase: string; repository: string }[]>`
    select phase, repository from workspaces where topic = ${`acme/${thread.repository.name}#${thread.number}`}`;

test('the reply from a mail program that quotes a command is no command', async () => {
  const pull = await newPull();
  const comment = await context.say(
    'Looks good to me.\n\nOn Mon, Nov 2, 2026 at 9:14 AM bob <notifications@github.com> wrote:\n\n> /sam up\n>\n> —\n> Reply to this email directly',
    'bob',
    pull,
  );
  expect([...context.signs(comment), ...context.comments(pull), ...(await rowsOf(pull))]).toEqual([]);
});

test('an unknown flag is named, with the one that was probably meant, and nothing is made', async () => {
  const pull = await newPull();
  const comment = await context.say('/sam up --sise large', 'bob', pull);
  expect(context.signs(comment)).toEqual(['confused']);
  expect(context.comments(pull)).toMatchInlineSnapshot(`
    [
      "\`--sise\` is no flag of \`/sam up\`. It has \`--size\`, \`--name\`, \`--ref\`, \`--config\`, \`--expiry\`, \`--trust-fork\`, \`--new\`. What they do: \`/sam help up\`.
    Usage: \`/sam up [target] [--size s|m|l] [--name NAME] [--ref REF] [--config TEXT] [--expiry 4h] [--trust-fork SHA] [--new]\`",
    ]
  `);
  expect(await rowsOf(pull)).toEqual([]);
});

test('a body that nobody signed, or that is too large, leaves no word of it in the log', async () => {
  const post = (body: string) =>
    fetch(context.webhook, {
      method: 'POST',
      body,
      headers: {
        'x-github-event': 'issue_comment',
        'x-github-delivery': randomUUID(),
        'x-hub-signature-256': `sha256=${'0'.repeat(64)}`,
      },
    }).then(
      ({ status }) => status,
      () => 413,
    );
  const { body } = await context.github.comment(await newPull(), 'bob', 'canary-in-the-payload');
  expect(await post(body)).toBe(400);
  expect(await post(`{"comment": "canary-in-the-payload"`)).toBe(400);
  expect(await post('canary-in-the-payload'.padEnd(30 * 1024 * 1024, 'x'))).toBe(413);
  expect(logged).not.toContain('canary-in-the-payload');
});

test('a repository that is renamed while its workspace is made has it running under the new name', async () => {
  await context.github.addRepository('acme/old');
  context.github.addCollaborator('acme/old', 'bob', 'write');
  const pull = await context.github.addPullRequest('acme/old', { by: 'bob' });
  const cloning = context.github.hold('POST', '/acme/old.git/git-upload-pack');
  onTestFinished(() => context.github.mend());
  await context.github.comment(pull, 'bob', '/sam up');
  await cloning.arrived;
  await context.github.rename(context.github.repository('acme/old'), 'ada', 'service');
  context.github.mend();
  await context.settle();
  expect(await rowsOf(pull)).toEqual([
    { phase: 'running', repository: `${context.github.url}/acme/service` },
  ]);
  expect(context.comments(pull)).toHaveLength(1);
  expect(context.comments(pull)[0]).toMatch(/: running\n`acme\/service@/);
});

test('a repository that is deleted takes its workspaces with it, and nobody is told twice', async () => {
  await context.github.addRepository('acme/short-lived');
  context.github.addCollaborator('acme/short-lived', 'bob', 'write');
  const issue = context.github.addIssue('acme/short-lived', { by: 'bob' });
  await context.say('/sam up', 'bob', issue);
  await context.github.deleteRepository(context.github.repository('acme/short-lived'), 'ada');
  await context.settle();
  const rows = await context.place.sql<{ phase: string; notice: Notice[] }[]>`
    select phase, notice from workspaces where repository like '%/acme/short-lived'`;
  expect(rows).toEqual([{ phase: 'deleted', notice: [{ code: 'repository-deleted', details: {} }] }]);
});
