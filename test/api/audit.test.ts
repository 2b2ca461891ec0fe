// Who did what, read over HTTP: every front writes it, everybody reads their own, those who run Sam read all.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSession } from '../../bot/access/people/sessions.ts';
import { newNodeId, serverName } from '../../bot/ids.ts';
import { startPrograms, type Programs } from './programs.ts';

let all: Programs;
/** Of bob. */
let workspace: string;
beforeAll(async () => {
  all = await startPrograms({ env: { ADMINS: 'ada' } });
  all.context.github.addUser('rob');
  const bob = await all.programOf('bob');
  workspace = (await bob('POST /api/workspaces', { json: { repository: 'acme/api' } })).body.id;
}, 120_000);
afterAll(() => all[Symbol.asyncDispose]());

interface Row {
  id: string;
  at: string;
  by: string;
  front: string;
  action: string;
  target: string;
  workspace: string | null;
  right: string;
  result: string;
}

const brief = ({ front, action, target, right, result }: Row) =>
  [front, action, target, right, result].join(' | ');

test('what people say on every front and do on our pages is in it, with what allowed it; no prompt and no token', async () => {
  const bob = await all.programOf('bob');
  const browser = await all.browserOf('bob');
  const since = new Date().toISOString();
  await all.context.say('/sam list');
  await all.context.say('/sam ask what is the secret word');
  const made = (await browser('POST /api/tokens', { json: { name: 'audited' } })).body;
  await browser(`DELETE /api/tokens/${made.id}`);
  await browser('POST /api/credentials', {
    json: { provider: 'openai', value: `sk-${'a1'.repeat(20)}` },
  }).catch(() => undefined);
  await bob(`POST /api/workspaces/${workspace}/stop`);
  const { items } = (await bob(`GET /api/audit?since=${since}`)).body as { items: Row[] };
  const user = await all.userOf('bob');
  expect(new Set(items.map(({ by }) => by))).toEqual(new Set([user]));
  expect(items.map(brief)).toEqual([
    `api | stop | ${workspace} | owner | ok`,
    'browser | credential-set | openai | self | ok',
    `browser | token-ended | ${made.id} | self | ok`,
    `browser | token-made | ${made.id} audited write | self | ok`,
    'github | ask |  | none | no-model-key',
    'github | list |  | self | ok',
  ]);
  expect(items[0]!.workspace).toBe(workspace);
  expect(JSON.stringify(await all.database.sql`select * from audit`)).not.toMatch(
    /secret word|sam_pat_|sk-a1/,
  );
});

test('a refusal by rights is a row, on every front', async () => {
  const eve = await all.programOf('eve');
  const reading = await all.programOf('eve', 'read');
  await all.context.say('/sam up', 'eve');
  expect((await eve(`POST /api/workspaces/${workspace}/start`)).status).toBe(404);
  expect((await eve(`POST /api/workspaces/${workspace}/start`)).status).toBe(404);
  expect((await reading('POST /api/workspaces', { json: { repository: 'acme/api' } })).status).toBe(403);
  expect((await eve('GET /api/tokens')).status).toBe(403);
  const page = await all.browserOf('eve');
  const ticket = await send('eve', '/api/terminal/token', { workspace });
  expect(ticket.status).toBe(404);
  const { items } = (await page('GET /api/audit')).body as { items: Row[] };
  const refused = items.filter(({ result }) => result !== 'admins-only');
  expect(refused.map(({ action, right, result }) => [action, right, result])).toEqual([
    ['ticket', 'none', 'not-found'],
    ['listTokens', 'none', 'browser-only'],
    ['createWorkspace', 'none', 'missing-scope'],
    ['open-workspace', 'none', 'not-found'],
    ['up', 'none', 'forbidden'],
  ]);
});

test('so is what somebody asks of a page, a machine or a workspace that is not theirs', async () => {
  const rob = await all.browserOf('rob');
  const node = newNodeId();
  await all.database.sql`insert into nodes (id, name, owner, provider, size, phase, desired, next_at)
    values (${node}, ${serverName(node)}, ${await all.userOf('bob')}, 'local', 'small', 'ready', 'running', null)`;
  expect((await rob(`GET /api/nodes/${node}`)).status).toBe(404);
  expect((await rob(`GET /api/workspaces/${workspace}/agent-sessions`)).status).toBe(404);
  for (const path of [
    `/settings/workspaces/${workspace}/stop`,
    '/settings/house/limit',
    `/w/${workspace}/retry`,
  ])
    expect((await send('rob', path, {})).status, path).toBe(404);
  const { items } = (await rob('GET /api/audit')).body as { items: Row[] };
  expect(items.map(({ front, action, right, result }) => [front, action, right, result])).toEqual([
    ['page', 'retry', 'none', 'not-found'],
    ['browser', 'house', 'none', 'admins-only'],
    ['browser', 'stop', 'none', 'not-found'],
    ['api', 'open-workspace', 'none', 'not-found'],
    ['api', 'open-node', 'none', 'not-found'],
  ]);
});

