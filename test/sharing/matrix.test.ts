// Who gets what of somebody's workspace: its owner, whom it is shared with to look or to type, somebody else who may write to its
// repository, and nobody in particular. Every route of the page and of programs, one after the other.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeJwt } from 'jose';
import { startSession } from '../../bot/access/people/sessions.ts';
import { startPrograms, type Programs } from '../api/programs.ts';
import { until } from '../until.ts';

type Who = (typeof PEOPLE)[number];
const PEOPLE = ['own', 'look', 'type', 'other', 'none'] as const;
const LOGINS: Record<Exclude<Who, 'none'>, string> = { own: 'bob', look: 'vera', type: 'dave', other: 'ada' };

let all: Programs;
let id: string;
const cookies = new Map<Who, string>();
const tokens = new Map<Who, string>();
beforeAll(async () => {
  all = await startPrograms({ private: true });
  for (const login of ['vera', 'dave']) {
    all.context.github.addUser(login);
    all.context.github.addCollaborator('acme/api', login, 'read');
  }
  for (const who of ['own', 'look', 'type', 'other'] as const) {
    const { secret } = await startSession(all.database.db, await all.userOf(LOGINS[who]));
    cookies.set(who, `sam=${secret}`);
    tokens.set(who, await all.tokenOf(LOGINS[who]));
  }
  const bob = all.programWith({ authorization: `Bearer ${tokens.get('own')}` });
  const json = { repository: 'acme/api', name: 'box', new: true };
  ({ id } = (await bob('POST /api/workspaces', { json })).body);
  await until(async () => (await bob(`GET /api/workspaces/${id}`)).body.phase === 'running');
  const path = `POST /api/workspaces/${id}/shares`;
  await bob(path, { json: { person: 'vera', access: 'view' } });
  await bob(path, { json: { person: 'dave', access: 'drive' } });
}, 120_000);
afterAll(() => all[Symbol.asyncDispose]());

const body = (path: string): unknown => {
  if (path === '/api/terminal/token') return { workspace: id };
  if (path.endsWith('/ask')) return { prompt: 'look' };
  if (/\/(allow|deny|cancel)$/.test(path))
    return { task: 'tk-aaaaaaaaaaaa', turn: 1, ...(path.endsWith('/cancel') ? {} : { request: 'r' }) };
  return {};
};

async function request(asked: string, who: Who): Promise<Response> {
  const [method = '', path = ''] = asked.replace('ID', id).split(' ');
  const { url } = all.context.sam.bot;
  const isApi = path.startsWith('/api/workspaces');
  const token = tokens.get(who);
  const proof: Record<string, string> = isApi
    ? token === undefined
      ? {}
      : { authorization: `Bearer ${token}` }
    : { cookie: cookies.get(who) ?? '' };
  return fetch(`${url}${path}`, {
    method,
    headers: {
      origin: url,
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID(),
      ...proof,
    },
    ...(method === 'GET' ? {} : { body: JSON.stringify(isApi && method === 'DELETE' ? {} : body(path)) }),
  });
}

/** What each of PEOPLE gets, in their order. */
test.each<[string, number[]]>([
  ['GET /w/ID', [200, 200, 200, 404, 200]],
  ['POST /api/terminal/token', [200, 200, 200, 404, 401]],
  ['GET /w/ID/events', [200, 200, 200, 404, 401]],
  ['GET /w/ID/tasks', [200, 200, 200, 404, 401]],
  ['GET /w/ID/ports', [200, 200, 200, 404, 401]],
  ['GET /w/ID/log', [200, 404, 404, 404, 401]],
  ['POST /w/ID/tasks/ask', [202, 403, 202, 404, 401]],
  ['POST /w/ID/tasks/allow', [202, 403, 202, 404, 401]],
  ['POST /w/ID/tasks/deny', [202, 403, 202, 404, 401]],
  ['POST /w/ID/tasks/cancel', [202, 403, 202, 404, 401]],
  ['POST /w/ID/retry', [202, 403, 403, 404, 401]],
  ['POST /w/ID/start', [202, 403, 403, 404, 401]],
  ['GET /api/workspaces/ID', [200, 200, 200, 200, 401]],
  ['GET /api/workspaces/ID/events', [200, 404, 404, 404, 401]],
  ['GET /api/workspaces/ID/logs', [200, 404, 404, 404, 401]],
  ['GET /api/workspaces/ID/shares', [200, 404, 404, 404, 401]],
  ['GET /api/workspaces/ID/agent-sessions', [200, 404, 404, 404, 401]],
  ['POST /api/workspaces/ID/shares', [400, 404, 404, 404, 401]],
  ['DELETE /api/workspaces/ID/shares/sh-aaaaaaaaaaaa', [404, 404, 404, 404, 401]],
  ['POST /api/workspaces/ID/extend', [202, 404, 404, 404, 401]],
  ['POST /api/workspaces/ID/retry', [409, 404, 404, 404, 401]],
])('%s', async (asked, statuses) => {
  const got: number[] = [];
  for (const who of PEOPLE) got.push((await request(asked, who)).status);
  expect(Object.fromEntries(PEOPLE.map((who, at) => [who, got[at]]))).toEqual(
    Object.fromEntries(PEOPLE.map((who, at) => [who, statuses[at]])),
  );
});

test('what is not theirs looks like what is not there', async () => {
  for (const path of ['/api/terminal/token', `/w/${id}/tasks/ask`]) {
    const answer = await (await request(`POST ${path}`, 'other')).text();
    const mine = id;
    id = 'ws-aaaaaaaaaaaa';
    const nothing = await (await request(`POST ${path.replace(mine, id)}`, 'other')).text();
    id = mine;
    expect(answer).toBe(nothing);
  }
});

test('the ticket says who may type', async () => {
  const claims = async (who: Who) => {
    const { ticket } = (await (await request('POST /api/terminal/token', who)).json()) as { ticket: string };
    const { drive, share } = decodeJwt<{ drive: boolean; share?: number }>(ticket);
    return [drive, share !== undefined];
  };
  expect([await claims('own'), await claims('look'), await claims('type')]).toEqual([
    [true, false],
    [false, true],
    [true, true],
  ]);
});

/** What came of the last press of the task tab. */
const outcome = async (): Promise<unknown> => {
  await all.context.settle();
  const [row] = await all.database.sql`
    select answer->>'code' code from deliveries where source = 'page' order by seq desc limit 1`;
  return row?.['code'];
};

test('whoever may type asks there only with the right to ask, and then for the key of the owner', async () => {
  await request('POST /w/ID/tasks/ask', 'type');
  expect(await outcome()).toBe('forbidden');
  all.context.github.addCollaborator('acme/api', 'dave', 'write');
  await request('POST /w/ID/tasks/ask', 'type');
  expect(await outcome()).toBe('no-model-key');
  all.context.github.addCollaborator('acme/api', 'dave', 'read');
});

test('the page tells who looks on that they cannot ask, and offers guests no command of the owner', async () => {
  const { why } = (await (await request('GET /w/ID/tasks', 'look')).json()) as { why: string };
  expect(why).toContain('is shared with you to look');
  const told = await Promise.all(
    (['own', 'type'] as const).map(async (who) => (await request('GET /w/ID/events', who)).json()),
  );
  for (const state of told) expect(state).toMatchObject({ name: 'box', isOpen: true });
  expect(told[1]).not.toHaveProperty('command');
});
