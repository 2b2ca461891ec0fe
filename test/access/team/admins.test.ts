// Who runs Sam: by the ids of those whom the configuration names, and nobody while nobody can say.
import { expect, test } from 'vitest';
import { createAdmins, isAdmin } from '../../../bot/access/admins.ts';
import { findUserId, meetPerson } from '../../../bot/access/store/people.ts';
import type { Person } from '../../../bot/forges/forge.ts';
import { openRows } from '../rows.ts';

test('an id is an admin where it is one of those that are meant, and a name never is', () => {
  const admins = { source: 'forge', ids: new Set(['7']), operators: ['prompt'] };
  expect(isAdmin([{ source: 'forge', externalId: '7' }], admins)).toBe(true);
  expect(isAdmin([{ source: 'prompt', externalId: 'x' }], admins)).toBe(true);
  expect(isAdmin([{ source: 'forge', externalId: '8' }], admins)).toBe(false);
  expect(isAdmin([{ source: 'other', externalId: '7' }], admins)).toBe(false);
  expect(isAdmin([], admins)).toBe(false);
});

test('a name that somebody else took makes nobody an admin, and what was asked is asked again after a while', async () => {
  const rows = await openRows();
  let now = 0;
  let asked = 0;
  let people: Person[] | undefined = [{ id: '1', login: 'ada' }];
  let isDown = false;
  const forge = {
    name: 'forge',
    title: 'Forge',
    findPeople: async () => {
      await Promise.resolve();
      asked += 1;
      if (isDown) throw new Error('502');
      return people;
    },
  };
  const said: string[] = [];
  const log = { warn: (_: unknown, text?: string) => void said.push(text ?? '') };
  const admins = createAdmins({
    db: rows.db,
    forges: [forge],
    names: ['ada'],
    operators: [],
    log,
    now: () => now,
  });
  const meet = async (externalId: string, login: string) =>
    (await meetPerson(rows.db, { source: 'forge', externalId, login })).id;
  const [ada, eve] = [await meet('1', 'ada'), await meet('2', 'eve')];
  expect([await admins.has(ada), await admins.has(eve), await admins.has('us-nobody')]).toEqual([
    true,
    false,
    false,
  ]);
  expect(asked).toBe(1);
  // Their name changes hands: who has it now is somebody else.
  await meet('1', 'ada2');
  await meet('2', 'ada');
  expect([await admins.has(ada), await admins.has(eve)]).toEqual([true, false]);
  now += 5 * 60_000;
  people = undefined;
  expect([await admins.has(ada), await admins.has(eve)]).toEqual([false, false]);
  now += 5 * 60_000;
  people = [{ id: '1', login: 'ada' }];
  isDown = true;
  expect(await admins.has(ada)).toBe(false);
  isDown = false;
  now += 5_000;
  expect(await admins.has(ada)).toBe(true);
  expect(said).toEqual([
    'nobody is known by a name in ADMINS, so that name is no admin',
    'nobody could say who is an admin, so nobody is',
  ]);
  await rows.close();
});

test('whoever is called so on a forge is meant, and not who came later and calls themselves so in a chat', async () => {
  const rows = await openRows();
  const bob = await meetPerson(rows.db, { source: 'forge', externalId: '1', login: 'Bob' });
  const other = await meetPerson(rows.db, { source: 'chat:T1', externalId: 'U1', login: 'bob' });
  expect(await findUserId(rows.db, 'bob')).toBe(bob.id);
  expect(await findUserId(rows.db, other.id)).toBe(other.id);
  const eve = await meetPerson(rows.db, { source: 'chat:T1', externalId: 'U2', login: 'eve' });
  expect(await findUserId(rows.db, 'Eve')).toBe(eve.id);
  await rows.close();
});