const cookieOf = async (login: string): Promise<string> =>
  `sam=${(await startSession(all.database.db, await all.userOf(login))).secret}`;

/** What is no operation of programs, as a page of ours asks it. */
const send = async (login: string, path: string, json: object): Promise<Response> =>
  fetch(`${all.context.sam.bot.url}${path}`, {
    method: 'POST',
    headers: {
      cookie: await cookieOf(login),
      origin: all.context.sam.bot.url,
      'content-type': 'application/json',
      'idempotency-key': 'one-press',
    },
    body: JSON.stringify(json),
  });

test('those who run Sam read all with a browser or a token made for that, and filter it; others read their own', async () => {
  const bob = await all.userOf('bob');
  const ada = await all.browserOf('ada');
  const everything = (await ada('GET /api/audit?limit=100')).body.items as Row[];
  expect(new Set(everything.map(({ by }) => by)).has(bob)).toBe(true);
  const plain = await all.programOf('ada');
  expect((await plain('GET /api/audit')).body.items).toEqual([]);
  const made = (await ada('POST /api/tokens', { json: { name: 'ops', scopes: ['read', 'write', 'admin'] } }))
    .body;
  expect(made.scopes).toEqual(['read', 'write', 'admin']);
  const admin = all.programWith({ authorization: `Bearer ${made.token}` });
  const theirs = (await admin(`GET /api/audit?who=bob`)).body.items as Row[];
  expect(new Set(theirs.map(({ by }) => by))).toEqual(new Set([bob]));
  expect((await admin(`GET /api/audit?who=${bob}`)).body.items).toEqual(theirs);
  expect((await admin('GET /api/audit?who=nobody-of-that-name')).body.items).toEqual([]);
  const about = (await admin(`GET /api/audit?workspace=${workspace}`)).body.items as Row[];
  expect(about.every((row) => row.workspace === workspace)).toBe(true);
  expect((await admin(`GET /api/audit?since=${theirs[0]!.at}&who=bob`)).body.items).toContainEqual(theirs[0]);
  expect((await admin('GET /api/audit?since=yesterday')).body).toMatchObject({ fields: ['since'] });
  expect((await admin('GET /api/audit?who=%00')).body).toMatchObject({ fields: ['who'] });
  const eve = await all.browserOf('eve');
  expect(
    await eve('POST /api/tokens', { json: { name: 'ops', scopes: ['read', 'write', 'admin'] } }),
  ).toMatchObject({ status: 403, body: { error: 'admins-only' } });
  expect((await eve('GET /api/audit?who=bob')).body.items).toEqual([]);
  expect((await eve('GET /api/audit?limit=1')).body.items).toMatchObject([
    { action: 'createToken', right: 'none', result: 'admins-only' },
  ]);
});

test('it comes in pages with a cursor of its own, and as lines of JSON all at once', async () => {
  const bob = await all.browserOf('bob');
  for (const name of ['one', 'two', 'three']) await bob('POST /api/tokens', { json: { name } });
  const ada = await all.browserOf('ada');
  const first = (await ada('GET /api/audit?limit=2')).body;
  const second = (await ada(`GET /api/audit?limit=2&cursor=${first.next}`)).body;
  const ids = [...first.items, ...second.items].map(({ id }: Row) => Number(id));
  expect(ids).toEqual(ids.toSorted((a, b) => b - a));
  expect(new Set(ids).size).toBe(4);
  const other = (await ada('GET /api/workspaces?all=true&limit=1')).body;
  expect(other.items).toHaveLength(1);
  expect((await ada(`GET /api/workspaces?cursor=${first.next}`)).status).toBe(400);
  const { url } = all.context.sam.bot;
  const headers = { cookie: await cookieOf('ada'), accept: 'application/x-ndjson' };
  const response = await fetch(`${url}/api/audit`, { headers });
  expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  const lines = (await response.text()).trimEnd().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as Row);
  expect(rows.slice(-4).length).toBe(4);
  const [count] = await all.database.sql`select count(*)::int from audit`;
  expect(rows.length).toBe(count!['count']);
  // Before the first line it can still be refused.
  expect((await fetch(`${url}/api/audit?cursor=${other.next}`, { headers })).status).toBe(400);
  const some = await (await fetch(`${url}/api/audit?limit=3`, { headers })).text();
  expect(some.trimEnd().split('\n')).toHaveLength(3);
});
