// Machines over HTTP, and what Sam and a person both see on the forge: one's own, and for those who run Sam anybody's.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../until.ts';
import { startPrograms, type Program, type Programs } from './programs.ts';

let all: Programs;
let bob: Program;
let admin: Program;
let workspace: string;
let node: string;
beforeAll(async () => {
  all = await startPrograms({ env: { ADMINS: 'ada', NODE_WARM: '1h' } });
  bob = await all.programOf('bob');
  admin = await all.browserOf('ada');
  workspace = (await bob('POST /api/workspaces', { json: { repository: 'acme/api' } })).body.id;
  await until(async () => (await bob(`GET /api/workspaces/${workspace}`)).body.phase === 'running');
  node = (await bob('GET /api/nodes')).body.items[0].id;
}, 120_000);
afterAll(() => all[Symbol.asyncDispose]());

test('a machine says how it stands and what is on it, and what happened to it', async () => {
  const one = (await bob(`GET /api/nodes/${node}`)).body;
  expect(one).toMatchObject({
    id: node,
    owner: await all.userOf('bob'),
    provider: 'local',
    phase: 'ready',
    failure: null,
    workspaces: ['api'],
    readyAt: expect.any(String) as string,
  });
  const events = (await bob(`GET /api/nodes/${node}/events`)).body.items as {
    kind: string;
    phase?: string;
  }[];
  expect(events[0]).toMatchObject({ kind: 'wanted' });
  expect(events.map(({ phase }) => phase)).toContain('ready');
  expect((await bob(`GET /api/nodes/${node}/logs`)).body).toEqual({ items: [], next: null });
});

test('it is its owner’s alone, and of those who run Sam', async () => {
  const eve = await all.programOf('eve');
  for (const path of ['', '/events', '/logs'])
    expect((await eve(`GET /api/nodes/${node}${path}`)).status).toBe(404);
  expect((await eve(`DELETE /api/nodes/${node}`)).status).toBe(404);
  expect((await eve(`POST /api/nodes/${node}/stop`)).status).toBe(404);
  expect((await eve('GET /api/nodes')).body.items).toEqual([]);
  expect((await eve('GET /api/nodes?all=true')).body.error).toBe('admins-only');
  // A token of an admin goes no further than its scope.
  const plain = await all.programOf('ada');
  expect((await plain(`GET /api/nodes/${node}`)).status).toBe(404);
  expect((await plain('GET /api/nodes?all=true')).status).toBe(403);
  expect((await plain(`POST /api/workspaces/${workspace}/start`)).status).toBe(404);
  expect((await admin(`GET /api/nodes/${node}`)).body.id).toBe(node);
  expect((await admin('GET /api/nodes?all=true')).body.items.map(({ id }: { id: string }) => id)).toEqual([
    node,
  ]);
  expect((await admin('GET /api/nodes')).body.items).toEqual([]);
});

test('those who run Sam stop what is on it, and hear as everybody does that it is in use', async () => {
  const refused = await admin(`DELETE /api/nodes/${node}`);
  expect(refused).toMatchObject({ status: 409, body: { error: 'node-in-use' } });
  expect(refused.body.message).toContain('`api`');
  expect((await bob(`DELETE /api/nodes/${node}`)).status).toBe(409);
  const key = { key: 'stop-1' };
  const stopped = await admin(`POST /api/nodes/${node}/stop`, key);
  expect(stopped).toMatchObject({ status: 202, body: { id: node, workspaces: ['api'] } });
  expect((await admin(`POST /api/nodes/${node}/stop`, key)).text).toBe(stopped.text);
  await until(async () => (await bob(`GET /api/workspaces/${workspace}`)).body.phase === 'stopped');
  const [row] = await all.database.sql`select notice from workspaces where id = ${workspace}`;
  expect(row!['notice']).toEqual([{ code: 'admin-stopped', details: { by: 'ada' } }]);
  const ada = await all.userOf('ada');
  const { items } = (await bob(`GET /api/audit?who=${ada}&workspace=${workspace}`)).body;
  const stops = items.filter(({ action }: { action: string }) => action === 'stop');
  expect(stops).toMatchObject([{ right: 'admin', result: 'ok' }]);
});

test('those who run Sam see a workspace, and never open it', async () => {
  expect((await admin(`GET /api/workspaces/${workspace}`)).body.name).toBe('api');
  expect((await admin('GET /api/workspaces?all=true')).body.items).toHaveLength(1);
  for (const what of ['start', 'restart', 'extend'])
    expect((await admin(`POST /api/workspaces/${workspace}/${what}`)).status).toBe(404);
  for (const what of ['events', 'logs'])
    expect((await admin(`GET /api/workspaces/${workspace}/${what}`)).status).toBe(404);
  expect((await admin(`PATCH /api/workspaces/${workspace}`, { json: { name: 'mine' } })).status).toBe(404);
});

test('of the forge everybody sees what both Sam and they may read', async () => {
  const { github } = all.context;
  await github.addRepository('acme/secret', { private: true });
  github.addCollaborator('acme/secret', 'ada', 'admin');
  expect((await bob('GET /api/github/installations')).body.items).toEqual([
    { account: 'acme', repositories: 1 },
  ]);
  const names = async (program: Program, q: string) =>
    (await program(`GET /api/github/repositories?q=${q}`)).body.items.map(
      ({ repository }: { repository: string }) => repository,
    );
  expect(await names(bob, 'api')).toEqual(['acme/api']);
  expect(await names(bob, 'secret')).toEqual([]);
  expect((await bob('GET /api/github/install-url')).body.url).toMatch(
    /\/apps\/sam-test\/installations\/new$/,
  );
});

test('whoever looks on and on at what is on the forge is told to wait', async () => {
  const eve = await all.programOf('eve');
  const looks = Array.from({ length: 40 }, (_, n) => eve(`GET /api/github/repositories?q=${n}`));
  const statuses = (await Promise.all(looks)).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
});

test('one is made ahead of the workspace that will want it, and told again where it waits already', async () => {
  const made = await bob('POST /api/nodes', { json: { size: 'large' } });
  expect(made.status).toBe(202);
  expect(made.body).toMatchObject({ size: 'large', desired: 'running', workspaces: [] });
  expect(made.body.idleSince).not.toBeNull();
  expect((await bob('POST /api/nodes', { json: { size: 'large' } })).body.id).toBe(made.body.id);
  expect((await bob('POST /api/nodes', { json: { size: 'huge' } })).body).toMatchObject({ fields: ['size'] });
  const eve = await all.programOf('eve');
  const refused = await eve('POST /api/nodes', { json: {} });
  expect([refused.status, refused.body.error]).toEqual([409, 'node-before-workspace']);
  expect((await bob(`DELETE /api/nodes/${made.body.id}`)).status).toBe(202);
});
