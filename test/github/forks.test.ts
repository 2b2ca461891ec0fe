// Pull requests from forks and the heads of others, as conversations: who may start what, at which commit, with what.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';
import { openShell } from '../testers/shell.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub();
  const { github } = context;
  github.addUser('mia');
  github.addCollaborator('acme/api', 'mia', 'write', 'maintain');
  await github.addRepository('eve/api', { forkOf: 'acme/api' });
}, 60_000);
afterAll(() => context[Symbol.asyncDispose]());

let count = 0;
const newFork = (): Promise<Thread> =>
  context.github.addPullRequest('acme/api', { by: 'eve', from: 'eve/api', branch: `evil-${++count}` });
/** One that a maintainer let in; its workspace runs. */
async function newTrusted(by = 'mia'): Promise<Thread> {
  const fork = await newFork();
  await context.say(`/sam up --trust-fork ${head(fork)}`, by, fork);
  return fork;
}

const head = (thread: Thread): string => thread.head?.sha ?? '';
const lastComment = (thread: Thread): string =>
  context.github
    .commentsOn(thread)
    .filter(({ byApp }) => byApp)
    .at(-1)?.body ?? 'nothing was said';
const card = (fork: Thread): string =>
  context.github.commentsOn(fork).find(({ body }) => body.startsWith('<!-- sam'))?.body ?? '';
const rows = ({ repository, number }: Thread) =>
  context.place.sql<{ phase: string; commit: string | null; fork: object | null }[]>`
    select phase, commit, fork from workspaces where topic = ${`acme/${repository.name}#${number}`} and desired <> 'deleted'`;

/** The words with this fork's commits under names that stay. */
const stable = (text: string, ...commits: string[]): string =>
  commits.reduce(
    (left, commit, index) =>
      left.replaceAll(commit, `COMMIT-${index + 1}`).replaceAll(commit.slice(0, 7), `commit-${index + 1}`),
    text,
  );

test('a pull request from a fork is refused, with the whole command that lets its head in', async () => {
  const fork = await newFork();
  const comment = await context.say('/sam up', 'bob', fork);
  expect(stable(lastComment(fork), head(fork))).toMatchInlineSnapshot(
    `"This pull request comes from a fork (\`eve/api\`), so I won't run its code with your credentials. A maintainer who has read \`commit-1\` can start it without any: \`/sam up --trust-fork COMMIT-1\`."`,
  );
  expect(context.signs(comment)).toEqual(['confused']);
  expect(await rows(fork)).toEqual([]);
});

test('who only writes is told who can let it in', async () => {
  const other = await newFork();
  await context.say(`/sam up --trust-fork ${head(other)}`, 'bob', other);
  expect(stable(lastComment(other), head(other))).toMatchInlineSnapshot(
    `"\`--trust-fork\` needs **maintain** or **admin** on \`acme/api\`; you have **write**. Ask one who has it to say: \`/sam up --trust-fork COMMIT-1\`."`,
  );
  expect(await rows(other)).toEqual([]);
});

test('another commit than the present head is not let in', async () => {
  const fork = await newFork();
  const other = await context.github.git.resolve(context.github.repository('acme/api').id, 'refs/heads/main');
  await context.say(`/sam up --trust-fork ${other}`, 'ada', fork);
  expect(stable(lastComment(fork), head(fork), other ?? '')).toMatchInlineSnapshot(
    `"\`commit-2\` is not the head of this pull request; that is \`commit-1\` now. If you have read it: \`/sam up --trust-fork COMMIT-1\`."`,
  );
  expect(await rows(fork)).toEqual([]);
});

test('a maintainer lets in one commit: it starts there, without any credentials', async () => {
  const fork = await newFork();
  const trusted = head(fork);
  const tokens = context.github.world.tokens.size;
  await context.say(`/sam up --trust-fork ${trusted}`, 'mia', fork);
  expect(await rows(fork)).toMatchObject([
    { phase: 'running', commit: trusted, fork: { from: 'eve/api', head: trusted, trusted } },
  ]);
  const shell = await openShell(context, `api-${fork.number}`);
  expect((await shell.run('git rev-parse HEAD')).said.trim()).toBe(trusted);
  const pushed = await shell.run('GIT_TERMINAL_PROMPT=0 git push origin HEAD:refs/heads/mine');
  expect(pushed).toMatchObject({ code: 128, said: expect.stringContaining('terminal prompts disabled') });
  const minted = [...context.github.world.tokens.values()].slice(tokens);
  // Sam's own are for all of the installation, those for git on a node for one repository.
  expect(minted.filter((one) => one.kind === 'installation' && one.repositoryIds)).toEqual([]);
});

test('the same again by whoever it belongs to needs no word any more', async () => {
  const fork = await newTrusted();
  await context.say('/sam stop', 'mia', fork);
  await context.say('/sam start', 'mia', fork);
  expect(await rows(fork)).toMatchObject([{ phase: 'running' }]);
  await context.say('/sam up', 'mia', fork);
  expect(await rows(fork)).toMatchObject([{ phase: 'running' }]);
});

