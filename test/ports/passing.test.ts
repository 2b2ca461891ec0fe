// What comes through to a program that listens in a workspace, and back, and as what.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser } from './browser.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
let ann: Browser;

beforeAll(async () => {
  stand = await openStand();
  ann = await stand.browser(stand.workspace.owner);
  await ann.open(`${stand.origin()}/`);
});
afterAll(() => stand[Symbol.asyncDispose]());

interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  names: string[];
  body: string;
}

async function echo(path: string, options: Parameters<Browser['ask']>[1] = {}): Promise<Echo> {
  const { status, body } = await ann.ask(`${stand.origin()}${path}`, options);
  expect(status).toBe(200);
  return JSON.parse(body) as Echo;
}

test('a person who is signed in comes to the path that they asked for, by way of their own page', async () => {
  const browser = await stand.browser(stand.workspace.owner);
  const address = `${stand.origin()}/some/path?x=1&y=%2F`;
  const first = await browser.ask(address, { headers: { accept: 'text/html' } });
  expect([first.status, new URL(first.headers.location ?? '').origin]).toEqual([303, stand.baseUrl]);
  const page = await browser.open(address);
  expect([page.status, page.url]).toEqual([200, address]);
  expect(page.body).toContain(`Hello from ${stand.port}`);
});

test('a program sees a visitor at localhost, and none of what others say of the way', async () => {
  const { headers, names, url } = await echo('/echo?a=1', {
    headers: {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-host': 'evil.example',
      forwarded: 'for=6.6.6.6',
      'x-real-ip': '6.6.6.6',
      connection: 'x-secret, keep-alive',
      'x-secret': 'of this connection',
      origin: stand.origin(),
      referer: `${stand.origin()}/page`,
      'x-own': 'stays',
    },
  });
  expect(url).toBe('/echo?a=1');
  expect(headers['host']).toBe(`localhost:${stand.port}`);
  expect(headers['origin']).toBe(`http://localhost:${stand.port}`);
  expect(headers['referer']).toBe(`http://localhost:${stand.port}/page`);
  expect(headers['x-own']).toBe('stays');
  expect(names.filter((name) => /forwarded|real-ip|x-secret/i.test(name))).toEqual([]);
});

test('a page of another workspace is not taken for one of its own', async () => {
  const referer = `${stand.origin(3000, 'ws-aaaaaaaaaaaa')}/page`;
  const { headers } = await echo('/echo', { headers: { referer, 'sec-fetch-mode': 'navigate' } });
  expect(headers['referer']).toBe(referer);
});

test("no cookie of Sam's reaches the program, and the program's own do", async () => {
  // What other tests' programs set is none of this one's.
  const own = /sam-port=[\w-]{43}/.exec(ann.cookies(stand.origin()))?.[0];
  expect(own).toBeDefined();
  const { headers } = await echo('/echo', { headers: { cookie: `${own}; theirs=1; sam=stolen` } });
  expect(headers['cookie']).toBe('theirs=1');
});

test('what a program sets stays on its own host, and is nothing that is ours', async () => {
  const { headers } = await ann.ask(`${stand.origin()}/cookies`);
  expect(headers['set-cookie']).toEqual(['own=1; Path=/; HttpOnly', 'plain=2']);
  expect(headers['clear-site-data']).toBe('"cache"');
  expect(headers['strict-transport-security']).toBeUndefined();
});

test('what a program lets caches keep is for browsers alone: one on the way would give it to anybody', async () => {
  const { headers } = await ann.ask(`${stand.origin()}/kept`);
  expect([headers['cache-control'], headers['cdn-cache-control']]).toEqual([
    'private, max-age=60',
    undefined,
  ]);
  for (const path of ['/', '/kept?hop'])
    expect((await ann.ask(`${stand.origin()}${path}`)).headers['cache-control'], path).toBe('private');
});

test('where a program sends its developer, it sends the visitor', async () => {
  const { headers } = await ann.ask(`${stand.origin()}/away`);
  expect(headers.location).toBe(`${stand.origin()}/echo?there=1`);
});

