// The App is installed, suspended, taken away, robbed of a permission; repositories go elsewhere: nothing is lost, nothing loops.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Thread } from '../fakes/github/github.ts';
import { until } from '../until.ts';
import { openScene, type Scene } from './scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

const installation = () => scene.github.world.installations.find(({ account }) => account.login === 'acme')!;
const repository = () => scene.github.repository('acme/api');
const labels = (): string[] => repository().labels.map(({ name }) => name);
const count = async (): Promise<number> => scene.github.log.length;
const phases = async (): Promise<string[]> =>
  (await scene.place.sql<{ phase: string }[]>`select phase from workspaces order by created_at`).map(
    ({ phase }) => phase,
  );
const stopInDatabase = async (thread: Thread): Promise<void> => {
  // As time would: nobody says it on GitHub.
  await scene.place
    .sql`update workspaces set desired = 'stopped', gen = gen + 1, next_at = now() where topic = ${`acme/api#${thread.number}`}`;
  await scene.place.sql`select pg_notify('sam', 'due')`;
};

test('an installation brings the labels, once', async () => {
  scene.github.repository('acme/api').labels.push({ id: 1, name: 'SAM', color: 'ededed', description: null });
  await scene.github.installed(installation(), 'ada');
  await scene.settle();
  expect(labels().toSorted()).toEqual(['SAM', 'sam:large', 'sam:medium', 'sam:small']);
  await scene.github.installed(installation(), 'ada');
  await scene.settle();
  expect(labels()).toHaveLength(4);
});

test('labels that cannot be made are not missed', async () => {
  const other = await scene.github.addRepository('acme/other');
  scene.github.fail('POST', '/repos/acme/other/labels', { status: 403, times: 1 });
  await scene.github.installed(installation(), 'ada');
  await scene.settle();
  expect(other.labels).toEqual([]);
  const [row] = await scene.place.sql<{ n: number }[]>`
    select count(*)::int as n from deliveries where thread = 'installations' and ended_at is null`;
  expect(row?.n).toBe(0);
});

test('a permission that is missing is named, with the page where it can be given', async () => {
  await scene.github.addRepository('acme/secret', { private: true });
  scene.github.addCollaborator('acme/secret', 'bob', 'write');
  const pull = await scene.github.addPullRequest('acme/secret', { by: 'bob' });
  await scene.github.acceptPermissions(installation(), 'ada', { issues: 'write' });
  const comment = await scene.say('/sam up', 'bob', pull);
  expect(scene.signs(comment)).toEqual(['confused']);
  const id = String(installation().id);
  expect(scene.comments(pull).map((text) => text.replace(id, 'ID'))).toMatchInlineSnapshot(`
    [
      "I could not do that: my GitHub App was not given the permission **pull_requests: read** on this repository. Whoever administers it can accept it: http://127.0.0.1/settings/installations/ID. Then say it again.",
    ]
  `);
  await scene.github.acceptPermissions(installation(), 'ada', scene.github.app.permissions);
  const again = await scene.say('/sam list', 'bob', pull);
  expect(scene.signs(again)).toEqual(['rocket']);
  await scene.say('/sam up');
  expect(scene.comments().at(-1)).toContain(': running');
});

test('while it is suspended its workspaces stay, and nobody writes; then the card catches up', async () => {
  await scene.github.suspend(installation(), 'ada');
  await scene.settle();
  await stopInDatabase(scene.pull);
  await until(async () => (await phases()).includes('stopped'), 40_000);
  await scene.settle();
  expect(scene.comments().at(-1)).toContain(': running');
  await scene.github.unsuspend(installation(), 'ada');
  await until(() => scene.comments().at(-1)?.includes(': stopped') === true, 40_000);
});

test('once it is gone there is one look for it, and no more', async () => {
  const mine = installation();
  await scene.github.uninstall(mine, 'ada');
  await scene.settle();
  await scene.place.sql`update cards set want_version = want_version + 1, sent_hash = null, next_at = now()`;
  await scene.place.sql`select pg_notify('sam', 'card')`;
  await scene.settle();
  const before = await count();
  await scene.sam.restart();
  await scene.settle();
  // But for what every start asks.
  const asked = scene.github.log
    .slice(before)
    .filter(({ path }) => !/\/hook\/deliveries|\/app$|\/app\/installations$/.test(path));
  expect(asked).toEqual([]);
  expect(await phases()).toEqual(['stopped']);
  scene.github.world.installations.push(mine);
  await scene.github.installed(mine, 'ada');
  await scene.settle();
  await scene.say('/sam start');
  expect(scene.comments().at(-1)).toContain(': running');
});

test('a repository that goes to somebody without the App keeps its workspaces', async () => {
  scene.github.addUser('zoe');
  await scene.github.transfer(repository(), 'ada', 'zoe');
  await scene.settle();
  expect(await phases()).toEqual(['running']);
});

test('a repository that comes along takes its card with it', async () => {
  const moved = scene.github.world.repositories.find(({ name }) => name === 'api')!;
  scene.github.install('zoe');
  await scene.github.transfer(moved, 'zoe', 'acme');
  await scene.settle();
  await scene.say('/sam stop');
  expect(scene.comments().at(-1)).toContain('`acme/api@fix-login`');
  expect(scene.comments().at(-1)).toContain(': stopped');
});