test('a push arms the gate again: neither `start` nor `up` goes on before the new head is let in', async () => {
  const fork = await newTrusted();
  const before = head(fork);
  await context.say('/sam stop', 'mia', fork);
  await context.github.push(fork, 'eve');
  await context.settle();
  await context.say('/sam start', 'mia', fork);
  expect(context.stable(stable(lastComment(fork), before, head(fork)), fork)).toMatchInlineSnapshot(
    `"Somebody pushed to the fork of \`api-1\`: its pull request is at \`commit-2\`, and a maintainer let in \`commit-1\`. One who has read it can go on: \`/sam up acme/api#1 --trust-fork COMMIT-2\`."`,
  );
  await context.say('/sam up', 'mia', fork);
  expect(await rows(fork)).toMatchObject([{ phase: 'stopped', fork: { trusted: before } }]);
});

test('a push that is heard late, of the commit that was let in, opens nothing again', async () => {
  const fork = await newTrusted();
  const trusted = head(fork);
  await context.say('/sam stop', 'mia', fork);
  const { payload } = await context.github.push(fork, 'eve');
  await context.settle();
  const pull = payload['pull_request'] as { head: object };
  const late = { ...pull, head: { ...pull.head, sha: trusted } };
  await context.github.deliver('pull_request', { ...payload, pull_request: late, after: trusted });
  await context.settle();
  expect(await rows(fork)).toMatchObject([{ fork: { head: head(fork), trusted } }]);
});

test('a fork that is put back to the commit that was let in may start at it, once GitHub says so itself', async () => {
  const fork = await newTrusted();
  const trusted = head(fork);
  await context.say('/sam stop', 'mia', fork);
  await context.github.push(fork, 'eve');
  await context.settle();
  fork.head!.sha = trusted;
  await context.say('/sam start', 'mia', fork);
  expect(await rows(fork)).toMatchObject([{ phase: 'running', fork: { head: trusted, trusted } }]);
});

test('let in anew it goes on with the files it had, and says how to get at the others', async () => {
  const fork = await newTrusted();
  await context.say('/sam stop', 'mia', fork);
  await context.github.push(fork, 'eve');
  await context.settle();
  const [row] = await rows(fork);
  await context.say(`/sam up --trust-fork ${head(fork)}`, 'mia', fork);
  expect(
    stable(
      card(fork)
        .split('\n')
        .find((line) => line.startsWith('ℹ')) ?? '',
      row?.commit ?? '',
      head(fork),
    ).replace(`/${fork.number}/`, '/N/'),
  ).toMatchInlineSnapshot(
    `"ℹ It keeps the files that it had, of \`commit-1\`. For \`commit-2\` say in its terminal \`git fetch origin refs/pull/N/head\` and \`git checkout FETCH_HEAD\`, or take another one: \`/sam up --new --trust-fork COMMIT-2\`."`,
  );
  expect(await rows(fork)).toMatchObject([{ phase: 'running', fork: { trusted: head(fork) } }]);
});

test('its machine is its own: no other workspace of the same person shares it', async () => {
  context.github.addUser('zoe');
  context.github.addCollaborator('acme/api', 'zoe', 'write', 'maintain');
  await newTrusted('zoe');
  await context.say('/sam up', 'zoe');
  const nodes = await context.place.sql<{ nodeId: string }[]>`
    select distinct w.node_id as "nodeId" from workspaces w join users u on u.id = w.owner where u.name = 'zoe'`;
  expect(nodes).toHaveLength(2);
});

test('the flag means nothing elsewhere', async () => {
  await context.say(`/sam up --trust-fork ${head(context.pull)}`, 'ada');
  expect(lastComment(context.pull)).toMatchInlineSnapshot(
    `"\`--trust-fork\` is for a pull request from a fork, and this is none. Without it: \`/sam up\`."`,
  );
});

test('on a pull request of the repository itself the head of the moment is taken, as its branch', async () => {
  const pull = await context.github.addPullRequest('acme/api', { by: 'bob', branch: 'topic' });
  await context.say('/sam up', 'bob', pull);
  expect(await rows(pull)).toMatchObject([{ phase: 'running', commit: head(pull), fork: null }]);
  const shell = await openShell(context, `api-${pull.number}`);
  const { said } = await shell.run('git status -b --porcelain=v2 | grep branch');
  expect(said.replaceAll(head(pull), 'HEAD-OF-PULL')).toMatchInlineSnapshot(`
    "# branch.oid HEAD-OF-PULL
    # branch.head topic
    # branch.upstream origin/topic
    # branch.ab +0 -0
    "
  `);
});

test('a fork of a private repository is refused, whoever asks', async () => {
  const { github } = context;
  await github.addRepository('acme/secret', { private: true });
  for (const login of ['mia', 'eve']) github.addCollaborator('acme/secret', login, 'admin');
  await github.addRepository('eve/secret', { private: true, forkOf: 'acme/secret' });
  const pull = await github.addPullRequest('acme/secret', { by: 'eve', from: 'eve/secret', branch: 'x' });
  await context.say(`/sam up --trust-fork ${head(pull)}`, 'mia', pull);
  expect(lastComment(pull)).toMatchInlineSnapshot(
    `"This pull request comes from a fork (\`eve/secret\`), so I won't run its code with your credentials. Push its branch to \`acme/secret\`, and then: \`/sam up acme/secret@x\`."`,
  );
});
