// The description: a running bot answers each operation as it says, down to the last field, and says no other one.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { describeApi } from '../../bot/chat/api/openapi.ts';
import { leaveKey } from '../tasks/conversation.ts';
import { until } from '../until.ts';
import { startPrograms } from './programs.ts';

test('every operation is there, and is answered as described', async () => {
  await using all = await startPrograms({ env: { NODE_WARM: '1h' } });
  const bob = await all.programOf('bob');
  const browser = await all.browserOf('bob');
  const { description } = all;
  expect(description).toMatchObject({ openapi: '3.1.0', servers: [{ url: all.context.sam.bot.url }] });
  await all.programWith({})('GET /api/openapi.json');
  await bob('GET /api/auth/me');
  const token = (await browser('POST /api/tokens', { json: { name: 'ci' } })).body.id;
  await browser('GET /api/tokens');
  await browser(`DELETE /api/tokens/${token}`);
  const { id } = (await bob('POST /api/workspaces', { json: { repository: 'acme/api' } })).body;
  const one = `/api/workspaces/${id}`;
  await bob('GET /api/workspaces');
  await until(async () => (await bob(`GET ${one}`)).body.phase === 'running');
  await bob(`POST ${one}/ports`, { json: { port: 3000 } });
  await bob(`GET ${one}/ports`);
  await bob(`DELETE ${one}/ports/3000`);
  await bob(`PATCH ${one}`, { json: { name: 'other' } });
  for (const verb of ['extend', 'restart', 'stop', 'start']) await bob(`POST ${one}/${verb}`);
  const share = await bob(`POST ${one}/shares`, { json: { person: 'ada' } });
  await bob(`GET ${one}/shares`);
  await bob('GET /api/shares');
  await bob(`DELETE ${one}/shares/${share.body.id}`);
  await leaveKey(all.context, 'bob');
  for (const what of ['events', 'logs']) await bob(`GET ${one}/${what}`);
  const sessions = `${one}/agent-sessions`;
  const session = (await bob(`POST ${sessions}`, { json: { prompt: 'look' } })).body.id;
  await bob(`GET ${sessions}`);
  await bob(`GET ${sessions}/${session}`);
  await bob(`GET ${sessions}/${session}/events`);
  await bob(`POST ${sessions}/${session}/prompts`, { json: { prompt: 'look again' } });
  await bob(`POST ${sessions}/${session}/stop`);
  await all.context.settle();
  await all.database.sql`update workspaces set phase = 'failed', last_error =
    '{"class": "internal", "code": "machine-lost", "details": {}}'::jsonb where id = ${id}`;
  expect((await bob(`GET ${one}`)).body.failure).toMatchObject({ error: 'machine-lost' });
  await bob(`POST ${one}/retry`);
  await bob('GET /api/audit');
  await bob('GET /api/me/export');
  await bob('POST /api/nodes', { json: { size: 'small' } });
  const node = (await bob('GET /api/nodes')).body.items.at(-1).id;
  for (const what of ['', '/events', '/logs']) await bob(`GET /api/nodes/${node}${what}`);
  await bob(`POST /api/nodes/${node}/stop`);
  for (const what of ['installations', 'install-url', 'repositories?q=api'])
    await bob(`GET /api/github/${what}`);
  await bob(`DELETE ${one}?force=true`);
  await until(async () => (await bob(`GET /api/nodes/${node}`)).body.workspaces.length === 0);
  await bob(`DELETE /api/nodes/${node}`);
  await browser('DELETE /api/me?confirm=bob');
  const described = Object.values(description.paths ?? {}).flatMap((methods) =>
    Object.values(methods as Record<string, { operationId: string; responses: object }>).map(
      ({ operationId, responses }) => `${operationId} ${Object.keys(responses).find((one) => one < '300')}`,
    ),
  );
  expect([...all.seen].filter((one) => described.includes(one)).toSorted()).toEqual(described.toSorted());
  expect(described.length).toBe(43);
  expect(refsOf(description).filter((ref) => !isThere(description, ref))).toEqual([]);
});

test('a linter of such descriptions has nothing to say against it', async () => {
  await using all = await startPrograms();
  const folder = await mkdtemp(join(tmpdir(), 'sam-description-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'openapi.json');
  await writeFile(file, JSON.stringify(all.description));
  // Ours has no licence of its own, and lives at localhost here.
  const skipped = ['info-license', 'no-server-example.com'].map((rule) => `--skip-rule=${rule}`);
  const linter = fileURLToPath(import.meta.resolve('@redocly/cli/bin/cli.js'));
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [linter, 'lint', file, '--format=json', ...skipped],
    {
      cwd: folder,
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    },
  ).catch((failure: { stdout: string; stderr: string }) => failure);
  expect(JSON.parse(stdout || '{}'), stderr).toMatchObject({
    totals: { errors: 0, warnings: 0 },
    problems: [],
  });
});

test('it names the cookie as the browser has it', () => {
  const cookieOn = (server: string) =>
    (describeApi([], server) as { components: { securitySchemes: { browser: { name: string } } } }).components
      .securitySchemes.browser.name;
  expect(cookieOn('http://localhost:3000')).toBe('sam');
  expect(cookieOn('https://sam.example.com')).toBe('__Host-sam');
});

const refsOf = (value: unknown): string[] =>
  [...JSON.stringify(value).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '');

const isThere = (description: object, ref: string): boolean =>
  ref
    .slice(2)
    .split('/')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], description) !==
  undefined;
