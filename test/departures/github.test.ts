// The App is taken away from where workspaces were made: nobody gets in from then on, they say so, and go after three days
// unless it is back by then.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Workspace } from '../../bot/database/schema.ts';
import type { Installation } from '../fakes/github/model.ts';
import { until } from '../until.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub();
});
afterAll(() => context[Symbol.asyncDispose]());

type Name = 'api' | 'web';
type Kept = Pick<Workspace, 'phase' | 'desired' | 'access' | 'notice'>;

let count = 0;

/** An account of its own with the App on `api` and `web` there, and a workspace of somebody's in each. */
async function newPlace() {
  const { github, place } = context;
  const owner = `left-${++count}`;
  const person = `person-${count}`;
  for (const login of [owner, person]) github.addUser(login);
  const repositories = await Promise.all(
    ['api', 'web'].map(async (name) => {
      const repository = await github.addRepository(`${owner}/${name}`);
      github.addCollaborator(`${owner}/${name}`, person, 'write');
      return repository;
    }),
  );
  const [api, web] = repositories as [(typeof repositories)[0], (typeof repositories)[0]];
  const installation = github.install(owner, { repositories: [`${owner}/api`, `${owner}/web`] });
  for (const { name } of repositories) {
    const thread = github.addIssue(`${owner}/${name}`, { by: person });
    await context.say(`/sam up --name ${owner}-${name}`, person, thread);
  }
  async function rowOf(name: Name): Promise<Kept> {
    const [row] = await place.sql<Kept[]>`
      select phase, desired, access, notice from workspaces where name = ${`${owner}-${name}`}`;
    return row!;
  }
  return {
    installation,
    api,
    web,
    row: rowOf,
    said: async (name: Name) => ((await rowOf(name)).notice ?? []).map(({ code }) => code),
    /** The look that comes every hour, so many hours after it left. */
    async look(hours: number) {
      await place.sql`update commands set created_at = created_at - ${hours} * interval '1 hour'`;
      await place.sql`update settings set value = (clock_timestamp() - ${hours} * interval '1 hour')::text
        where name like ${`departed github %${owner}/%`}`;
      await place.sql`update sweeps set last_run_at = null where name = 'github-departures'`;
      await until(async () => {
        const [swept] = await place.sql`select 1 from sweeps
          where name = 'github-departures' and last_run_at is not null and lease_until is null`;
        return swept !== undefined;
      });
      await context.settle();
    },
  };
}
type Away = Awaited<ReturnType<typeof newPlace>>;

const HOW: [string, (away: Away) => unknown, (away: Away) => unknown][] = [
  [
    'uninstalled',
    ({ installation }) => context.github.uninstall(installation, 'ada'),
    ({ installation }) => putBack(installation),
  ],
  [
    'suspended',
    ({ installation }) => context.github.suspend(installation, 'ada'),
    ({ installation }) => context.github.unsuspend(installation, 'ada'),
  ],
  [
    'taken from the repository',
    ({ installation, api }) => context.github.removeFromInstallation(installation, 'ada', api),
    ({ installation, api }) => context.github.addToInstallation(installation, 'ada', api),
  ],
];

function putBack(installation: Installation): Promise<unknown> {
  context.github.world.installations.push(installation);
  return context.github.installed(installation, 'ada');
}

test.each(HOW)(
  '%s: it goes after three days, and not before, also where the bot starts anew',
  async (how, take) => {
    const away = await newPlace();
    const { access } = await away.row('api');
    await take(away);
    await context.settle();
    expect(await away.row('api')).toMatchObject({ phase: 'running', access: access + 1 });
    expect(await away.said('api')).toEqual(['app-left']);
    await context.sam.restart();
    await away.look(71);
    expect(await away.row('api')).toMatchObject({ phase: 'running', desired: 'running' });
    await away.look(73);
    await until(async () => (await away.row('api')).phase === 'deleted');
    expect((await away.row('web')).phase).toBe(how.startsWith('taken') ? 'running' : 'deleted');
    const [{ left } = {}] = await context.place.sql`select count(*)::int as left from settings
    where name like 'departed %'`;
    expect(left).toBe(0);
  },
);

test.each(HOW)('%s and put back within them: everything is as it was', async (_how, take, back) => {
  const away = await newPlace();
  await take(away);
  await context.settle();
  await context.sam.restart();
  await back(away);
  await context.settle();
  expect(await away.said('api')).toEqual([]);
  await away.look(73);
  expect(await away.row('api')).toMatchObject({ phase: 'running', desired: 'running' });
  expect(await away.row('web')).toMatchObject({ phase: 'running', desired: 'running' });
});

test('that it is back is seen without a word of it, and while GitHub cannot say nothing goes', async () => {
  const away = await newPlace();
  await context.github.uninstall(away.installation, 'ada');
  await context.settle();
  context.github.fail('GET', `/repos/left-${count}/api/installation`, { status: 502, times: 1 });
  await away.look(73);
  expect((await away.row('api')).desired).toBe('running');
  context.github.world.installations.push(away.installation);
  await away.look(73);
  expect(await away.said('api')).toEqual([]);
  expect((await away.row('api')).desired).toBe('running');
});

test('a repository that goes to somebody who has the App is not away any more', async () => {
  const away = await newPlace();
  const friend = `friend-of-left-${count}`;
  context.github.addUser(friend);
  context.github.install(friend);
  await context.github.removeFromInstallation(away.installation, 'ada', away.api);
  await context.settle();
  await context.github.transfer(away.api, 'ada', friend);
  await context.settle();
  expect(await away.said('api')).toEqual(['app-left']);
  await away.look(73);
  expect(await away.row('api')).toMatchObject({ desired: 'running', notice: null });
});
