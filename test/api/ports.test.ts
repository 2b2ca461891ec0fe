// Ports over HTTP: as chat has them, with the same refusals, and nothing for anybody but the owner.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newWorkspaceId } from '../../bot/ids.ts';
import { findFreePort } from '../free-port.ts';
import { startPrograms, type Program, type Programs } from './programs.ts';

let all: Programs;
let bob: Program;
let id: string;
let path: string;
beforeAll(async () => {
  all = await startPrograms({ private: true });
  for (const person of ['carol', 'mia']) all.context.github.addUser(person);
  all.context.github.addCollaborator('acme/api', 'carol', 'read');
  all.context.github.addCollaborator('acme/api', 'mia', 'write', 'maintain');
  bob = await all.programOf('bob');
}, 60_000);
afterAll(() => all[Symbol.asyncDispose]());
beforeEach(async () => {
  id = await addWorkspace('running', [8080, 3000]);
  path = `/api/workspaces/${id}/ports`;
});

/** Bob's, as its node said last that it is; no node is there. */
async function addWorkspace(phase: 'running' | 'stopped', ports: number[]): Promise<string> {
  const workspace = newWorkspaceId();
  const repository = `http://${all.context.github.host}/acme/api`;
  await all.database
    .sql`insert into workspaces (id, key, owner, name, repository, size, phase, desired, is_private, reported, next_at)
    values (${workspace}, ${workspace}, ${await all.userOf('bob')}, ${workspace.slice(3)}, ${repository}, 'small', ${phase}, ${phase}, true,
      jsonb_build_object('ports', string_to_array(${ports.join()}, ',')::int[]), null)`;
  return workspace;
}

const opened = (json: object, more: object = {}) => bob(`POST ${path}`, { json, ...more });
const ports = async () => (await bob(`GET ${path}`)).body.items;
const line = (port: number, access: string, listens = false) => ({
  port,
  url: `http://${port}--${id}.localhost:${new URL(all.context.sam.bot.url).port}/`,
  access,
  listens,
});

test('a port is given, shared, taken back, closed and opened again', async () => {
  expect(await opened({ port: 4000 })).toMatchObject({ status: 201, body: line(4000, 'private') });
  expect(await ports()).toEqual([line(3000, 'private', true), line(8080, 'private', true)]);
  expect((await opened({ port: 4000, access: 'shared' })).body).toEqual(line(4000, 'shared'));
  expect((await opened({ port: 3000, access: 'shared' })).body).toEqual(line(3000, 'shared', true));
  // What is not said stays as it is.
  expect((await opened({ port: 4000 })).body).toEqual(line(4000, 'shared'));
  expect((await opened({ port: 3000, access: 'private' })).body).toEqual(line(3000, 'private', true));
  expect((await bob(`DELETE ${path}/8080`)).status).toBe(204);
  expect((await bob(`DELETE ${path}/8080`)).status).toBe(204);
  expect(await ports()).toEqual([
    line(3000, 'private', true),
    line(4000, 'shared'),
    line(8080, 'closed', true),
  ]);
  expect((await opened({ port: 8080 })).body).toEqual(line(8080, 'private', true));
});

test('pages go on behind the last that was read', async () => {
  await opened({ port: 4000, access: 'shared' });
  const first = (await bob(`GET ${path}?limit=2`)).body;
  expect(first.items.map(({ port }: { port: number }) => port)).toEqual([3000, 4000]);
  const rest = (await bob(`GET ${path}?limit=2&cursor=${first.next}`)).body;
  expect(rest).toEqual({ items: [line(8080, 'private', true)], next: null });
  const other = await addWorkspace('running', [1, 2]);
  expect(await bob(`GET /api/workspaces/${other}/ports?cursor=${first.next}`)).toMatchObject({
    status: 400,
    body: { error: 'bad-cursor', fields: ['cursor'] },
  });
});

test('the same key is the same answer, whatever was said since', async () => {
  const one = await opened({ port: 3000, access: 'shared' }, { key: `p-${id}` });
  await bob(`DELETE ${path}/3000`);
  expect((await opened({ port: 3000, access: 'shared' }, { key: `p-${id}` })).text).toBe(one.text);
  expect((await opened({ port: 3001 }, { key: `p-${id}` })).body.error).toBe('key-reused');
  expect((await ports())[0]).toEqual(line(3000, 'closed', true));
});

test.each([
  [{}, ['port']],
  [{ port: 0 }, ['port']],
  [{ port: 65_536 }, ['port']],
  [{ port: '3000' }, ['port']],
  [{ port: 3000, access: 'closed' }, ['access']],
  [{ port: 3000, share: true }, ['share']],
])('%j is refused by the name of what is wrong', async (json, fields) => {
  expect(await opened(json)).toMatchObject({ status: 400, body: { error: 'bad-request', fields } });
  expect(await ports()).toHaveLength(2);
});

test('one that stands still gives none, and lists and closes what was said', async () => {
  id = await addWorkspace('stopped', [3000]);
  path = `/api/workspaces/${id}/ports`;
  expect(await opened({ port: 3000 })).toMatchObject({ status: 409, body: { error: 'not-running' } });
  expect((await bob(`DELETE ${path}/3000`)).status).toBe(204);
  expect(await ports()).toEqual([line(3000, 'closed')]);
});

test('where ports have no addresses it is said who can give some', async () => {
  const port = await findFreePort();
  // This machine, by a name below which there are no others.
  await using other = await startPrograms({
    env: { PORT: String(port), BASE_URL: `http://[::ffff:7f00:1]:${port}` },
  });
  const program = await other.programOf('bob');
  const { body } = await program('POST /api/workspaces', { json: { repository: 'acme/api' } });
  for (const [request, asked] of [
    ['GET', {}],
    ['POST', { json: { port: 3000 } }],
  ] as const) {
    const refused = await program(`${request} /api/workspaces/${body.id}/ports`, asked);
    expect([refused.status, refused.body.error]).toEqual([409, 'no-ports-domain']);
    expect(refused.body.message).toContain('PORTS_DOMAIN');
  }
});

test('who only reads changes nothing, and nobody else than the owner sees that there is anything', async () => {
  await opened({ port: 3000, access: 'shared' });
  const requests = [`GET ${path}`, `POST ${path}`, `DELETE ${path}/3000`];
  const ask = (program: Program, request: string) =>
    program(request, request.startsWith('POST') ? { json: { port: 3000, access: 'private' } } : {});
  const reader = await all.programOf('bob', 'read');
  const seen = await Promise.all(requests.map((request) => ask(reader, request)));
  expect(seen.map(({ status }) => status)).toEqual([200, 403, 403]);
  for (const [program, status] of [
    [await all.programOf('carol'), 404],
    [await all.programOf('mia'), 404],
    [await all.programOf('eve'), 404],
    [all.programWith({}), 401],
  ] as const)
    for (const request of requests) expect((await ask(program, request)).status, request).toBe(status);
  for (const port of ['0', '65536', '03000', '3000x', '%00'])
    expect((await bob(`DELETE ${path}/${port}`)).status, port).toBe(404);
  expect((await bob(`GET /api/workspaces/${newWorkspaceId()}/ports`)).status).toBe(404);
  expect((await ports())[0]).toEqual(line(3000, 'shared', true));
});
