// The table of docs/security.md, asked of a running bot: each kind of person, each route.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSession } from '../../bot/access/people/sessions.ts';
import { newNodeId, newWorkspaceId, serverName } from '../../bot/ids.ts';
import { startPrograms, type Programs } from './programs.ts';

const KINDS = ['owner', 'maintains', 'reads', 'body', 'nobody', 'admin'] as const;
type Kind = (typeof KINDS)[number];

interface Row {
  what: string;
  wanted: Record<Kind, number>;
}

function readTable(): Row[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8');
  const [, after = ''] = text.split('<!-- rights -->');
  const lines = after.trim().split('\n');
  const rows = lines.slice(0, lines.indexOf('')).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((one) => one.trim()),
  );
  const [head = []] = rows;
  expect(head.slice(1)).toEqual([...KINDS]);
  return rows.slice(2).map(([what = '', ...statuses]) => ({
    what: what.replaceAll('`', ''),
    wanted: Object.fromEntries(KINDS.map((kind, at) => [kind, Number(statuses[at])])) as Row['wanted'],
  }));
}

const LOGINS: Record<Exclude<Kind, 'nobody'>, string> = {
  owner: 'bob',
  maintains: 'mia',
  reads: 'rob',
  body: 'eve',
  admin: 'zoe',
};

/** What is sent with it, where that matters. */
const BODIES: Record<string, (workspace: string) => object> = {
  'PATCH /api/workspaces/:ws': (id) => ({ name: `n-${id.slice(3)}` }),
  'POST /api/workspaces/:ws/agent-sessions': () => ({ prompt: 'look' }),
  'POST /api/workspaces/:ws/ports': () => ({ port: 3000 }),
  'POST /api/workspaces/:ws/shares': () => ({ person: 'rob' }),
  // The machine that is there waits already.
  'POST /api/nodes': () => ({ size: 'small' }),
  'PUT /w/:ws/push': () => BROWSER,
  'POST /w/:ws/push/look': () => ({ isLooking: true }),
  'POST /api/terminal/token': (workspace) => ({ workspace }),
};

/** Those of the example of RFC 8291: whoever is let in may say so. */
const BROWSER = {
  endpoint: 'https://fcm.googleapis.com/fcm/send/nobody',
  keys: {
    p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
    auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  },
  questions: true,
  commands: true,
};

const table = readTable();
let all: Programs;
let owner: string;
const cookies = new Map<Kind, string>();

beforeAll(async () => {
  all = await startPrograms({ env: { ADMINS: 'zoe' }, private: true });
  const { github } = all.context;
  for (const login of ['mia', 'rob', 'zoe']) github.addUser(login);
  github.addCollaborator('acme/api', 'mia', 'write', 'maintain');
  github.addCollaborator('acme/api', 'rob', 'read');
  for (const [kind, login] of Object.entries(LOGINS)) {
    const { secret } = await startSession(all.database.db, await all.userOf(login));
    cookies.set(kind as Kind, `sam=${secret}`);
  }
  owner = await all.userOf('bob');
}, 120_000);
afterAll(() => all[Symbol.asyncDispose]());

/** Stopped, as the owner's; nothing is anywhere of it. */
async function addWorkspace(): Promise<string> {
  const id = newWorkspaceId();
  const { host } = all.context.github;
  const key = `http://${host}/acme/api|ref:${id}|${owner}`;
  await all.database
    .sql`insert into workspaces (id, key, owner, name, repository, size, phase, desired, is_private, next_at)
    values (${id}, ${key}, ${owner}, ${id.slice(3)}, ${`http://${host}/acme/api`}, 'small', 'stopped', 'stopped', true, null)`;
  return id;
}

async function addNode(): Promise<{ id: string; name: string }> {
  const id = newNodeId();
  const name = serverName(id);
  await all.database.sql`insert into nodes (id, name, owner, provider, size, phase, desired, next_at)
    values (${id}, ${name}, ${owner}, 'local', 'small', 'ready', 'running', null)`;
  return { id, name };
}

/** Each has its own workspace and its own machine: what one of them ended is there for the next. */
async function ask(what: string, kind: Kind): Promise<number> {
  const [method = '', path = ''] = what.split(' ');
  const workspace = await addWorkspace();
  const node = await addNode();
  const { url } = all.context.sam.bot;
  const isForm = path.startsWith('/settings');
  const body = isForm
    ? new URLSearchParams({ whom: '@bob', kind: 'tasks', most: 'default' })
    : JSON.stringify(BODIES[what]?.(workspace) ?? {});
  const asked = path.replace(':ws', workspace).replace(':nd', node.id).replace(':vm', node.name);
  const response = await fetch(`${url}${asked}`, {
    method,
    redirect: 'manual',
    headers: {
      origin: url,
      cookie: cookies.get(kind) ?? '',
      'idempotency-key': workspace,
      ...(!isForm && { 'content-type': 'application/json' }),
    },
    ...(method !== 'GET' && { body }),
  });
  await response.arrayBuffer();
  await all.database.sql`delete from limits`;
  await all.database
    .sql`update workspaces set desired = 'deleted', phase = 'deleted', next_at = null where id = ${workspace}`;
  await all.database
    .sql`update nodes set desired = 'deleted', phase = 'deleted', next_at = null where id = ${node.id}`;
  return response.status;
}

describe.each(table)('$what', ({ what, wanted }) => {
  test.each(KINDS)('of %s', async (kind) => {
    expect(await ask(what, kind)).toBe(wanted[kind]);
  });
});

test('the table says all that programs may ask of a workspace and of a machine', () => {
  const described = Object.entries(all.description.paths ?? {}).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const said = new Set(
    table.map(({ what }) =>
      what
        .replace('/workspaces/:ws', '/workspaces/{id}')
        .replace('/nodes/:nd', '/nodes/{id}')
        .replace('/ports/3000', '/ports/{port}')
        .replace(/\?.*/, ''),
    ),
  );
  // What is one of a kind that is there, and what everybody has of their own.
  const isElsewhere =
    /\{(task|share)\}|\/retry$|^POST \/api\/(workspaces|tokens)$|\/api\/(tokens\/|auth\/|github\/|openapi)/;
  expect(described.filter((one) => !said.has(one) && !isElsewhere.test(one))).toEqual([]);
});
