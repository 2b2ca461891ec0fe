// A bot that has nothing but its console: its person's programs, the browser that a code let in, and how often one may ask.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSam, type Sam } from '../testers/sam.ts';

let sam: Sam;
let token: string;
beforeAll(async () => {
  sam = await startSam({ env: { MAX_COMMANDS_PER_HOUR: '3' } });
  await sam.say('token new ci');
  token = /sam_pat_[\w-]{43}/.exec(sam.shown())![0];
}, 60_000);
afterAll(() => sam[Symbol.asyncDispose]());

const ask = async (method: string, path: string, json?: object, headers: Record<string, string> = {}) => {
  const response = await fetch(`${sam.bot.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(json ? { body: JSON.stringify(json) } : {}),
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, body, retryAfter: response.headers.get('retry-after') };
};

test('programs stop and start what their person has, make nothing new, and ask three times an hour at most', async () => {
  sam.place.repository('demo');
  await sam.say('up ./demo');
  const { id } = await sam.row('demo');
  expect(await ask('GET', '/api/workspaces')).toMatchObject({ body: { items: [{ id, phase: 'running' }] } });
  expect((await ask('POST', `/api/workspaces/${id}/stop`)).body).toMatchObject({ desired: 'stopped' });
  expect((await ask('POST', `/api/workspaces/${id}/start`)).body).toMatchObject({ desired: 'running' });
  expect(await ask('POST', '/api/workspaces', { repository: 'acme/api' })).toMatchObject({
    status: 404,
    body: { error: 'no-repository' },
  });
  const key = { 'idempotency-key': 'often' };
  const place = sam.place.sql;
  const count = async () =>
    (await place`select count(*)::int from deliveries where source = 'api'`)[0]!['count'] as number;
  const before = await count();
  for (const headers of [key, {}, key]) {
    const often = await ask('POST', `/api/workspaces/${id}/restart`, {}, headers);
    expect(often).toMatchObject({ status: 429, body: { error: 'too-often' }, retryAfter: '60' });
  }
  expect(await count()).toBe(before);
  await place`update deliveries set received_at = received_at - interval '2 hours' where source = 'api'`;
  expect((await ask('POST', `/api/workspaces/${id}/restart`, {}, key)).status).toBe(202);
});

test('the browser that a code from the console let in makes tokens, sees no workspace, and says nothing from another page', async () => {
  const { url } = sam.bot;
  await sam.say('connect claude');
  const [, code = ''] = /\/settings#([\w-]+)/.exec(sam.shown()) ?? [];
  const spent = await fetch(`${url}/settings/code`, { method: 'POST', body: code, headers: { origin: url } });
  const [cookie = ''] = spent.headers.get('set-cookie')?.split(';') ?? [];
  const make = (origin: string) =>
    fetch(`${url}/api/tokens`, {
      method: 'POST',
      headers: { cookie, origin, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'from-the-page', scopes: ['read'] }),
    });
  expect((await make('https://evil.example')).status).toBe(403);
  const made = await make(url);
  expect(made.status).toBe(201);
  const { token: secret } = (await made.json()) as { token: string };
  for (const path of ['/api/workspaces', '/api/auth/me']) {
    const asked = await fetch(`${url}${path}`, { headers: { cookie } });
    expect([asked.status, await asked.json()]).toMatchObject([401, { error: 'sign-in-required' }]);
  }
  const me = await ask('GET', '/api/auth/me', undefined, { authorization: `Bearer ${secret}` });
  expect(me.body).toMatchObject({ name: 'ada', scopes: ['read'] });
});
