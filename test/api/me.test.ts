// What is kept of a person: taken along as one file, and deleted, by their own page and over HTTP.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashSecret } from '../../bot/access/secrets.ts';
import { startSession } from '../../bot/access/people/sessions.ts';
import { takenNames } from '../../bot/workspaces/store/workspaces.ts';
import { until } from '../until.ts';
import { startPrograms, type Program, type Programs } from './programs.ts';

const CANARY = `sk-ant-${randomBytes(12).toString('hex')}`;
let all: Programs;
let count = 0;
beforeAll(async () => {
  all = await startPrograms({ env: { NODE_WARM: '1s', ENCRYPTION_KEY: randomBytes(32).toString('base64') } });
}, 120_000);
afterAll(() => all[Symbol.asyncDispose]());

interface Someone {
  login: string;
  user: string;
  program: Program;
  token: string;
  workspace: string;
}

/** With a workspace, a token, a browser, a key, a share from and to ada, a limit, and a prompt that is over. */
async function newPerson(): Promise<Someone> {
  const login = `person-${++count}`;
  const { github } = all.context;
  github.addUser(login);
  github.addCollaborator('acme/api', login, 'write');
  const user = await all.userOf(login);
  const ada = await all.userOf('ada');
  const token = await all.tokenOf(login);
  const program = all.programWith({ authorization: `Bearer ${token}` });
  const made = await program('POST /api/workspaces', {
    json: { repository: 'acme/api', name: `box-${count}` },
  });
  const workspace = made.body.id as string;
  await until(async () => (await program(`GET /api/workspaces/${workspace}`)).body.phase === 'running');
  await program(`POST /api/workspaces/${workspace}/shares`, { json: { person: 'ada' } });
  const { sql } = all.database;
  await sql`insert into tasks (id, workspace_id, front, thread, agent)
    values (${`tk-${login}`}, ${workspace}, 'api', ${`api:${user}`}, 'claude')`;
  await sql`insert into task_turns (task_id, turn, workspace_id, actor, source, delivery_id, prompt, answer, policy,
      minutes, next_at, ended_at, state)
    values (${`tk-${login}`}, 1, ${workspace}, ${user}, 'api', ${login}, ${`why does ${login} fail? ${CANARY}`}, 'so', '{}',
      1, null, now(), 'done')`;
  await sql`insert into task_events (task_id, seq, turn, at, event)
    values (${`tk-${login}`}, 1, 1, now(), '{"kind": "text", "text": "so"}')`;
  await sql`insert into limits (holder, subject, kind, most, set_by) values ('person', ${user}, 'machines', 7, ${ada})`;
  await sql`insert into page_settings (user_id, settings) values (${user}, '{"fontSize": 15}')`;
  const { url } = all.context.sam.bot;
  const { secret } = await startSession(all.database.db, user);
  await sql`insert into push_subscriptions (session, endpoint, p256dh, auth, questions, commands)
    values (${hashSecret(secret)}, ${`https://push.example/${login}`}, 'p', 'a', true, false)`;
  const cookie = `sam=${secret}`;
  const kept = await fetch(`${url}/settings/anthropic`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie, origin: url },
    body: new URLSearchParams({ value: `sk-ant-api03-${'k'.repeat(93)}AA` }),
  });
  expect(kept.status).toBe(303);
  return { login, user, program, token, workspace };
}

