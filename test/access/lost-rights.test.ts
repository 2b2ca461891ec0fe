// Open terminals of somebody who lost the right: closed within a minute, for a bounded number of questions.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRightsWatch, LOOK_EVERY_MS } from '../../bot/access/lost-rights.ts';
import { createRepositoryGuard, type RepositoryGuard } from '../../bot/access/repository-guard.ts';
import { findShare } from '../../bot/access/store/shares.ts';
import { meetPerson } from '../../bot/access/store/people.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { ProviderError } from '../../bot/errors.ts';
import type { Forge, Permission, Person } from '../../bot/forges/forge.ts';
import { openRows, type Rows } from './rows.ts';

const URL_ = 'https://forge.test/acme/api';
let rows: Rows;
let owner: string;
let mayStill: RepositoryGuard;
let look: () => Promise<void>;
let answer: Permission['level'] | Error;
let asked: string[];
let at: number;
/** Of people by their id, where it is another one. */
let levels: Map<string, Permission['level']>;
beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());
beforeEach(async () => {
  await rows.sql`update workspaces set phase = 'deleted', desired = 'deleted'`;
  owner = (await meetPerson(rows.db, { source: 'pretend', externalId: crypto.randomUUID(), login: 'ada' }))
    .id;
  [answer, asked, at, levels] = ['write', [], Date.now(), new Map()];
  const readPermission = async (label: string, { id }: Person): Promise<Permission> => {
    asked.push(label);
    if (answer instanceof Error) throw answer;
    const level = levels.get(id) ?? answer;
    return { level, role: level };
  };
  const forge = { name: 'pretend', title: 'Pretend', url: 'https://forge.test', readPermission };
  const forges = [forge as unknown as Forge];
  mayStill = createRepositoryGuard({ db: rows.db, forges, log: { warn: () => {} }, now: () => at });
  look = createRightsWatch({ db: rows.db, mayStill });
});

const open = (patch: object = {}, sessions = 1): Promise<Workspace> =>
  rows.addWorkspace({
    owner,
    repository: URL_,
    reported: { id: 'ws', phase: 'running', run: 1, sessions },
    ...patch,
  });
const accessOf = async ({ id }: Workspace): Promise<number> =>
  Number((await rows.sql`select access from workspaces where id = ${id}`)[0]!['access']);

test('who lost the right is out of all that is open, and the page is not let in again', async () => {
  const [one, other] = [await open(), await open()];
  await mayStill(one);
  await mayStill(other);
  const heard: string[] = [];
  const listening = await rows.sql.listen('sam', (hint) => heard.push(hint));
  answer = 'read';
  at += LOOK_EVERY_MS;
  await look();
  expect([await accessOf(one), await accessOf(other)]).toEqual([2, 2]);
  await expect.poll(() => heard).toContain(`desired:${one.nodeId}`);
  await listening.unlisten();
  expect([(await mayStill(one)).is, (await mayStill(other)).is]).toEqual(['gone', 'gone']);
  expect(LOOK_EVERY_MS).toBeLessThanOrEqual(45_000);
});

test('who still has it notices nothing, and is asked about once for a repository', async () => {
  const all = [await open(), await open()];
  await look();
  expect(await Promise.all(all.map(accessOf))).toEqual([1, 1]);
  expect(asked).toEqual(['acme/api']);
});

test('nobody is asked about where no terminal is open', async () => {
  await open({}, 0);
  await open({ desired: 'stopped' });
  await look();
  expect(asked).toEqual([]);
});

test('a forge that cannot say ends nothing, and is asked once in a round', async () => {
  const all = await Promise.all(
    ['a', 'b', 'c'].map((name) => open({ repository: `https://forge.test/acme/${name}` })),
  );
  answer = new ProviderError({ provider: 'p', operation: 'o', retryable: true, retryAfterMs: 1_000 }, 'no');
  await look();
  expect(asked).toHaveLength(1);
  expect(await Promise.all(all.map(accessOf))).toEqual([1, 1, 1]);
});

test('however much is open, a round asks 300 times, and the rest in the next', async () => {
  await Promise.all(
    Array.from({ length: 305 }, (_, n) => open({ repository: `https://forge.test/acme/r${n}` })),
  );
  await look();
  expect(asked).toHaveLength(300);
  at += LOOK_EVERY_MS;
  await look();
  expect(new Set(asked).size).toBe(305);
});

test('who may read no more is out of what is shared with them, and its owner notices nothing', async () => {
  const workspace = await open();
  const login = crypto.randomUUID();
  const bob = (await meetPerson(rows.db, { source: 'pretend', externalId: login, login })).id;
  const eve = (await meetPerson(rows.db, { source: 'pretend', externalId: `${login}e`, login: 'eve' })).id;
  await rows.share(workspace, bob);
  await rows.share(workspace, eve);
  levels = new Map([[login, 'none']]);
  await look();
  expect(await accessOf(workspace)).toBe(1);
  expect(await findShare(rows.db, workspace.id, bob)).toBeUndefined();
  expect(await findShare(rows.db, workspace.id, eve)).toMatchObject({ may: 'view' });
});
