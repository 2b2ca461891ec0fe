// The gateway by itself: bytes as they are in both directions, who may ask what, and what models refuse.
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createGateway, type Client, type Gateway } from '../../../agent/models/gateway.ts';
import { MAX_BODY_BYTES } from '../../../agent/models/forward.ts';
import type { Key } from '../../../agent/models/keys.ts';
import type { Tokens } from '../../../agent/models/usage.ts';
import { KEY, sendMessage, says, startModel, type FakeModel } from '../../fakes/model.ts';
import { eventually } from '../../testers/watch.ts';

const ONE = 'ws-aaaaaaaaaaaa';
const OTHER = 'ws-bbbbbbbbbbbb';

let model: FakeModel;
let gateway: Gateway;
let port: number;
let clients: Map<string, Client>;
let used: [string, Tokens][];
let key: Key;

beforeEach(async () => {
  model = await startModel();
  clients = new Map([ONE, OTHER].map((id) => [id, { run: 1 }]));
  const costs: typeof used = [];
  used = costs;
  key = { value: KEY };
  gateway = createGateway({
    secret: Buffer.alloc(32, 5),
    keys: { find: () => Promise.resolve(key) },
    services: () => ({ anthropic: `${model.url}/base`, openai: `${model.url}/other` }),
    find: (id) => clients.get(id),
    onUsage: (id, tokens) => costs.push([id, tokens]),
    log: { info: () => {}, warn: () => {}, error: () => {} },
  });
  onTestFinished(() => gateway.close());
  ({ port } = await gateway.listen({ host: '127.0.0.1', port: 0 }));
});

