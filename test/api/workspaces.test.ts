// Workspaces over HTTP: one's own from making to deleting, the same answer for the same key, pages, and what others may.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freeKey, storeKeyed } from '../../bot/chat/store/api.ts';
import { until } from '../until.ts';
import { startPrograms, type Program, type Programs } from './programs.ts';

let all: Programs;
let bob: Program;
beforeAll(async () => {
  all = await startPrograms();
  bob = await all.programOf('bob');
}, 60_000);
afterAll(() => all[Symbol.asyncDispose]());

const made = async (name: string, program = bob, more: object = {}): Promise<string> => {
  const reply = await program('POST /api/workspaces', {
    json: { repository: 'acme/api', name, new: true, ...more },
  });
  expect(reply.status, reply.text).toBe(202);
  return reply.body.id;
};
const reaches = (id: string, phase: string, program = bob): Promise<void> =>
  until(async () => (await program(`GET /api/workspaces/${id}`)).body.phase === phase);
const gone = (id: string, program = bob) => program(`DELETE /api/workspaces/${id}?force=true`);

test('a program makes, renames, extends, stops, starts and deletes a workspace', async () => {
  const first = await bob('POST /api/workspaces', {
    json: { repository: 'acme/api', ref: 'main', name: 'box', size: 'small', expiry: '2d' },
  });
  expect(first).toMatchObject({
    status: 202,
    body: { name: 'box', ref: 'main', size: 'small', desired: 'running', owner: await all.userOf('bob') },
  });
  const { id } = first.body;
  const one = `/api/workspaces/${id}`;
  await reaches(id, 'running');
  expect((await bob(`PATCH ${one}`, { json: { name: 'better' } })).body).toMatchObject({
    id,
    name: 'better',
  });
  const { keptUntil } = first.body;
  const extended = await bob(`POST ${one}/extend`, { json: { expiry: '5d' } });
  expect(extended.status).toBe(202);
  expect(Date.parse(extended.body.keptUntil) - Date.parse(keptUntil)).toBeGreaterThan(2 * 86_400_000);
  expect(await bob(`POST ${one}/stop`)).toMatchObject({ status: 202, body: { desired: 'stopped' } });
  await reaches(id, 'stopped');
  expect(await bob(`POST ${one}/start`)).toMatchObject({ status: 202, body: { desired: 'running' } });
  await reaches(id, 'running');
  expect((await bob(`POST ${one}/restart`)).status).toBe(202);
  expect(await bob(`POST ${one}/retry`, { json: {} })).toMatchObject({
    status: 409,
    body: { error: 'not-failed' },
  });
  expect(await bob(`DELETE ${one}`)).toMatchObject({ status: 202, body: { desired: 'deleted' } });
  await until(async () => (await bob(`GET ${one}`)).status === 404);
  const [row] = await all.database.sql`select string_agg(front || ' ' || verb, ', ' order by seq) said
    from commands where workspace_id = ${id}`;
  expect(row!['said']).toBe('api up, api rename, api extend, api stop, api start, api restart, api rm');
});

