// A person's own pages beside their keys, and the one of those who run Sam: what they show, and what their buttons do.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSettingsLink } from '../../bot/access/credentials/settings-sessions.ts';
import { startSession } from '../../bot/access/people/sessions.ts';
import { until } from '../until.ts';
import { startPrograms, type Program, type Programs } from './programs.ts';

let all: Programs;
let bob: Program;
let workspace: string;
beforeAll(async () => {
  all = await startPrograms({ env: { ADMINS: 'ada', NODE_WARM: '1h' } });
  bob = await all.programOf('bob');
  workspace = (await bob('POST /api/workspaces', { json: { repository: 'acme/api' } })).body.id;
  await until(async () => (await bob(`GET /api/workspaces/${workspace}`)).body.phase === 'running');
}, 120_000);
afterAll(() => all[Symbol.asyncDispose]());

interface Page {
  status: number;
  text: string;
  location: string | null;
  headers: Headers;
}

type Visit = (path: string, form?: Record<string, string>, origin?: string) => Promise<Page>;

const visitWith =
  (cookie: string): Visit =>
  async (path, form, origin = all.context.sam.bot.url) => {
    const response = await fetch(`${all.context.sam.bot.url}${path}`, {
      redirect: 'manual',
      headers: { cookie, origin },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    const { status, headers } = response;
    return { status, headers, text: await response.text(), location: headers.get('location') };
  };

const visitAs = async (login: string): Promise<Visit> =>
  visitWith(`sam=${(await startSession(all.database.db, await all.userOf(login))).secret}`);

test('a workspace is there with its verbs, which do what they say, and a refusal is said', async () => {
  const visit = await visitAs('bob');
  const page = await visit('/settings/workspaces');
  expect(page.status).toBe(200);
  expect(page.text).toContain(`href="/w/${workspace}"`);
  expect(page.text).toContain(`action="/settings/workspaces/${workspace}/stop"`);
  expect(page.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; base-uri/,
  );
  expect(await visit(`/settings/workspaces/${workspace}/extend`, {})).toMatchObject({
    status: 303,
    location: `${all.context.sam.bot.url}/settings/workspaces`,
  });
  const refused = await visit(`/settings/workspaces/${workspace}/retry`, {});
  expect(refused).toMatchObject({ status: 409 });
  expect(refused.text).toContain('has not failed');
  expect((await visit(`/settings/workspaces/${workspace}/open`, {})).status).toBe(404);
  expect((await visit(`/settings/workspaces/${workspace}/stop`, {}, 'https://evil.example')).status).toBe(
    403,
  );
  expect((await bob(`GET /api/workspaces/${workspace}`)).body.desired).toBe('running');
});

test('what is somebody else’s is not there, whatever is pressed', async () => {
  const visit = await visitAs('eve');
  expect((await visit('/settings/workspaces')).text).not.toContain(workspace);
  for (const verb of ['stop', 'rm', 'start', 'extend'])
    expect((await visit(`/settings/workspaces/${workspace}/${verb}`, {})).status).toBe(404);
  expect((await bob(`GET /api/workspaces/${workspace}`)).body.desired).toBe('running');
  for (const [path, form] of [
    ['/settings/house', undefined],
    [`/settings/house/${workspace}/stop`, {}],
    ['/settings/house/limit', { whom: '@eve', kind: 'machines', most: '99' }],
    ['/settings/house/server-1/orphan', {}],
  ] as const)
    expect((await visit(path, form)).status, path).toBe(404);
  expect((await visit('/settings/access')).text).not.toContain('All of this Sam');
});

test('nobody sees a page who is not signed in, and a link of the chat lets in to one’s own', async () => {
  expect(await visitWith('')('/settings/workspaces')).toMatchObject({
    status: 303,
    location: `${all.context.sam.bot.url}/settings`,
  });
  const { url } = all.context.sam.bot;
  const link = await createSettingsLink(all.database.db, url, await all.userOf('bob'));
  const taken = await fetch(`${url}/settings/code`, {
    method: 'POST',
    headers: { origin: url },
    body: new URL(link).hash.slice(1),
  });
  const visit = visitWith(taken.headers.get('set-cookie')!.split(';')[0]!);
  expect((await visit('/settings/workspaces')).text).toContain(workspace);
  const access = await visit('/settings/access');
  expect(access.text).toContain('by a link: to these pages alone');
});

test('a token is made, shown once and ended; a browser is ended and is nobody from then on', async () => {
  const visit = await visitAs('bob');
  const made = await visit('/settings/tokens/new', { name: 'page', scope: 'write', days: '7' });
  const [token = ''] = /sam_pat_[\w-]{43}/.exec(made.text) ?? [];
  const program = all.programWith({ authorization: `Bearer ${token}` });
  expect((await program('GET /api/auth/me')).body.token.name).toBe('page');
  expect((await visit('/settings/access')).text).not.toContain(token);
  expect((await visit('/settings/tokens/new', { name: 'page', scope: 'write', days: '7' })).status).toBe(409);
  expect((await visit('/settings/tokens/new', { name: 'A b', scope: 'write', days: '7' })).status).toBe(400);
  for (const what of ['tokens', 'browsers', 'chats'])
    expect((await visit(`/settings/${what}/%00/end`, {})).status).toBe(404);
  const { id } = (await program('GET /api/auth/me')).body.token;
  const eve = await visitAs('eve');
  await eve(`/settings/tokens/${id}/end`, {});
  expect((await program('GET /api/auth/me')).status).toBe(200);
  await visit(`/settings/tokens/${id}/end`, {});
  expect((await program('GET /api/auth/me')).status).toBe(401);
  const other = await visitAs('bob');
  const ends = [
    ...(await visit('/settings/access')).text.matchAll(/\/settings\/browsers\/([0-9a-f]+)\/end/g),
  ];
  expect(ends.length).toBeGreaterThanOrEqual(2);
  const newest = `/settings/browsers/${ends[0]![1]}/end`;
  await eve(newest, {});
  expect((await other('/settings/access')).status).toBe(200);
  await visit(newest, {});
  expect((await other('/settings/access')).status).toBe(303);
  expect((await visit('/settings/access')).status).toBe(200);
});

test('those who run Sam see everybody’s, set limits, and stop what anybody runs', async () => {
  const visit = await visitAs('ada');
  const user = await all.userOf('bob');
  await all.database.sql`insert into settings (name, value) values ('prices',
    '{"currency": "EUR", "provider": "local", "sizes": {"medium": {"perHour": 0.5, "perMonth": 100}}}')
    on conflict (name) do update set value = excluded.value`;
  const page = await visit('/settings/house');
  expect(page.status).toBe(200);
  for (const what of [
    'Spending by day',
    'People',
    'Machines of everybody',
    'Limits',
    'In doubt',
    'Who did what',
  ])
    expect(page.text).toContain(what);
  expect(page.text).toContain(user);
  expect(page.text).toContain('<svg viewBox');
  expect(await visit('/settings/house/limit', { whom: '@bob', kind: 'machines', most: '7' })).toMatchObject({
    status: 303,
  });
  expect((await visit('/settings/house')).text).toMatch(/<td>bob<\/td><td>machines<\/td><td>7<\/td>/);
  expect(
    (await visit('/settings/house/limit', { whom: '@bob', kind: 'machines', most: 'many' })).text,
  ).toContain('A limit is a number');
  expect(
    (await visit('/settings/house/limit', { whom: '@bob --all', kind: 'machines', most: '7' })).status,
  ).toBe(400);
  expect((await visit(`/settings/house/${workspace}/start`, {})).status).toBe(404);
  expect((await visit(`/settings/house/${workspace}/stop`, {})).status).toBe(303);
  await until(async () => (await bob(`GET /api/workspaces/${workspace}`)).body.phase === 'stopped');
  await bob(`POST /api/workspaces/${workspace}/start`);
  await until(async () => (await bob(`GET /api/workspaces/${workspace}`)).body.phase === 'running');
});

test('what people are called is shown as text', async () => {
  await all.database.sql`insert into users (id, name) values ('us-mallory', '<img src=x onerror=alert(1)>')
    on conflict do nothing`;
  const visit = await visitAs('ada');
  const { text } = await visit('/settings/house');
  expect(text).not.toContain('<img');
  expect(text).toContain('&lt;img');
});