interface Asking {
  method?: string;
  path?: string;
  token?: string | undefined;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

function start({ method = 'POST', path = '/v1/messages', token, headers = {}, body = '{}' }: Asking) {
  const given = token ?? gateway.tokenOf(ONE, 1);
  const all = { ...bearer(given), ...headers };
  const asking = request({ port, host: '127.0.0.1', method, path, headers: all });
  asking.on('error', () => {});
  asking.end(method === 'GET' ? undefined : body);
  return asking;
}

async function ask(asking: Asking = {}) {
  const [answer] = (await once(start(asking), 'response')) as [IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of answer) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  return { status: answer.statusCode, headers: answer.headers, body, text: body.toString('utf8') };
}

async function statusFrom(where: RequestOptions, workspace = ONE): Promise<number | undefined> {
  const headers = bearer(gateway.tokenOf(workspace, 1));
  const asking = request({ port, method: 'POST', path: '/v1/messages', headers, ...where }).end('{}');
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

test('what goes in and what comes out are the same bytes', async () => {
  const [asked, answered] = [randomBytes(3 << 20), randomBytes(3 << 20)];
  let got: Buffer | undefined;
  model.answer = (_asked, res) => {
    got = model.bodies.at(-1);
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': answered.length });
    res.end(answered);
  };
  const { body, headers } = await ask({ body: asked, headers: { 'content-length': String(asked.length) } });
  expect(got!.equals(asked)).toBe(true);
  expect(body.equals(answered)).toBe(true);
  expect(headers['content-length']).toBe(String(answered.length));
});

test('each piece of a stream is there before the next one is made', async () => {
  const go: (() => void)[] = [];
  model.answer = async (_asked, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    for (const piece of ['event: a\n', 'data: {"x":1', '}\n\n']) {
      await new Promise<void>((resolve) => void go.push(resolve));
      res.write(piece);
    }
    res.end();
  };
  const [answer] = (await once(start({}), 'response')) as [IncomingMessage];
  for (const piece of ['event: a\n', 'data: {"x":1', '}\n\n']) {
    await eventually(() => go.length > 0, 'the model to wait');
    go.shift()!();
    const [data] = (await once(answer, 'data')) as [Buffer];
    expect(data.toString()).toBe(piece);
  }
});

test('only named headers pass, in either direction, and the key stands in place of the token', async () => {
  model.answer = ({ body }, res) => {
    res.setHeader('set-cookie', 'a=b').setHeader('request-id', 'req_1').setHeader('x-secret', 'x');
    res.setHeader('anthropic-ratelimit-tokens-remaining', '7');
    sendMessage(res, body, [says('hello')]);
  };
  const { headers } = await ask({
    path: '/v1/messages?beta=true',
    headers: {
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'one,two',
      cookie: 'a=b',
      'x-forwarded-for': '1.2.3.4',
      'accept-encoding': 'gzip',
      'x-api-key': 'something',
    },
  });
  const [{ path, headers: seen }] = model.asked as [(typeof model.asked)[0]];
  expect(path).toBe('/base/v1/messages?beta=true');
  expect(seen).toEqual({
    host: model.url.replace('http://', ''),
    connection: 'keep-alive',
    'content-length': '2',
    'accept-encoding': 'identity',
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'one,two',
    'x-api-key': KEY,
  });
  const { date: _date, ...rest } = headers;
  expect(rest).toMatchObject({ 'request-id': 'req_1', 'anthropic-ratelimit-tokens-remaining': '7' });
  expect(Object.keys(rest)).not.toContain('set-cookie');
  expect(Object.keys(rest)).not.toContain('x-secret');
});

test('whoever hangs up ends the question at the model, and a model that hangs up cuts the answer', async () => {
  const closed: string[] = [];
  model.answer = (_asked, res) => {
    res.on('close', () => closed.push('model'));
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  };
  const asking = start({});
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  answer.on('error', () => {});
  await once(answer, 'data');
  asking.destroy();
  await eventually(() => closed.length === 1, 'the end at the model');
  model.answer = (_asked, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n', () => res.destroy());
  };
  const [cut] = (await once(start({}), 'response')) as [IncomingMessage];
  const [error] = (await once(cut.resume(), 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});

test('whoever reads slowly holds the model up, and not the memory of the node', async () => {
  const size = 64 << 20;
  let sent = 0;
  let isWaiting = false;
  model.answer = async (_asked, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const piece = Buffer.alloc(64 << 10, 'x');
    const closed = once(res, 'close');
    for (; sent < size && !res.destroyed; sent += piece.length) {
      isWaiting = !res.write(piece);
      if (isWaiting) await Promise.race([once(res, 'drain'), closed]);
      isWaiting = false;
    }
    res.end();
  };
  let answer: IncomingMessage | undefined;
  const note = (message: unknown) => ({ response: answer } = message as { response: IncomingMessage });
  subscribe('http.client.response.finish', note);
  onTestFinished(() => void unsubscribe('http.client.response.finish', note));
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const head = `POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.tokenOf(ONE, 1)}\r\ncontent-length: 2\r\n\r\n{}`;
  socket.on('error', () => {}).write(head);
  await once(socket, 'readable');
  // It reads no more: what the kernel and the streams take is taken, and then the gateway waits, and so does the model.
  await eventually(() => isWaiting && answer?.isPaused(), 'the gateway and the model to wait');
  expect(sent).toBeLessThan(32 << 20);
  socket.resume();
  await eventually(() => sent === size, 'the rest');
});

test.each([401, 402, 403, 429, 500, 529])('a %i of the model passes as it is', async (status) => {
  const body = JSON.stringify({ type: 'error', error: { type: 'some_error', message: 'no' } });
  model.answer = (_asked, res) =>
    void res
      .writeHead(status, { 'content-type': 'application/json', 'retry-after': '3', 'x-should-retry': 'true' })
      .end(body);
  const answer = await ask();
  expect([answer.status, answer.text]).toEqual([status, body]);
  expect(answer.headers).toMatchObject({ 'retry-after': '3', 'x-should-retry': 'true' });
  expect(used).toEqual([]);
});

test('what an answer cost is counted, streamed or not, and the counting of tokens is not', async () => {
  const cost = { input: 12, output: 34, cacheRead: 5, cacheWrite: 6 };
  await ask({ body: '{"stream":true}' });
  await ask({ body: '{}' });
  await ask({ path: '/v1/messages/count_tokens' });
  await ask({ method: 'GET', path: '/v1/models' });
  await ask({ token: gateway.tokenOf(OTHER, 1) });
  await eventually(() => used.length === 3, 'three answers');
  expect(used).toEqual([ONE, ONE, OTHER].map((id) => [id, cost]));
});

test.each([
  ['GET', '/v1/messages'],
  ['POST', '/v1/files'],
  ['POST', '/v1/messages/batches'],
  ['PUT', '/v1/models/x'],
  ['POST', '/v1/messages/../files'],
  ['POST', '/v1/messages%2f..%2ffiles'],
  ['POST', '//evil.example/v1/messages'],
  ['POST', 'http://evil.example/v1/messages'],
  ['POST', '/v1/messages?a=b#@evil.example/'],
  ['POST', '/openai/v1/files'],
  ['GET', '/v1/models/..'],
  ['GET', '/v1/models/.'],
])('%s %s is asked of nobody', async (method, path) => {
  expect((await ask({ method, path })).status).toBe(404);
  expect(model.asked).toEqual([]);
});

// Behind the head of a request that has no body these bytes would be the next one on the connection to the model: with the key of
// whoever asks next in its body.
const HIDDEN = 'POST /v1/files HTTP/1.1\r\nhost: x\r\nx-api-key: theirs\r\ncontent-length: 4000\r\n\r\n';

test.each([
  ['in pieces', 'transfer-encoding: chunked', `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`],
  ['by its length', `content-length: ${HIDDEN.length}`, HIDDEN],
])('a GET with a body, %s, is refused, and reaches no model', async (_, framing, body) => {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let answered = '';
  socket.on('error', () => {}).on('data', (data) => (answered += data.toString()));
  const authorization = `authorization: Bearer ${gateway.tokenOf(ONE, 1)}`;
  socket.write(`GET /v1/models HTTP/1.1\r\nhost: x\r\n${authorization}\r\n${framing}\r\n\r\n${body}`);
  await eventually(() => answered.includes('\r\n\r\n'), 'an answer');
  expect(answered).toMatch(/^HTTP\/1\.1 400 /);
  await ask({ method: 'GET', path: '/v1/models' });
  expect(model.asked.map(({ method, path }) => [method, path])).toEqual([['GET', '/base/v1/models']]);
});

test('another service has its own address, its own prefix, and its own way to bring the key', async () => {
  await ask({ path: '/openai/v1/responses' });
  expect(model.asked).toMatchObject([
    { path: '/other/v1/responses', headers: { authorization: `Bearer ${KEY}` } },
  ]);
});

test('who has no token of what runs here asks nothing', async () => {
  const good = gateway.tokenOf(ONE, 1);
  const tokens = [
    '',
    'x',
    `${good}x`,
    good.slice(0, -1) + (good.endsWith('A') ? 'B' : 'A'),
    gateway.tokenOf(ONE, 2),
    gateway.tokenOf('ws-cccccccccccc', 1),
    good.replace('aaaaaaaaaaaa', 'bbbbbbbbbbbb'),
    KEY,
  ];
  for (const token of tokens) {
    const answer = await ask({ token });
    expect([answer.status, answer.headers['x-should-retry']]).toEqual([401, 'false']);
  }
  clients.delete(ONE);
  expect((await ask({ token: good })).status).toBe(401);
  expect(model.asked).toEqual([]);
  clients.set(ONE, { run: 1 });
  const asKey = { authorization: '', 'x-api-key': good };
  expect((await ask({ headers: asKey })).status).toBe(200);
});

test('a socket that was given to one workspace takes the token of no other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sam-gateway-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const socketPath = join(folder, 'models.sock');
  // Its users are others in there: the kernel is not asked.
  clients.set(ONE, { run: 1, uid: 4242 });
  await gateway.listen({ path: socketPath }, ONE);
  const statusOf = (workspace: string) => statusFrom({ socketPath }, workspace);
  expect([await statusOf(ONE), await statusOf(OTHER)]).toEqual([200, 401]);
});

test.skipIf(process.platform !== 'linux')(
  'on loopback a token counts from processes of its own user alone',
  async () => {
    clients.set(ONE, { run: 1, uid: process.getuid!() });
    expect((await ask()).status).toBe(200);
    clients.set(ONE, { run: 1, uid: process.getuid!() + 1 });
    expect((await ask()).status).toBe(401);
  },
);

test.skipIf(process.platform !== 'linux')(
  'on loopback a token counts from the port of a neighbour no more than from any other',
  async () => {
    clients.set(ONE, { run: 1, uid: process.getuid!() });
    const open = connect(port, '127.0.0.1');
    onTestFinished(() => void open.destroy());
    await once(open, 'connect');
    const neighbour = { host: '127.0.0.1', localAddress: '127.0.0.2', localPort: open.localPort! };
    expect(await statusFrom(neighbour)).toBe(401);
  },
);

test.skipIf(process.platform !== 'linux')(
  'on loopback a program that speaks IPv6 alone to an address of IPv4 asks as any other',
  async () => {
    clients.set(ONE, { run: 1, uid: process.getuid!() });
    expect(await statusFrom({ host: '::ffff:127.0.0.1' })).toBe(200);
    clients.set(ONE, { run: 1, uid: process.getuid!() + 1 });
    expect(await statusFrom({ host: '::ffff:127.0.0.1' })).toBe(401);
  },
);

test('a body that no model takes is refused, whether it says its length or not', async () => {
  const announced = { 'content-length': String(MAX_BODY_BYTES + 1) };
  expect((await ask({ headers: announced, body: '' })).status).toBe(413);
  const headers = { 'transfer-encoding': 'chunked' };
  const asking = start({ headers, body: Buffer.alloc(MAX_BODY_BYTES + 1) });
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  expect(answer.resume().statusCode).toBe(413);
});

test('a redirect is not followed: the key is for that address alone', async () => {
  model.answer = (_asked, res) => void res.writeHead(307, { location: `${model.url}/elsewhere` }).end();
  const answer = await ask();
  expect([answer.status, answer.headers.location, model.asked.length]).toEqual([502, undefined, 1]);
  expect(answer.text).toContain('redirect');
});

test('a model that cannot be reached is a 502, which programs try again', async () => {
  await model.close();
  const answer = await ask();
  expect([answer.status, answer.headers['x-should-retry']]).toEqual([502, undefined]);
  expect(answer.text).toContain('cannot be reached');
});

test.each(['away', 'busy', 'unavailable'])(
  'a key that is %s for a moment is asked for again',
  async (code) => {
    key = { error: { code } };
    const answer = await ask();
    expect([answer.status, answer.headers['x-should-retry']]).toEqual([503, undefined]);
  },
);

test('a key that is none any more ends answers under way; a bot that is away ends none', async () => {
  let write: (text: string) => void = () => {};
  model.answer = (_asked, res) => {
    write = (text) => void res.write(text);
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  };
  const [answer] = (await once(start({}), 'response')) as [IncomingMessage];
  for (const code of ['away', 'busy', 'unavailable']) {
    key = { error: { code } };
    gateway.recheck();
    await new Promise(setImmediate);
  }
  write('data: 1\n\n');
  const [data] = (await once(answer, 'data')) as [Buffer];
  expect(data.toString()).toBe('data: 1\n\n');
  key = { error: { code: 'none' } };
  gateway.recheck();
  await once(answer, 'error');
});

test('of one workspace many ask at once, and not more', async () => {
  const open: (() => void)[] = [];
  model.answer = (_asked, res) => void open.push(() => res.end('{}'));
  const first = Array.from({ length: 64 }, () => ask());
  await eventually(() => open.length === 64, '64 questions');
  expect((await ask()).status).toBe(429);
  first.push(ask({ token: gateway.tokenOf(OTHER, 1) }));
  await eventually(() => open.length === 65, 'the question of another workspace');
  for (const end of open) end();
  await Promise.all(first);
});
