// A workspace's story and its log over HTTP: page by page, and as they go on, for its owner alone.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEvents } from '../chat/event-stream.ts';
import { startPrograms, type Program, type Programs } from './programs.ts';

let all: Programs;
let bob: Program;
let id: string;
beforeAll(async () => {
  all = await startPrograms();
  bob = await all.programOf('bob');
  id = (await bob('POST /api/workspaces', { json: { repository: 'acme/api', ref: 'main' } })).body.id;
  await all.context.settle();
});
afterAll(() => all[Symbol.asyncDispose]());

const streamOf = async (what: string, headers: Record<string, string> = {}) => {
  const authorization = `Bearer ${await all.tokenOf('bob', 'read')}`;
  return openEvents(`${all.context.sam.bot.url}/api/workspaces/${id}/${what}`, { authorization, ...headers });
};

test('its story begins with what was said, ends in how it is, and is read page by page', async () => {
  const { body } = await bob(`GET /api/workspaces/${id}/events`);
  expect(body.items[0]).toMatchObject({ kind: 'up', by: await all.userOf('bob') });
  expect(body.items[0].line).toContain('acme/api');
  expect(body.items.flatMap(({ phase }: { phase?: string }) => phase ?? []).at(-1)).toBe('running');
  expect(body.next).toBeNull();
  const first = (await bob(`GET /api/workspaces/${id}/events?limit=2`)).body;
  expect(first.items).toEqual(body.items.slice(0, 2));
  const rest = (await bob(`GET /api/workspaces/${id}/events?cursor=${first.next}`)).body;
  expect(rest.items).toEqual(body.items.slice(2));
  const foreign = await bob(`GET /api/workspaces/${id}/logs?cursor=${first.next.slice(2)}`);
  expect(foreign).toMatchObject({ status: 400, body: { error: 'bad-cursor' } });
});

test('who listens hears what happens from then on, and from where they were', async () => {
  const { items } = (await bob(`GET /api/workspaces/${id}/events`)).body;
  const events = await streamOf('events', { 'last-event-id': items.at(-1).id });
  await bob(`PATCH /api/workspaces/${id}`, { json: { name: 'heard' } });
  expect(await events.next('workspace')).toMatchObject({
    kind: 'rename',
    line: expect.stringContaining('heard'),
  });
  events.close();
});

test('a failure is told by its code and in words', async () => {
  const made = await bob('POST /api/workspaces', { json: { repository: 'acme/api', new: true } });
  await all.context.settle();
  const failed = made.body.id as string;
  await all.database.sql`insert into events (entity, gen, type, data) values (${failed}, 1, 'phase',
    '{"phase": "failed", "error": {"class": "internal", "code": "machine-lost", "details": {}}}'::jsonb)`;
  const last = (await bob(`GET /api/workspaces/${failed}/events`)).body.items.at(-1);
  expect(last).toMatchObject({ kind: 'phase', phase: 'failed', failure: { error: 'machine-lost' } });
  expect(last.failure.message).not.toBe('');
});

test('its log is read, goes on as it is written, and shows no secret', async () => {
  const { body } = await bob(`GET /api/workspaces/${id}/logs`);
  expect(body.items.length).toBeGreaterThan(0);
  const logs = await streamOf('logs', { 'last-event-id': body.items.at(-1).id });
  const secret = `ghp_${'a1B2'.repeat(9)}`;
  await all.database
    .sql`insert into logs (workspace_id, at, step, text) values (${id}, now(), 'build', ${`key ${secret}.`})`;
  // What was written is looked for now and then, or when something else happens.
  await all.database.sql`select pg_notify('sam', 'card')`;
  const line = await logs.next('log');
  expect(line).toMatchObject({ step: 'build' });
  expect(line['text']).toMatch(/^key .*\.$/);
  expect(line['text']).not.toContain(secret);
  logs.close();
});

test('it is nobody else’s, who maintains the repository included', async () => {
  for (const login of ['ada', 'eve'])
    for (const what of ['events', 'logs']) {
      const program = await all.programOf(login);
      const unknown = await program(`GET /api/workspaces/ws-aaaaaaaaaaaa/${what}`);
      const reply = await program(`GET /api/workspaces/${id}/${what}`);
      expect([reply.status, reply.text]).toEqual([404, unknown.text]);
    }
});
