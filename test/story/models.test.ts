// From `connect claude` to an answer of a model in a workspace, and back: a whole bot, its node, and a scripted model.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KEY, sendMessage, says, startModel } from '../fakes/model.ts';
import { startSam, type Sam } from '../testers/sam.ts';
import { openSettings } from '../testers/settings.ts';
import { openTerminal } from '../testers/terminal.ts';
import { findEnvironments, findFiles } from '../testers/traces.ts';
import { until } from '../until.ts';

const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

interface Way {
  url: string;
  token: string;
}

/** What a session of the workspace has in its environment. */
async function findWay(sam: Sam): Promise<Way> {
  const terminal = await openTerminal(sam.link());
  const line = await terminal.run('echo "[$ANTHROPIC_BASE_URL,$ANTHROPIC_AUTH_TOKEN]"', /\[http[^\]]+\]/);
  const [url = '', token = ''] = line.slice(1, -1).split(',');
  return { url, token };
}

const ask = ({ url, token }: Way) =>
  fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"messages":[],"stream":true}',
  });

/** What is under way in the moment that the key goes is cut. */
const untilRefused = (way: Way) => until(async () => (await ask(way).catch(() => undefined))?.status === 401);

/** All rows as text, bytes as the letters that they might be. */
async function dump({ place: { sql } }: Sam): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'public'`;
  const rows = await Promise.all(tables.map(({ name }) => sql`select * from ${sql(name)}`));
  return JSON.stringify(rows, (_key, value: unknown) => {
    const isBytes = value instanceof Object && 'type' in value && value.type === 'Buffer' && 'data' in value;
    return isBytes ? Buffer.from(value.data as number[]).toString('latin1') : value;
  });
}

test('a person leaves a key, a program in their workspace works with it, and it is worth nothing once it is taken back', async () => {
  const model = await startModel();
  model.answer = ({ body }, res) => sendMessage(res, body, [says('the answer')]);
  await using sam = await startSam({
    env: { ENCRYPTION_KEY, ANTHROPIC_BASE_URL: model.url },
  });
  sam.place.repository('demo');
  await sam.say('up ./demo');
  const way = await findWay(sam);
  const refused = await ask(way);
  expect([refused.status, await refused.text()]).toEqual([
    401,
    expect.stringContaining('You have left no Anthropic API key with Sam. Say `connect claude`'),
  ]);
  const settings = await openSettings(sam);
  expect((await settings('POST', '/api/credentials', { provider: 'anthropic', value: KEY })).status).toBe(
    201,
  );
  expect(await (await ask(way)).text()).toContain('the answer');
  expect(model.asked.map(({ headers }) => headers['x-api-key'])).toEqual([KEY]);
  // What it cost stands on the card.
  await until(async () => (await sam.say('status demo')).includes('Models: 1 request, 57 tokens'));
  await expectNowhere(sam, way);
  expect((await settings('DELETE', '/api/credentials/anthropic')).status).toBe(204);
  await untilRefused(way);
});

test('what was taken back while the bot heard nothing of it is worth nothing once it listens again', async () => {
  const model = await startModel();
  await using sam = await startSam({
    env: { ENCRYPTION_KEY, ANTHROPIC_BASE_URL: model.url },
  });
  sam.place.repository('demo');
  await sam.say('up ./demo');
  const way = await findWay(sam);
  const settings = await openSettings(sam);
  await settings('POST', '/api/credentials', { provider: 'anthropic', value: KEY });
  expect((await ask(way)).status).toBe(200);
  // Another bot takes it, and this one's connection is gone meanwhile.
  const { sql } = sam.place;
  await sql`delete from credentials`;
  expect((await ask(way)).status).toBe(200);
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query ilike 'listen %'`;
  await untilRefused(way);
});

/** Not on the disk of the bot or the node, in a process's environment, in a row, or on the screen: where other things are found. */
async function expectNowhere(sam: Sam, { token }: Way): Promise<void> {
  const { root, sql } = sam.place;
  const { checkout } = await sam.row('demo');
  expect(findFiles('# demo', root)).toContain(join(checkout, 'demo', 'README.md'));
  expect(findFiles(KEY, root)).toEqual([]);
  const pids = await sam.place.processes();
  expect(findEnvironments(token, pids)).not.toEqual([]);
  expect(findEnvironments(KEY, pids)).toEqual([]);
  const rows = await dump(sam);
  const [sealed] = await sql<{ ciphertext: Buffer }[]>`select ciphertext from credentials`;
  expect(rows).toContain(JSON.stringify(sealed?.ciphertext.toString('latin1')));
  expect(rows).not.toContain(KEY);
  expect(sam.shown()).toContain('Models: 1 request');
  expect(sam.shown()).not.toContain(KEY);
}