describe('a key', () => {
  test('brings the same answer byte for byte, and makes one workspace', async () => {
    const asked = { json: { repository: 'acme/api', name: 'keyed', new: true }, key: 'k-1' };
    const [one, two] = await Promise.all([
      bob('POST /api/workspaces', asked),
      bob('POST /api/workspaces', asked),
    ]);
    expect(one).toMatchObject({ status: 202, body: { name: 'keyed' } });
    expect(two.text).toBe(one.text);
    const { id } = one.body;
    await bob(`PATCH /api/workspaces/${id}`, { json: { name: 'renamed' } });
    expect((await bob('POST /api/workspaces', asked)).text).toBe(one.text);
    await gone(id);
    await until(async () => (await bob(`GET /api/workspaces/${id}`)).status === 404);
    expect((await bob('POST /api/workspaces', asked)).text).toBe(one.text);
  });

  test('with another body is 422, and is free for others and for a refusal that passes', async () => {
    const id = await made('other');
    const stop = `POST /api/workspaces/${id}/stop`;
    expect((await bob(stop, { key: 'k-2' })).status).toBe(202);
    expect(await bob(stop, { key: 'k-2', raw: '{ }' })).toMatchObject({
      status: 422,
      body: { error: 'key-reused' },
    });
    expect((await bob(`POST /api/workspaces/${id}/start`, { key: 'k-2' })).status).toBe(422);
    const ada = await all.programOf('ada');
    expect((await ada(stop, { key: 'k-2' })).status).toBe(202);
    await gone(id);
  });

  test('of yesterday is a new one', async () => {
    const id = await made('old');
    const extend = `POST /api/workspaces/${id}/extend`;
    const first = await bob(extend, { key: 'k-3', json: { expiry: '1d' } });
    await all.database
      .sql`update api_requests set created_at = created_at - interval '25 hours' where key = 'k-3'`;
    const later = await bob(extend, { key: 'k-3', json: { expiry: '3d' } });
    expect(later.status).toBe(202);
    expect(later.body.keptUntil > first.body.keptUntil).toBe(true);
    await gone(id);
  });
});

test('an answer that a program waits for is not taken up once more to be shown', async () => {
  const { sql } = all.database;
  await sql`create table again (delivery_id text)`;
  await sql.unsafe(`create function note_again() returns trigger language plpgsql as
    $$ begin insert into again values (new.delivery_id); return null; end $$`);
  await sql`create trigger note_again after update on deliveries
    for each row when (old.ended_at is not null and old.source = 'api') execute function note_again()`;
  const id = await made('quiet');
  await all.context.settle();
  expect(await sql`select 1 from again`).toEqual([]);
  await sql`drop trigger note_again on deliveries`;
  await gone(id);
});

test('a key that somebody else has by now is not freed', async () => {
  const { db } = all.database;
  const asked = { owner: await all.userOf('bob'), key: 'k-4', fingerprint: 'f' };
  const store = (deliveryId: string) =>
    storeKeyed(db, { source: 'pretend', deliveryId, thread: 'k-4', event: 'request', payload: null }, asked);
  expect(await store('one')).toBe(true);
  await all.database
    .sql`update api_requests set created_at = created_at - interval '25 hours' where key = 'k-4'`;
  expect(await store('two')).toBe(true);
  await freeKey(db, asked, 'one');
  expect(await store('three')).toBe(false);
});

test('a workspace is made with the container configuration that was asked for', async () => {
  const id = await made('shaped', bob, { config: 'web' });
  const [row] = await all.database.sql`select configuration from workspaces where id = ${id}`;
  expect(row!['configuration']).toBe('web');
  await gone(id);
});

test('what a failure says has no secret in it', async () => {
  const id = await made('leaky');
  await all.context.settle();
  const failure = {
    class: 'configuration',
    code: 'git-failed',
    details: { repository: 'acme/api', said: 'nobody knows sk-ant-canary0123456789' },
  };
  await all.database
    .sql`update workspaces set phase = 'failed', last_error = ${JSON.stringify(failure)}::text::jsonb where id = ${id}`;
  const { body } = await bob(`GET /api/workspaces/${id}`);
  expect(body.failure.message).toContain('nobody knows');
  expect(body.failure.message).not.toContain('canary');
  await gone(id);
});

