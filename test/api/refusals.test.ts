// What is refused over HTTP, in which order, and with which words: for every operation that the description has.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPrograms, type Program, type Programs } from './programs.ts';

interface Described {
  operationId: string;
  security: Record<string, unknown>[];
  parameters: { name: string; in: string }[];
  requestBody?: unknown;
}

const TASK = 'tk-bbbbbbbbbbbb';
const SHARE = 'sh-bbbbbbbbbbbb';

let all: Programs;
let bob: Program;
let browser: Program;
let id: string;
/** Of nobody's workspaces. */
const NODE = 'nd-bbbbbbbbbbbb';
/** `GET /api/workspaces/ID` with what is described of it; `about` in place of the id. */
let operations: {
  line: (about?: string) => string;
  isReading: boolean;
  isForBrowsers: boolean;
  of: Described;
}[];

beforeAll(async () => {
  all = await startPrograms();
  bob = await all.programOf('bob');
  browser = await all.browserOf('bob');
  const made = await bob('POST /api/workspaces', { json: { repository: 'acme/api', name: 'box' } });
  id = made.body.id;
  await all.database.sql`insert into tasks (id, workspace_id, front, thread, agent)
    values (${TASK}, ${id}, 'api', 'nowhere', 'claude')`;
  await all.database.sql`insert into nodes (id, name, owner, provider, size, phase, desired, next_at)
    values (${NODE}, 'vm-bbbbbbbbbbbb', ${await all.userOf('bob')}, 'local', 'small', 'ready', 'running', null)`;
  await all.database.sql`insert into task_turns
    (task_id, turn, workspace_id, actor, source, delivery_id, prompt, policy, minutes, state, answer, ended_at, is_closed, next_at)
    values (${TASK}, 1, ${id}, ${await all.userOf('bob')}, 'api', 'd', 'what?', '{"allow": [], "deny": []}', 1, 'done', 'that',
      now(), true, null)`;
  await all.database.sql`insert into shares (id, workspace_id, person, may, access, until)
    select ${SHARE}, id, ${await all.userOf('ada')}, 'view', access, now() + interval '1 hour' from workspaces where id = ${id}`;
  operations = Object.entries(all.description.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Described>)
      .filter(([, { security }]) => security.length > 0)
      .map(([method, of]) => ({
        line: (about = path.startsWith('/api/nodes') ? NODE : id) =>
          `${method.toUpperCase()} ${path.replace('{id}', about).replace('{task}', TASK).replace('{share}', SHARE).replace('{port}', '3000')}`,
        isReading: method === 'get',
        isForBrowsers: !of.security.some((one) => 'token' in one),
        of,
      })),
  );
}, 60_000);
afterAll(async () => {
  await bob(`DELETE /api/workspaces/${id}?force=true`);
  await all[Symbol.asyncDispose]();
});

const nobody = (headers: Record<string, string> = {}) => all.programWith(headers);

test('the operations are those that docs/api.md has an example of', async () => {
  const text = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const whole = text
    .replaceAll('$AT', '$SAM/api/workspaces/$ID/agent-sessions')
    .replaceAll('$TASK', TASK)
    .replaceAll('$SHARE', SHARE);
  const shown = [...whole.matchAll(/^(?:sam|curl) "\$SAM(\/api\/[^"?]+)[^"]*"(.*)$/gm)].map(
    ([, path = '', rest = '']) => {
      const [, method] = /--request ([A-Z]+)/.exec(rest) ?? [];
      const about = path.replace(/\$ID|\$NODE|tk-[a-z2-7]{12}/, '{id}');
      return `${method ?? (rest.includes('--json') ? 'POST' : 'GET')} ${about}`;
    },
  );
  expect(shown.length).toBeGreaterThan(10);
  expect(operations.map(({ line }) => line('{id}')).toSorted()).toEqual([...new Set(shown)].toSorted());
});

test('who brings nothing, or a token that is none, is nobody: 401 for every operation, whatever else is wrong', async () => {
  const late = await all.tokenOf('bob', 'write', 1);
  const tokens = [`sam_pat_${'x'.repeat(43)}`, 'x', late, ''].map((token) => `Bearer ${token}`);
  for (const { line } of operations) {
    const json = line().startsWith('GET') ? undefined : { nonsense: 1 };
    expect(await nobody()(line('ws-none'), { json })).toMatchObject({
      status: 401,
      body: { error: 'sign-in-required' },
    });
    for (const authorization of [...tokens, 'Basic YTpi'])
      expect(await nobody({ authorization })(line('ws-none'), { json })).toMatchObject({
        status: 401,
        body: { error: 'bad-token' },
      });
  }
});

test('a token that may only read changes nothing, and none makes tokens: 403 before 404 and 400', async () => {
  const reader = await all.programOf('bob', 'read');
  for (const { line, isReading, isForBrowsers } of operations) {
    if (isReading && !isForBrowsers) {
      expect((await reader(line())).status, line()).toBe(200);
      continue;
    }
    const json = isReading ? undefined : { nonsense: 1 };
    const error = isForBrowsers ? 'browser-only' : 'missing-scope';
    expect(await reader(line('ws-none'), { json }), line()).toMatchObject({ status: 403, body: { error } });
  }
});