test('bodies of known length, in pieces, and none', async () => {
  const known = await echo('/echo', { method: 'POST', body: 'four' } as never);
  expect([known.method, known.body]).toEqual(['POST', 'four']);
  const headers = { 'transfer-encoding': 'chunked' };
  const pieces = await echo('/echo', { method: 'PUT', headers, body: 'pieces' } as never);
  expect([pieces.body, pieces.headers['transfer-encoding']]).toEqual(['pieces', 'chunked']);
  const none = await echo('/echo', { method: 'DELETE' });
  expect([none.body, none.headers['transfer-encoding'], none.headers['content-length']]).toEqual([
    '',
    undefined,
    undefined,
  ]);
});

test('a body stays a body, though the connection calls its length a matter of its own', async () => {
  const body = 'GET /another HTTP/1.1\r\nhost: localhost\r\n\r\n';
  const headers = { connection: 'content-length, close', 'content-length': body.length };
  expect((await echo('/echo', { headers, body } as never)).body).toBe(body);
});

test('events come one by one, as they are told', async () => {
  const answer = await ann.begin(`${stand.origin()}/events`, { headers: { accept: 'text/event-stream' } });
  let said = '';
  for await (const piece of answer) {
    said += String(piece);
    if (said.includes('data: 3')) break;
  }
  expect(said).toMatch(/^data: 1\n\ndata: 2\n\ndata: 3/);
});

test('a WebSocket talks both ways, and a refusal of one is shown as it is', async () => {
  const socket = ann.connect(`${stand.origin()}/live`);
  await once(socket, 'open');
  socket.send('hello');
  const [said] = (await once(socket, 'message')) as [Buffer];
  expect(said.toString()).toBe('hello');
  const refused = ann.connect(`${stand.origin()}/refused`);
  refused.on('error', () => {});
  const [, answer] = (await once(refused, 'unexpected-response')) as [unknown, { statusCode: number }];
  expect(answer.statusCode).toBe(418);
});

test('two lengths of one body are a bad request, and no program hears of it', async () => {
  const { host, port } = new URL(stand.origin());
  const asked = request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: '/echo',
    agent: false,
    headers: {
      host,
      cookie: ann.cookies(stand.origin()),
      'content-length': '5',
      'transfer-encoding': 'chunked',
    },
  });
  asked.end('hello');
  const [answer] = (await once(asked, 'response')) as [{ statusCode: number }];
  expect(answer.statusCode).toBe(400);
});

const MB = 1 << 20;

const LOOK_EVERY = 32 * MB;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Of what is only not collected yet nobody holds anything. In bytes. */
function measureHeld(): number {
  collect();
  // What the one before it found is freed beside it: the second waits for that.
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test('many bytes go both ways, and are held nowhere', async () => {
  const before = measureHeld();
  let peak = 0;
  const look = () => (peak = Math.max(peak, measureHeld() - before));
  const size = 256 * MB;
  const down = await ann.begin(`${stand.origin()}/bytes?n=${size}`);
  let bytes = 0;
  for await (const piece of down) {
    const isOften =
      Math.trunc(bytes / LOOK_EVERY) < Math.trunc((bytes += (piece as Buffer).length) / LOOK_EVERY);
    if (isOften) look();
  }
  expect(bytes).toBe(size);
  const { promise, resolve } = Promise.withResolvers<string>();
  const { host, port } = new URL(stand.origin());
  const headers = { host, cookie: ann.cookies(stand.origin()), 'content-length': size };
  const up = request(
    { host: '127.0.0.1', port, method: 'POST', path: '/count', agent: false, headers },
    (answer) => void answer.toArray().then((parts: Buffer[]) => resolve(Buffer.concat(parts).toString())),
  );
  const piece = Buffer.alloc(MB, 5);
  const hash = createHash('sha256');
  for (let sent = 0; sent < size; sent += piece.length) {
    hash.update(piece);
    if (!up.write(piece)) await once(up, 'drain');
    if (sent % LOOK_EVERY === 0) look();
  }
  up.end();
  expect(JSON.parse(await promise)).toEqual({ bytes: size, hash: hash.digest('hex') });
  expect(peak / MB).toBeLessThan(16);
});
