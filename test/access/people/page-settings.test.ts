// What a person wants of the terminal's page, kept for them at the bot: who reads and changes it, and what it may be.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pageSettingsRoutes } from '../../../bot/access/people/page-settings.ts';
import { admit, startSession } from '../../../bot/access/people/sessions.ts';
import { serveRoutes, type TestServer } from '../http-server.ts';
import { openRows, type Rows } from '../rows.ts';

let rows: Rows;
let server: TestServer;
beforeAll(async () => {
  rows = await openRows();
  server = await serveRoutes((baseUrl) =>
    Promise.resolve({ routes: pageSettingsRoutes({ db: rows.db, baseUrl }) }),
  );
});
afterAll(async () => {
  await server.close();
  await rows.close();
});

interface Asked {
  cookie?: string;
  headers?: Record<string, string>;
  body?: string;
}

async function ask(method: 'GET' | 'PATCH', { cookie = '', headers = {}, body }: Asked) {
  const response = await fetch(`${server.origin}/api/page-settings`, {
    method,
    headers: { cookie, origin: server.origin, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** A browser that is signed in as somebody whom nobody else knows; each call another one of that person. */
async function meet() {
  const user = await rows.addUser();
  return async () => {
    const cookie = `sam=${(await startSession(rows.db, user)).secret}`;
    return {
      read: () => ask('GET', { cookie }),
      change: (settings: object) => ask('PATCH', { cookie, body: JSON.stringify(settings) }),
      cookie,
    };
  };
}

test('what somebody sets in one browser is there in another one of theirs, and in nobody else’s', async () => {
  const [ann, bob] = [await meet(), await meet()];
  const [first, second, other] = [await ann(), await ann(), await bob()];
  expect(await first.read()).toEqual({ status: 200, body: {} });
  expect((await first.change({ bell: 'sound', fontSize: 18 })).status).toBe(200);
  const all = { bell: 'sound', fontSize: 18, copyOnSelect: true };
  expect(await second.change({ copyOnSelect: true })).toEqual({ status: 200, body: all });
  expect((await first.read()).body).toEqual(all);
  expect((await other.read()).body).toEqual({});
});

test.each([
  [{ bell: 'drum' }, ['bell']],
  [{ fontSize: 8 }, ['fontSize']],
  [{ touchFontSize: 28.5 }, ['touchFontSize']],
  [{ shortcuts: 'off', note: 'x' }, ['shortcuts', 'note']],
  [[], []],
])('%j is nothing that can be set', async (settings, fields) => {
  const { change, read } = await (await meet())();
  const refused = await change(settings);
  expect([refused.status, refused.body]).toMatchObject([400, { error: 'bad-request', fields }]);
  expect((await read()).body).toEqual({});
});

test('nobody but whoever is signed in reads or changes it, and no page but ours', async () => {
  const { cookie, read } = await (await meet())();
  const body = '{"bell":"off"}';
  expect((await ask('GET', {})).status).toBe(401);
  expect((await ask('PATCH', { body })).status).toBe(401);
  const elsewhere = { origin: 'https://evil.test' };
  expect((await ask('PATCH', { cookie, body, headers: elsewhere })).status).toBe(403);
  expect((await ask('PATCH', { cookie, body, headers: { 'content-type': 'text/plain' } })).status).toBe(415);
  expect((await ask('PATCH', { cookie, body: `${' '.repeat(1_100)}${body}` })).status).toBe(413);
  expect((await ask('PATCH', { cookie, body: '{"bell":' })).status).toBe(400);
  expect((await read()).body).toEqual({});
});

test('a code for one workspace is nobody here', async () => {
  const { id, owner, access } = await rows.addWorkspace();
  const { secret } = await admit(rows.db, owner, { id, access }, undefined);
  const cookie = `sam=${secret}`;
  expect((await ask('GET', { cookie })).status).toBe(401);
  expect((await ask('PATCH', { cookie, body: '{"bell":"off"}' })).status).toBe(401);
});
