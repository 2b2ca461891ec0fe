// Personal tokens: made by a browser or in chat, shown once, good until they run out or are ended; and who brings them.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPrograms, type Program, type Programs } from './programs.ts';

let all: Programs;
let browser: Program;
beforeAll(async () => {
  all = await startPrograms();
  browser = await all.browserOf('bob');
}, 60_000);
afterAll(() => all[Symbol.asyncDispose]());

const withToken = (token: string): Program => all.programWith({ authorization: `Bearer ${token}` });

test('a browser makes a token, which is shown once, speaks for its person, and is worth nothing at once when it is ended', async () => {
  const made = await browser('POST /api/tokens', { json: { name: 'ci', scopes: ['read'], expiry: '7d' } });
  expect(made).toMatchObject({ status: 201, body: { name: 'ci', scopes: ['read'], usedAt: null } });
  const { token, id, createdAt, expiresAt } = made.body;
  expect(token).toMatch(/^sam_pat_[\w-]{43}$/);
  expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBeGreaterThanOrEqual(7 * 86_400_000 - 1_000);
  const program = withToken(token);
  const user = await all.userOf('bob');
  expect((await program('GET /api/auth/me')).body).toEqual({
    id: user,
    name: 'bob',
    identities: [{ source: 'github', login: 'bob' }],
    scopes: ['read'],
    token: { id, name: 'ci', expiresAt },
  });
  expect((await browser('GET /api/auth/me')).body).toMatchObject({ id: user, token: null });
  const listed = await browser('GET /api/tokens');
  const mine = listed.body.items.find((one: { id: string }) => one.id === id);
  expect(mine).toMatchObject({ name: 'ci', usedAt: expect.any(String) as string });
  const rows = await all.database.sql`select * from personal_tokens`;
  expect(listed.text + JSON.stringify(rows)).not.toContain(token);
  const ada = await all.browserOf('ada');
  expect((await ada(`DELETE /api/tokens/${id}`)).status).toBe(404);
  expect((await program('GET /api/auth/me')).status).toBe(200);
  expect((await browser(`DELETE /api/tokens/${id}`)).status).toBe(204);
  expect((await program('GET /api/auth/me')).status).toBe(401);
  expect((await browser(`DELETE /api/tokens/${id}`)).status).toBe(404);
});

test('the same key brings the same token to the same browser, to no other one, and nothing of it is kept', async () => {
  const asked = { json: { name: 'keyed' }, key: 't-1' };
  const [one, two] = await Promise.all([
    browser('POST /api/tokens', asked),
    browser('POST /api/tokens', asked),
  ]);
  expect(one).toMatchObject({ status: 201, body: { scopes: ['read', 'write'] } });
  expect(two.text).toBe(one.text);
  expect((await withToken(one.body.token)('GET /api/auth/me')).status).toBe(200);
  const other = await all.browserOf('bob');
  expect((await other('POST /api/tokens', asked)).status).toBe(422);
  expect((await browser('POST /api/tokens', { ...asked, json: { name: 'another' } })).status).toBe(422);
  const rows = await all.database.sql`select * from api_requests`;
  expect(JSON.stringify(rows)).not.toContain(one.body.token.slice(-43));
});

test('a token that was ended stays ended, though the same request is sent once more a day later', async () => {
  const asked = { json: { name: 'again' }, key: 't-2' };
  const first = (await browser('POST /api/tokens', asked)).body;
  expect((await browser(`DELETE /api/tokens/${first.id}`)).status).toBe(204);
  await all.database
    .sql`update api_requests set created_at = created_at - interval '25 hours' where key = 't-2'`;
  const second = (await browser('POST /api/tokens', asked)).body;
  expect((await withToken(first.token)('GET /api/auth/me')).status).toBe(401);
  expect((await withToken(second.token)('GET /api/auth/me')).body.token.id).toBe(second.id);
});

test('a use is written down once a minute at most', async () => {
  const program = await all.programOf('bob');
  const usedAt = async () =>
    (await all.database.sql`select used_at, xmin from personal_tokens order by created_at desc limit 1`)[0];
  await program('GET /api/auth/me');
  const first = await usedAt();
  const { sql } = all.database;
  await sql`create table uses (at timestamptz)`;
  await sql.unsafe(`create function note_use() returns trigger language plpgsql as
    $$ begin insert into uses values (now()); return null; end $$`);
  await sql`create trigger note_use after update on personal_tokens for each statement execute function note_use()`;
  await program('GET /api/auth/me');
  expect(await usedAt()).toEqual(first);
  // Nor is it tried.
  expect(await sql`select 1 from uses`).toEqual([]);
  await sql`drop trigger note_use on personal_tokens`;
  await all.database.sql`update personal_tokens set used_at = used_at - interval '2 minutes'`;
  await program('GET /api/auth/me');
  expect((await usedAt())!['used_at'].getTime()).toBeGreaterThanOrEqual(first!['used_at'].getTime());
});

test('a name is taken while its token lives, and free after', async () => {
  const asked = { json: { name: 'twice', expiry: '1d' } };
  expect((await browser('POST /api/tokens', asked)).status).toBe(201);
  expect(await browser('POST /api/tokens', asked)).toMatchObject({
    status: 409,
    body: { error: 'token-taken', fields: ['name'] },
  });
  await all.database
    .sql`update personal_tokens set expires_at = now() - interval '1 minute' where name = 'twice'`;
  expect((await browser('POST /api/tokens', asked)).status).toBe(201);
  expect((await (await all.browserOf('ada'))('POST /api/tokens', asked)).status).toBe(201);
});

test.each([
  [{}, ['name']],
  [{ name: 'A b' }, ['name']],
  [{ name: '7' }, ['name']],
  [{ name: 'x', scopes: [] }, ['scopes']],
  [{ name: 'x', scopes: ['root'] }, ['scopes.0']],
  [{ name: 'x', expiry: '9999w' }, ['expiry']],
])('a request for a token like %j is 400 and names %j', async (json, fields) => {
  expect(await browser('POST /api/tokens', { json })).toMatchObject({ status: 400, body: { fields } });
});

test('at the console it is made, shown once, listed and ended; no answer in the rows has it', async () => {
  const { sam } = all.context;
  await sam.say('token new laptop --for 2d --read');
  const [token = ''] = /sam_pat_[\w-]{43}/.exec(sam.shown()) ?? [];
  const program = withToken(token);
  expect((await program('GET /api/auth/me')).body).toMatchObject({ name: 'ada', scopes: ['read'] });
  expect(await sam.say('tokens')).toMatch(/^NAME +MAY +UNTIL +USED\nlaptop +read +\S+ +\d{4}-\d\d-\d\d$/);
  const rows = await all.database.sql`select answer, payload from deliveries`;
  expect(JSON.stringify(rows)).not.toContain(token);
  expect(await sam.say('token new laptop')).toContain('already have a token called `laptop`');
  expect(await sam.say('token new')).toContain('token new ci --for 90d');
  expect(await sam.say('token rm laptop')).toBe('The token `laptop` is worth nothing any more.');
  expect((await program('GET /api/auth/me')).status).toBe(401);
  expect(await sam.say('token rm laptop')).toContain('You have no token `laptop`');
  expect(await sam.say('tokens')).toContain('You have no tokens');
});

test('on GitHub, where everybody reads along, there is a word where to say it, and no token', async () => {
  await all.context.say('/sam token new ci');
  expect(all.context.comments().at(-1)).toContain('Everybody reads along here');
  const [row] = await all.database.sql`select count(*)::int from personal_tokens where name = 'ci'`;
  expect(row!['count']).toBe(0);
});
