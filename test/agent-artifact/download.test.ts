// The bot's downloads of the agent, over HTTP, with archives that stand for real ones.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { artifactRoutes } from '../../bot/nodes/artifact.ts';
import { serveRoutes } from '../access/http-server.ts';

const BYTES = randomBytes(300_000);
const SHA256 = createHash('sha256').update(BYTES).digest('hex');

async function serve({ isBuilt = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-downloads-'));
  const server = await serveRoutes(async (baseUrl) => ({ routes: artifactRoutes({ folder, baseUrl }) }));
  onTestFinished(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const file = 'sam-agent-linux-x64.tar.gz';
  if (isBuilt) {
    writeFileSync(join(folder, file), BYTES);
    const artifacts = [{ os: 'linux', arch: 'x64', file, sha256: SHA256, size: BYTES.length }];
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ version: '1.2.3+abc', artifacts }));
  }
  const get = (path: string, init?: RequestInit) => fetch(`${server.origin}/api/agent/${path}`, init);
  const download = (headers: Record<string, string> = {}, method = 'GET') =>
    get('download?os=linux&arch=x64', { headers, method });
  return { folder, file, get, download, origin: server.origin };
}

test('the bot says which agent it has, and gives it whole', async () => {
  const { get, download } = await serve();
  const artifacts = [{ os: 'linux', arch: 'x64', sha256: SHA256, size: BYTES.length }];
  expect(await (await get('version')).json()).toEqual({ version: '1.2.3+abc', artifacts });
  const answer = await download();
  expect(answer.status).toBe(200);
  expect(answer.headers.get('etag')).toBe(`"${SHA256}"`);
  expect(Buffer.from(await answer.arrayBuffer()).equals(BYTES)).toBe(true);
});

test('who has it already gets no bytes', async () => {
  const { download } = await serve();
  for (const header of [`"${SHA256}"`, `W/"${SHA256}"`, `"other", "${SHA256}"`, '*'])
    expect((await download({ 'if-none-match': header })).status).toBe(304);
  expect((await download({ 'if-none-match': '"other"' })).status).toBe(200);
});

test('a download that broke off goes on where it was', async () => {
  const { download } = await serve();
  const rest = await download({ range: 'bytes=100000-', 'if-range': `"${SHA256}"` });
  expect(rest.status).toBe(206);
  expect(rest.headers.get('content-range')).toBe(`bytes 100000-299999/300000`);
  expect(Buffer.from(await rest.arrayBuffer()).equals(BYTES.subarray(100_000))).toBe(true);
  const ranges = [
    ['bytes=0-0', BYTES.subarray(0, 1)],
    ['bytes=-5', BYTES.subarray(-5)],
    ['bytes=299999-400000', BYTES.subarray(299_999)],
  ] as const;
  for (const [range, wanted] of ranges) {
    const part = await download({ range });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(wanted)).toBe(true);
  }
});

test('a download that goes on with another build begins anew', async () => {
  const { download } = await serve();
  const answer = await download({ range: 'bytes=100000-', 'if-range': '"of-before"' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-length')).toBe('300000');
  await answer.body?.cancel();
});

test('a part that is not there is refused, and a range that nobody can read is passed over', async () => {
  const { download } = await serve();
  const beyond = await download({ range: 'bytes=300000-' });
  expect(beyond.status).toBe(416);
  expect(beyond.headers.get('content-range')).toBe('bytes */300000');
  expect(await beyond.json()).toMatchObject({ error: 'bad-range' });
  for (const range of ['bytes=5-2', 'bytes=-', 'lines=1-2', 'bytes=0-1,3-4']) {
    const whole = await download({ range });
    expect(whole.status).toBe(200);
    await whole.body?.cancel();
  }
});

test('one may look without taking it', async () => {
  const { download } = await serve();
  const head = await download({}, 'HEAD');
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '300000', '']);
});

test('a question that makes no sense hears how to ask', async () => {
  const { get } = await serve();
  for (const query of [
    '',
    '?os=linux',
    '?os=linux&arch=mips',
    '?os=windows&arch=x64',
    '?os=linux&arch=../x64',
  ]) {
    const answer = await get(`download${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: 'bad-request',
      message: expect.stringContaining('arch=x64'),
    });
  }
});

test('a bot that has built nothing says how to build it', async () => {
  const { get } = await serve({ isBuilt: false });
  for (const path of ['version', 'download?os=linux&arch=arm64']) {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({
      error: 'not-built',
      message: expect.stringContaining('npm run build'),
    });
  }
});

test('an archive that is only half written is not given out', async () => {
  const { folder, file, download } = await serve();
  writeFileSync(join(folder, file), BYTES.subarray(0, 1000));
  expect((await download()).status).toBe(404);
});
