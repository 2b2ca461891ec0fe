// The tests' own database: each file works on a copy.
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { freshDatabase } from '../postgres.ts';

test('two fresh databases do not see each other', async () => {
  const [one, two] = await Promise.all([freshDatabase(), freshDatabase()]);
  const first = postgres(one.url, { max: 1 });
  const second = postgres(two.url, { max: 1 });
  await first`create table only_here (id int)`;
  expect((await first`select to_regclass('only_here') is not null as found`)[0]).toEqual({ found: true });
  expect((await second`select to_regclass('only_here') is not null as found`)[0]).toEqual({ found: false });
  await Promise.all([first.end(), second.end()]);
  await Promise.all([one.drop(), two.drop()]);
});