test('a browser changes something from our own page alone', async () => {
  for (const { line, isReading } of operations)
    for (const origin of isReading ? [] : ['https://evil.example', ''])
      expect(await browser(line(), { headers: { origin } }), line()).toMatchObject({
        status: 403,
        body: { error: 'wrong-origin' },
      });
});

test('what is not there is 404 before anything is said of the words', async () => {
  const about = ['ws-aaaaaaaaaaaa', 'tk-aaaaaaaaaaaa', 'x', '%00', 'WS-AAAAAAAAAAAA'];
  for (const { line, isReading } of operations.filter(({ of }) =>
    of.parameters.some((one) => one.in === 'path'),
  ))
    for (const one of about)
      expect(
        await browser(line(one), { json: isReading ? undefined : { nonsense: 1 } }),
        line(one),
      ).toMatchObject({
        status: 404,
        body: { error: 'not-found', message: 'There is nothing of that name that you can see.' },
      });
});

describe('400', () => {
  test('names the field or the parameter that nobody knows', async () => {
    for (const { line, isReading, of } of operations) {
      if (of.operationId === 'deleteToken') continue;
      expect(await browser(`${line()}?nonsense=1`), line()).toMatchObject({ status: 400 });
      if (isReading) continue;
      const reply = await browser(line(), { json: { nonsense: 1 } });
      expect(reply, line()).toMatchObject({ status: 400, body: { error: 'bad-request' } });
      expect(reply.body.fields, line()).toContain('nonsense');
      expect((await browser(line(), { raw: '{' })).body.error, line()).toBe('no-json');
      for (const raw of ['[]', '"x"', '1', 'null'])
        expect((await browser(line(), { raw })).status, `${line()} ${raw}`).toBe(400);
    }
  });

  test.each([
    [{}, ['repository']],
    [{ repository: 7 }, ['repository']],
    [{ repository: '' }, ['repository']],
    [{ repository: 'acme/api --new' }, ['repository']],
    [{ repository: '--new' }, ['repository']],
    [{ repository: 'box' }, ['repository']],
    [{ repository: '7' }, ['repository']],
    [{ repository: '/etc' }, ['repository']],
    [{ repository: 'https://elsewhere.example/a/b' }, ['repository']],
    [{ repository: 'acme/api', size: 'huge' }, ['size']],
    [{ repository: 'acme/api', ref: '..' }, ['ref']],
    [{ repository: 'acme/api', name: 'A_b' }, ['name']],
    [{ repository: 'acme/api', expiry: 'ever' }, ['expiry']],
    [{ repository: 'acme/api', expiry: '9999w' }, ['expiry']],
    [{ repository: 'acme/api', new: 'yes' }, ['new']],
    [{ repository: 'acme/api', config: 7 }, ['config']],
    [{ repository: 'acme/api', access: 1, owner: 'ada' }, ['access', 'owner']],
  ])('of %j names %j', async (json, fields) => {
    expect(await bob('POST /api/workspaces', { json })).toMatchObject({ status: 400, body: { fields } });
  });

  test.each([
    ['PATCH', '', { name: '-x' }, ['name']],
    ['PATCH', '', { name: 'a=b' }, ['name']],
    ['PATCH', '', { name: '--help' }, ['name']],
    ['PATCH', '', {}, ['name']],
    ['POST', '/extend', { expiry: '9999w' }, ['expiry']],
    ['DELETE', '?force=maybe', undefined, ['force']],
    ['DELETE', '?force=true&force=true', undefined, ['force']],
  ])('of %s %s %j names %j', async (method, rest, json, fields) => {
    const reply = await bob(`${method} /api/workspaces/${id}${rest}`, { json });
    expect(reply).toMatchObject({ status: 400, body: { fields } });
  });

  test('of a limit, a key, a type and a size that nobody takes', async () => {
    for (const limit of ['0', '101', '-1', '1.5', 'x', ''])
      expect((await bob(`GET /api/workspaces?limit=${limit}`)).body.fields).toEqual(['limit']);
    const stop = `POST /api/workspaces/${id}/stop`;
    for (const key of ['x'.repeat(201), 'a b'])
      expect((await bob(stop, { key })).body.fields).toEqual(['Idempotency-Key']);
    const text = { 'content-type': 'text/plain' };
    expect((await bob(stop, { raw: '{}', headers: text })).status).toBe(415);
    expect((await bob(stop, { raw: `"${'x'.repeat(2_000_000)}"` })).status).toBe(413);
  });
});

test('409 says what would be lost', async () => {
  await all.context.settle();
  const { checkout } = await all.context.sam.row('box');
  await writeFile(join(checkout, 'work.txt'), 'work\n');
  // The agent looks before it deletes.
  expect((await bob(`DELETE /api/workspaces/${id}`)).status).toBe(202);
  await all.context.settle();
  const { body } = await bob(`GET /api/workspaces/${id}`);
  expect(body).toMatchObject({ desired: 'running', failure: { error: 'would-lose' } });
  expect(body.failure.message).toContain('1 new file');
  const reply = await bob(`DELETE /api/workspaces/${id}`);
  expect(reply).toMatchObject({ status: 409, body: { error: 'dirty' } });
  expect(reply.body.message).toContain('1 new file');
});