test('a list comes page by page, newest first, and its cursor is good for no other list', async () => {
  const ada = await all.programOf('ada');
  const ids = [await made('one', ada), await made('two', ada), await made('three', ada)];
  const first = await ada('GET /api/workspaces?limit=2');
  expect(first.body.items.map((one: { id: string }) => one.id)).toEqual([ids[2], ids[1]]);
  const rest = await ada(`GET /api/workspaces?limit=2&cursor=${first.body.next}`);
  expect(rest.body).toMatchObject({ items: [{ id: ids[0] }], next: null });
  const browser = await all.browserOf('ada');
  for (const cursor of [first.body.next, 'bm9uZQ', '%00'])
    expect(await browser(`GET /api/tokens?cursor=${cursor}`)).toMatchObject({
      status: 400,
      body: { error: 'bad-cursor', fields: ['cursor'] },
    });
  for (const [at, id] of [
    ['2026-01-01T00:00:00Z', 'ws-\u0000'],
    ['0000-01-01T00:00:00Z', ids[0]],
  ]) {
    const cursor = Buffer.from(JSON.stringify(['workspaces', at, id])).toString('base64url');
    expect((await ada(`GET /api/workspaces?cursor=${cursor}`)).body.error).toBe('bad-cursor');
  }
  for (const id of ids) await gone(id, ada);
});

test('who maintains a repository may stop and delete what others have there, who reads it may look, and nobody may open it', async () => {
  const id = await made('bobs');
  const one = `/api/workspaces/${id}`;
  const ada = await all.programOf('ada');
  const eve = await all.programOf('eve');
  expect((await eve(`GET ${one}`)).body).toMatchObject({ id });
  expect((await eve('GET /api/workspaces')).body.items).toEqual([]);
  for (const [program, request] of [
    [eve, `POST ${one}/stop`],
    [eve, `DELETE ${one}`],
    [eve, `PATCH ${one}`],
    [ada, `POST ${one}/start`],
    [ada, `PATCH ${one}`],
  ] as const) {
    const json = request.startsWith('PATCH') ? { name: 'mine' } : undefined;
    const reply = await program(request, { json });
    const unknown = await program(request.replace(id, 'ws-aaaaaaaaaaaa'), { json });
    expect(reply.status, request).toBe(404);
    expect(reply.text).toBe(unknown.text);
  }
  expect((await ada(`POST ${one}/stop`)).body).toMatchObject({ desired: 'stopped' });
  expect((await ada(`DELETE ${one}`)).body).toMatchObject({ desired: 'deleted' });
});

test('whoever looks at what others have again and again is told to wait, and GitHub is spared', async () => {
  const id = await made('watched');
  await all.context.settle();
  // Nobody whose questions count elsewhere.
  all.context.github.addUser('nosy');
  const nosy = await all.programOf('nosy');
  const { log } = all.context.github;
  const before = log.length;
  const begun = performance.now();
  const all30 = await Promise.all(Array.from({ length: 30 }, () => nosy(`GET /api/workspaces/${id}`)));
  const asked = log
    .slice(before)
    .filter(({ path }) => path.endsWith('/collaborators/nosy/permission')).length;
  // Twenty at once, and one more in each three seconds.
  expect(asked).toBeLessThanOrEqual(20 + Math.floor((performance.now() - begun) / 3_000));
  expect(asked).toBeGreaterThanOrEqual(15);
  const late = all30.find(({ status }) => status === 429);
  expect(late?.body.error).toBe('too-often');
  expect(late?.headers.get('retry-after')).toBe('60');
  expect((await bob(`GET /api/workspaces/${id}`)).status).toBe(200);
  await gone(id);
});

test('who may not write to a repository starts nothing of it, and its right is asked of GitHub', async () => {
  const eve = await all.programOf('eve');
  expect(await eve('POST /api/workspaces', { json: { repository: 'acme/api' } })).toMatchObject({
    status: 403,
    body: { error: 'forbidden' },
  });
  expect(await bob('POST /api/workspaces', { json: { repository: 'acme/none' } })).toMatchObject({
    status: 404,
    body: { error: 'no-repository' },
  });
  const id = await made('lost');
  all.context.github.addCollaborator('acme/api', 'bob', 'read');
  try {
    await bob(`POST /api/workspaces/${id}/stop`);
    await reaches(id, 'stopped');
    expect((await bob(`POST /api/workspaces/${id}/start`)).status).toBe(403);
  } finally {
    all.context.github.addCollaborator('acme/api', 'bob', 'write');
    await gone(id);
  }
});