const visit = async (user: string, path: string, form?: Record<string, string>) => {
  const { url } = all.context.sam.bot;
  const cookie = `sam=${(await startSession(all.database.db, user)).secret}`;
  const response = await fetch(`${url}${path}`, {
    redirect: 'manual',
    headers: { cookie, origin: url },
    ...(form && { method: 'POST', body: new URLSearchParams(form) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

test('one file has all of it, and no secret', async () => {
  const { login, user, program, token, workspace } = await newPerson();
  const page = await visit(user, '/settings/me');
  expect(page.text).toContain(`Deleted with it: box-${count}.`);
  const { status, headers, text } = await visit(user, '/settings/me/export');
  expect(status).toBe(200);
  expect(headers.get('content-disposition')).toBe(`attachment; filename="sam-${user}.json"`);
  expect(JSON.parse(text)).toMatchObject({
    person: { id: user, name: login },
    identities: [{ source: 'github', login }],
    workspaces: [{ id: workspace, name: `box-${count}`, phase: 'running' }],
    machines: [{ phase: 'ready' }],
    commands: [
      { front: 'api', workspace },
      { front: 'api', workspace },
    ],
    tasks: [{ workspace, prompt: `why does ${login} fail? [anthropic key]`, answer: 'so' }],
    shares: [{ workspace, with: 'ada', may: 'view' }],
    tokens: [{ scope: 'write' }],
    keys: [{ kind: 'anthropic', shown: 'kkAA' }],
    browsers: [{ by: 'sign-in' }, { by: 'sign-in' }, { by: 'sign-in' }],
    limits: [{ kind: 'machines', most: 7 }],
    pageSettings: [{ settings: { fontSize: 15 } }],
    devices: [{ questions: true, commands: false }],
    audit: [{ action: 'exported' }, { action: 'credential-set' }, { action: 'share' }, { action: 'up' }],
  });
  for (const secret of [token, CANARY, 'kkkkk', 'push.example']) expect(text).not.toContain(secret);
  const hashes = await all.database.sql`select hash from personal_tokens where owner = ${user}
    union all select hash from browser_sessions where user_id = ${user}`;
  for (const { hash } of hashes) expect(text).not.toContain(hash);
  const { body } = await program('GET /api/me/export');
  expect(body.workspaces).toEqual(JSON.parse(text).workspaces);
  const other = await (await all.programOf('eve'))('GET /api/me/export');
  expect(other.text).not.toContain(workspace);
});

const DELETES: [string, (who: Someone, typed: string) => Promise<number>][] = [
  ['the page', async ({ user }, confirm) => (await visit(user, '/settings/me/end', { confirm })).status],
  [
    'HTTP',
    async ({ login }, confirm) =>
      (await (await all.browserOf(login))(`DELETE /api/me?confirm=${confirm}`)).status,
  ],
];

test.each(DELETES)('by %s nothing of theirs is left but what others refer to', async (_by, remove) => {
  const someone = await newPerson();
  const { login, user, program, workspace } = someone;
  const { sql } = all.database;
  expect(await remove(someone, 'somebody')).toBe(400);
  expect((await program('GET /api/auth/me')).body.name).toBe(login);
  expect(await remove(someone, login.toUpperCase())).toBeLessThan(300);
  expect((await program('GET /api/auth/me')).status).toBe(401);
  await until(async () => {
    const [row] = await sql`select phase from workspaces where id = ${workspace}`;
    return row!['phase'] === 'deleted';
  });
  // Their machine goes as well.
  await until(
    async () => (await sql`select 1 from nodes where owner = ${user} and desired <> 'deleted'`).length === 0,
  );
  const left = await sql`select 'identity' from identities where user_id = ${user}
    union all select 'key' from credentials where owner = ${user}
    union all select 'token' from personal_tokens where owner = ${user}
    union all select 'code' from tokens where user_id = ${user}
    union all select 'browser' from browser_sessions where user_id = ${user}
    union all select 'limit' from limits where subject = ${user}
    union all select 'settings' from page_settings where user_id = ${user}
    union all select 'device' from push_subscriptions where endpoint = ${`https://push.example/${login}`}
    union all select 'share' from shares s join workspaces w on w.id = s.workspace_id and w.access = s.access
      where w.id = ${workspace} and s.until > clock_timestamp()
    union all select 'said' from task_events where task_id = ${`tk-${login}`}
    union all select 'prompt' from task_turns where actor = ${user} and prompt || coalesce(answer, '') <> ''
    union all select 'name' from users where name = ${login}
    union all select 'line' from commands where actor = ${user} and line <> verb
    union all select 'event' from events where data->>'actor' = ${user} and data->>'line' <> type`;
  expect(left.map((row) => Object.values(row)[0])).toEqual([]);
  const [last] = await sql`select actor, action from audit where actor = ${user} order by id desc limit 1`;
  expect(last).toMatchObject({ action: 'person-deleted' });
  // What was heard before, and runs only now, makes nothing that nobody has.
  await expect(all.database.db.transaction((tx) => takenNames(tx, user))).rejects.toThrow(
    'deleted themselves',
  );
  const again = await all.userOf(login);
  expect(again).not.toBe(user);
  const anew = await all.programOf(login);
  expect((await anew('GET /api/workspaces')).body.items).toEqual([]);
  expect((await anew('GET /api/audit')).body.items).toEqual([]);
});

test('no token deletes its person, and no other site', async () => {
  const { login, user } = await newPerson();
  const strong = await all.programOf(login);
  expect(await strong(`DELETE /api/me?confirm=${login}`)).toMatchObject({
    status: 403,
    body: { error: 'browser-only' },
  });
  const { url } = all.context.sam.bot;
  const cookie = `sam=${(await startSession(all.database.db, user)).secret}`;
  const foreign = await fetch(`${url}/settings/me/end`, {
    method: 'POST',
    headers: { cookie, origin: 'https://evil.example' },
    body: new URLSearchParams({ confirm: login }),
  });
  expect(foreign.status).toBe(403);
  expect((await strong('GET /api/auth/me')).body.id).toBe(user);
});
