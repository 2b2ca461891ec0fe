// The right behind a link: whoever lost it stays out, whatever the forge's mood, and costs it no more than a question a minute.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRepositoryGuard, type RepositoryGuard } from '../../bot/access/repository-guard.ts';
import { meetPerson } from '../../bot/access/store/people.ts';
import { ProviderError } from '../../bot/errors.ts';
import type { Forge, Permission } from '../../bot/forges/forge.ts';
import { openRows, type Rows } from './rows.ts';

const MINUTE_MS = 60_000;
const WORKSPACE = { id: 'ws-1', repository: 'https://forge.test/acme/api' };
let rows: Rows;
let owner: string;
let mayStill: RepositoryGuard;
let answer: Permission['level'] | undefined | Error;
let asked: number;
let at: number;
beforeAll(async () => {
  rows = await openRows();
  owner = (await meetPerson(rows.db, { source: 'pretend', externalId: '7', login: 'ada' })).id;
});
afterAll(() => rows.close());
beforeEach(() => {
  [answer, asked, at] = ['write', 0, Date.now()];
  const readPermission = async (): Promise<Permission | undefined> => {
    asked++;
    if (answer instanceof Error) throw answer;
    return answer && { level: answer, role: answer };
  };
  const forge = { name: 'pretend', title: 'Pretend', url: 'https://forge.test', readPermission };
  const log = { warn: () => {} };
  mayStill = createRepositoryGuard({
    db: rows.db,
    forges: [forge as unknown as Forge],
    log,
    now: () => at,
  });
});

const ask = async (id = WORKSPACE.id): Promise<string> => (await mayStill({ ...WORKSPACE, id, owner })).is;
const failure = (status: number, retryAfterMs?: number): Error =>
  new ProviderError(
    { provider: 'p', operation: 'o', retryable: status >= 500 || status === 429, retryAfterMs },
    'no',
    { cause: status },
  );

test.each<[string, typeof answer, string]>([
  ['somebody who may only read', 'read', 'gone'],
  ['a forge that Sam does not reach there any more', undefined, 'gone'],
  ['401', failure(401), 'gone'],
  ['403', failure(403), 'gone'],
  ['404', failure(404), 'gone'],
  ['429', failure(429), 'unknown'],
  ['a limit', failure(403, 1_000), 'unknown'],
])('%s lets nobody in, although they had the right a moment ago', async (_, then, said) => {
  expect(await ask()).toBe('there');
  answer = then;
  at += MINUTE_MS;
  expect(await ask()).toBe(said);
});

test.each([
  ['502', failure(502)],
  ['a broken connection', new TypeError('fetch failed')],
])('%s lets in whoever had the right within a quarter of an hour, and nobody else', async (_, silence) => {
  expect(await ask()).toBe('there');
  answer = silence;
  expect(await ask('ws-other')).toBe('unknown');
  at += 14 * MINUTE_MS;
  expect(await ask()).toBe('there');
  at += 2 * MINUTE_MS;
  expect(await ask()).toBe('unknown');
});

test('a silence after a refusal is a refusal', async () => {
  await ask();
  at += MINUTE_MS;
  answer = 'read';
  expect(await ask()).toBe('gone');
  at += MINUTE_MS;
  answer = failure(502);
  expect(await ask()).toBe('unknown');
});

test('a refusal is kept for a minute, and asked for once however many come at the same moment', async () => {
  answer = 'read';
  expect(new Set(await Promise.all(Array.from({ length: 50 }, () => ask())))).toEqual(new Set(['gone']));
  expect(asked).toBe(1);
  at += MINUTE_MS - 1;
  await ask();
  expect(asked).toBe(1);
  answer = 'write';
  at += 1;
  expect(await ask()).toBe('there');
});

test('one person causes no more than some questions, whatever they redeem; later again', async () => {
  answer = 'read';
  for (let n = 0; n < 100; n++) await ask(`ws-${n}`);
  expect(asked).toBe(20);
  expect(await ask('ws-101')).toBe('too-often');
  at += 3_000;
  expect(await ask('ws-102')).toBe('gone');
});

describe('of somebody whom a workspace is shared with', () => {
  const guest = async (externalId: string | undefined): Promise<string> =>
    externalId === undefined
      ? rows.addUser('bob')
      : (await meetPerson(rows.db, { source: 'pretend', externalId, login: 'bob' })).id;
  const asGuest = async (who: string, repository = WORKSPACE.repository): Promise<string> =>
    (await mayStill({ ...WORKSPACE, repository, owner, guest: who })).is;

  test('reading is enough, and less is not', async () => {
    const [one, other] = [await guest('8'), await guest('9')];
    answer = 'read';
    expect(await asGuest(one)).toBe('there');
    answer = 'none';
    expect(await asGuest(other)).toBe('gone');
  });

  test('in doubt it is a no: nobody knows who they are, nobody can be asked, the forge is silent', async () => {
    expect(await asGuest(await guest(undefined))).toBe('gone');
    expect(await asGuest(await guest('8'), 'https://elsewhere.test/acme/api')).toBe('gone');
    const bob = await guest('10');
    expect(await asGuest(bob)).toBe('there');
    answer = failure(502);
    at += MINUTE_MS;
    expect(await asGuest(bob)).toBe('unknown');
  });
});
