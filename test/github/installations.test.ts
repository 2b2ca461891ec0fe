// The App is installed, suspended, taken away, robbed of a permission; repositories go elsewhere: nothing is lost, nothing loops.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../until.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub();
});
afterAll(() => context[Symbol.asyncDispose]());

let count = 0;

/** An account of its own with the App on it, and `api` there with a pull request by bob. */
async function newPlace() {
  const { github } = context;
  const owner = `owner-${++count}`;
  github.addUser(owner);
  const repository = await github.addRepository(`${owner}/api`);
  github.addCollaborator(`${owner}/api`, 'bob', 'write');
  const installation = github.install(owner);
  const pull = await github.addPullRequest(`${owner}/api`, { by: 'bob', branch: 'fix-login' });
  const topic = `${owner}/api#${pull.number}`;
  return {
    owner,
    repository,
    installation,
    pull,
    comments: () => context.comments(pull),
    labels: () => repository.labels.map(({ name }) => name),
    phases: async (): Promise<string[]> => {
      const rows = await context.place.sql<{ phase: string }[]>`
        select phase from workspaces where topic = ${topic} order by created_at`;
      return rows.map(({ phase }) => phase);
    },
    // As time would: nobody says it on GitHub.
    stopInDatabase: async (): Promise<void> => {
      await context.place
        .sql`update workspaces set desired = 'stopped', gen = gen + 1, next_at = now() where topic = ${topic}`;
      await context.place.sql`select pg_notify('sam', 'due')`;
    },
  };
}

test('an installation brings the labels, once', async () => {
  const { installation, repository, labels } = await newPlace();
  repository.labels.push({ id: 1, name: 'SAM', color: 'ededed', description: null });
  await context.github.installed(installation, 'ada');
  await context.settle();
  expect(labels().toSorted()).toEqual(['SAM', 'sam:large', 'sam:medium', 'sam:small']);
  await context.github.installed(installation, 'ada');
  await context.settle();
  expect(labels()).toHaveLength(4);
});

test('labels that cannot be made are not missed', async () => {
  const { installation, labels, owner } = await newPlace();
  context.github.fail('POST', `/repos/${owner}/api/labels`, { status: 403, times: 1 });
  await context.github.installed(installation, 'ada');
  await context.settle();
  expect(labels()).toEqual([]);
  const [row] = await context.place.sql<{ n: number }[]>`
    select count(*)::int as n from deliveries where thread = 'installations' and ended_at is null`;
  expect(row?.n).toBe(0);
});

test('a permission that is missing is named, with the page where it can be given', async () => {
  const { installation, repository, pull } = await newPlace();
  repository.private = true;
  await context.github.acceptPermissions(installation, 'ada', { issues: 'write' });
  const comment = await context.say('/sam up', 'bob', pull);
  expect(context.signs(comment)).toEqual(['confused']);
  const id = String(installation.id);
  expect(context.comments(pull).map((text) => text.replace(id, 'ID'))).toMatchInlineSnapshot(`
    [
      "I could not do that: my GitHub App was not given the permission **pull_requests: read** on this repository. Whoever administers it can accept it: http://127.0.0.1/settings/installations/ID. Then say it again.",
    ]
  `);
  await context.github.acceptPermissions(installation, 'ada', context.github.app.permissions);
  const again = await context.say('/sam list', 'bob', pull);
  expect(context.signs(again)).toEqual(['rocket']);
  await context.say('/sam up', 'bob', pull);
  expect(context.comments(pull).at(-1)).toContain(': running');
});

test('while it is suspended its workspaces stay, and nobody writes; then the card catches up', async () => {
  const { installation, pull, comments, phases, stopInDatabase } = await newPlace();
  await context.say('/sam up', 'bob', pull);
  await context.github.suspend(installation, 'ada');
  await context.settle();
  await stopInDatabase();
  await until(async () => (await phases()).includes('stopped'));
  await context.settle();
  expect(comments().at(-1)).toContain(': running');
  await context.github.unsuspend(installation, 'ada');
  await until(() => comments().at(-1)?.includes(': stopped') === true);
});

test('once it is gone there is one look for it, and no more', async () => {
  const { installation: mine, owner, pull, comments, phases, stopInDatabase } = await newPlace();
  await context.say('/sam up', 'bob', pull);
  await stopInDatabase();
  await until(async () => (await phases()).includes('stopped'));
  await context.settle();
  await context.github.uninstall(mine, 'ada');
  await context.settle();
  await context.place
    .sql`update cards set want_version = want_version + 1, sent_hash = null, next_at = now()`;
  await context.place.sql`select pg_notify('sam', 'card')`;
  await context.settle();
  const before = context.github.log.length;
  await context.sam.restart();
  await context.settle();
  // But for what every start asks, of those who have it.
  const asked = context.github.log
    .slice(before)
    .filter(({ path }) => path.includes(owner) || path.includes(`/installations/${mine.id}`));
  expect(asked).toEqual([]);
  expect(await phases()).toEqual(['stopped']);
  context.github.world.installations.push(mine);
  await context.github.installed(mine, 'ada');
  await context.settle();
  await context.say('/sam start', 'bob', pull);
  expect(comments().at(-1)).toContain(': running');
});

test('a repository that goes to somebody without the App keeps its workspaces', async () => {
  const { owner, pull, repository, phases } = await newPlace();
  context.github.addUser(`friend-of-${owner}`);
  await context.say('/sam up', 'bob', pull);
  await context.github.transfer(repository, 'ada', `friend-of-${owner}`);
  await context.settle();
  expect(await phases()).toEqual(['running']);
});

test('a repository that comes along takes its card with it', async () => {
  const { owner, pull, repository, comments } = await newPlace();
  const friend = `friend-of-${owner}`;
  context.github.addUser(friend);
  await context.say('/sam up', 'bob', pull);
  await context.github.transfer(repository, 'ada', friend);
  await context.settle();
  context.github.install(friend);
  await context.github.transfer(repository, friend, owner);
  await context.settle();
  await context.say('/sam stop', 'bob', pull);
  expect(comments().at(-1)).toContain(`\`${owner}/api@fix-login\``);
  expect(comments().at(-1)).toContain(': stopped');
});
