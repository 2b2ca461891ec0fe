// Sharing over HTTP: as chat has it, with the same refusals, and nothing for anybody but the owner.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startSession } from '../../bot/access/people/sessions.ts';
import { startPrograms, type Program, type Programs } from './programs.ts';

let all: Programs;
let bob: Program;
let carol: Program;
let id: string;
let path: string;
beforeAll(async () => {
  all = await startPrograms({ private: true });
  for (const person of ['carol', 'dave', 'erin']) {
    all.context.github.addUser(person);
    all.context.github.addCollaborator('acme/api', person, 'read');
  }
  [bob, carol] = [await all.programOf('bob'), await all.programOf('carol')];
  const made = await bob('POST /api/workspaces', { json: { repository: 'acme/api', name: 'box' } });
  ({ id } = made.body);
  path = `/api/workspaces/${id}/shares`;
}, 60_000);
afterAll(() => all[Symbol.asyncDispose]());
beforeEach(() => all.database.sql`update shares set until = now() where ended_at is null`);

const shared = (json: object = { person: 'carol' }, more: object = {}) =>
  bob(`POST ${path}`, { json, ...more });
const shares = async () => (await bob(`GET ${path}`)).body.items;

test('a workspace is shared, listed, shared anew and taken back', async () => {
  const first = await shared({ person: '@Carol', access: 'drive', for: '3h' });
  expect(first).toMatchObject({ status: 201, body: { person: 'carol', access: 'drive' } });
  const { createdAt, until, url } = first.body;
  expect(Math.round((Date.parse(until) - Date.parse(createdAt)) / 60_000)).toBe(180);
  expect(url).toMatch(new RegExp(`/w/${id}$`));
  expect(await shares()).toEqual([first.body]);
  const second = await shared();
  expect(second.body).toMatchObject({ person: 'carol', access: 'view' });
  expect(await shares()).toEqual([second.body]);
  expect((await bob(`DELETE ${path}/${first.body.id}`)).status).toBe(404);
  expect((await bob(`DELETE ${path}/${second.body.id}`)).status).toBe(204);
  expect(await shares()).toEqual([]);
  expect((await bob(`DELETE ${path}/${second.body.id}`)).status).toBe(404);
});

test('pages go on behind the last that was read, also when that one has ended', async () => {
  for (const person of ['carol', 'dave', 'erin']) expect((await shared({ person })).status).toBe(201);
  const { items, next } = (await bob(`GET ${path}?limit=2`)).body;
  expect(items.map(({ person }: { person: string }) => person)).toEqual(['erin', 'dave']);
  expect((await bob(`DELETE ${path}/${items[1].id}`)).status).toBe(204);
  expect((await bob(`GET ${path}?limit=2&cursor=${next}`)).body).toMatchObject({
    items: [{ person: 'carol' }],
    next: null,
  });
});

test('all that somebody shares, and that others share with them, is one list; nobody else has it', async () => {
  const { body: first } = await shared({ person: 'carol' });
  const { body: second } = await shared({ person: 'dave', access: 'drive' });
  const { repository, phase } = (await bob(`GET /api/workspaces/${id}`)).body;
  const workspace = { id, name: 'box', repository, phase };
  const [given, other] = [first, second].map((share) => ({
    ...share,
    direction: 'given',
    owner: 'bob',
    workspace,
  }));
  expect((await bob('GET /api/shares')).body).toEqual({ items: [other, given], next: null });
  expect((await carol('GET /api/shares')).body.items).toEqual([{ ...given, direction: 'received' }]);
  expect((await (await all.programOf('eve'))('GET /api/shares')).body.items).toEqual([]);
  const page = (await bob('GET /api/shares?limit=1')).body;
  expect(page.items).toEqual([other]);
  expect((await bob(`GET /api/shares?limit=1&cursor=${page.next}`)).body).toEqual({
    items: [given],
    next: null,
  });
  await bob(`DELETE ${path}/${first.id}`);
  expect((await carol('GET /api/shares')).body.items).toEqual([]);
});

test('the pages of both say it', async () => {
  await shared({ person: 'carol', access: 'drive' });
  const read = async (login: string): Promise<string> => {
    const { secret } = await startSession(all.database.db, await all.userOf(login));
    const page = await fetch(`${all.context.sam.bot.url}/settings/workspaces`, {
      headers: { cookie: `sam=${secret}` },
    });
    return page.text();
  };
  expect(await read('bob')).toMatch(/<td>carol \(may type, until \d{4}-\d\d-\d\d \d\d:\d\d UTC\)<\/td>/);
  const [, received] = (await read('carol')).split('<h2>Shared with you</h2>');
  expect(received).toMatch(/>box<.*<td>bob<\/td><td>type<\/td><td>\d{4}/);
  expect(await read('eve')).not.toContain('Shared with you');
});

test('the same key is the same share, however often it is sent', async () => {
  const [one, two] = [
    await shared({ person: 'carol' }, { key: 's-1' }),
    await shared({ person: 'carol' }, { key: 's-1' }),
  ];
  expect(two.text).toBe(one.text);
  expect(await shares()).toHaveLength(1);
});

test.each([
  [{}, 400, 'bad-request', ['person']],
  [{ person: 'carol', until: 'x' }, 400, 'bad-request', ['until']],
  [{ person: 'carol', access: 'own' }, 400, 'bad-request', ['access']],
  [{ person: 'carol', for: '10y' }, 400, 'bad-request', ['for']],
  [{ person: 'carol', for: '0h' }, 400, 'bad-duration', ['for']],
  [{ person: '--help' }, 400, 'bad-person', ['person']],
  [{ person: 'a_b_c' }, 400, 'bad-person', ['person']],
  [{ person: 'nobody-there' }, 422, 'no-person', undefined],
  [{ person: 'eve' }, 422, 'person-forbidden', undefined],
  [{ person: 'bob' }, 422, 'share-self', undefined],
])('%j is refused with %i', async (json, status, error, fields) => {
  const { status: is, body } = await shared(json);
  expect([is, body.error, body.fields]).toEqual([status, error, fields]);
  expect(await shares()).toEqual([]);
});

test('whoever it is shared with sees no shares, makes none and ends none: 404, as of what is not there', async () => {
  const { body } = await shared({ person: 'carol', access: 'drive' });
  for (const request of [`GET ${path}`, `POST ${path}`, `DELETE ${path}/${body.id}`]) {
    const reply = await carol(request, request.startsWith('POST') ? { json: { person: 'ada' } } : {});
    expect([request, reply.status, reply.body.error]).toEqual([request, 404, 'not-found']);
  }
  for (const verb of ['stop', 'start', 'restart', 'extend'])
    expect((await carol(`POST /api/workspaces/${id}/${verb}`)).status, verb).toBe(404);
  for (const request of [`DELETE /api/workspaces/${id}`, `PATCH /api/workspaces/${id}`])
    expect((await carol(request, { json: { name: 'mine' } })).status, request).toBe(404);
  // It is read as by everybody who may read the repository.
  expect((await carol(`GET /api/workspaces/${id}`)).status).toBe(200);
});
