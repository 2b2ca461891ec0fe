// Routes, bodies and answers, over real HTTP where it matters.
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { matchRoute, readBody, sendJson, type Hosts, type Route } from '../../bot/http/routes.ts';
import { listen, type HttpServer } from '../../bot/http/server.ts';
import { until } from '../until.ts';
import { serveRoutes, type TestServer } from './http-server.ts';

const route = (method: Route['method'], path: string): Route => ({ method, path, handle: () => {} });

describe('a route', () => {
  const routes = [route('GET', '/w/:workspace'), route('POST', '/api/x'), route('GET', '/api/x')];

  test('is found by method and path, with what stands in it', () => {
    expect(matchRoute(routes, 'GET', '/w/ws-a%20b')).toEqual({
      route: routes[0],
      params: { workspace: 'ws-a b' },
    });
    expect(matchRoute(routes, 'HEAD', '/api/x')).toEqual({ route: routes[2], params: {} });
    expect(matchRoute(routes, 'DELETE', '/api/x')).toBe('method');
    for (const path of ['/w', '/w/', '/w/a/b', '/api/x/', '/API/x', '/w/%', ''])
      expect(matchRoute(routes, 'GET', path)).toBeUndefined();
  });

  test('never throws, whatever the path', () => {
    fc.assert(
      fc.property(fc.webPath(), fc.string(), (one, other) => {
        matchRoute(routes, 'GET', one);
        matchRoute(routes, other, `/w/${other}`);
      }),
    );
  });
});

describe('a path that is not normalised', () => {
  let server: HttpServer;
  const answer: Route['handle'] = (_req, res) => sendJson(res, 200, {});
  beforeAll(async () => {
    server = await listen({
      host: '127.0.0.1',
      port: 0,
      baseUrl: 'https://sam.test',
      log: pino({ level: 'silent' }),
    });
    server.serve([route('GET', '/metrics'), route('GET', '/w/:workspace')].map(answered), []);
  });
  afterAll(() => server.close());
  const answered = (one: Route): Route => ({ ...one, handle: answer });

  /** As it is, which fetch would not send. */
  const get = async (path: string): Promise<number> => {
    const socket = connect(server.port, '127.0.0.1');
    let text = '';
    socket.on('error', () => {}).on('data', (data) => (text += data.toString()));
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    await once(socket, 'close');
    return Number(text.split(' ')[1]);
  };

  test.each([
    '//x/metrics',
    '//metrics',
    '/\\x/metrics',
    '/w/../metrics',
    '/w/%2e%2e/metrics',
    '/w/.%2E/metrics',
    '/./metrics',
    '/w/..\\..\\metrics',
    '/w/..%2fmetrics',
    '/w/..%5Cmetrics',
    '/w//x',
    'http://x/metrics',
  ])('%s is none of ours', async (path) => {
    expect(await get(path)).toBe(404);
  });

  test('says to browsers that we are reached by https alone, where we are', async () => {
    const response = await fetch(`http://127.0.0.1:${server.port}/metrics`);
    expect(response.headers.get('strict-transport-security')).toBe('max-age=31536000');
  });

  test.each(['/metrics', '/metrics?to=//x/../y', '/w/ws-a%20b'])('%s is one', async (path) => {
    expect(await get(path)).toBe(200);
  });
});

/** No time passes by itself until the test ends. */
const stopClock = () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
};

describe('what takes long', () => {
  let server: HttpServer;
  let answer: ServerResponse;
  beforeAll(async () => {
    const log = pino({ level: 'silent' });
    server = await listen({ host: '127.0.0.1', port: 0, baseUrl: 'http://sam.test', log });
    const handle: Route['handle'] = (_req, res) => void (answer = res.writeHead(200)).write('begins');
    const hosts: Hosts = {
      owns: ({ headers }) => headers.host === 'other',
      handle: async (_req, res) => void res.end('no'),
      upgrade: async () => {},
    };
    server.serve([{ method: 'GET', path: '/', handle }], [], hosts);
  });
  afterAll(() => server.close());

  const ask = async (host: string, more = ''): Promise<Socket> => {
    const socket = connect(server.port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void socket.destroy());
    socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n${more}\r\n`);
    await once(socket, 'data');
    return socket;
  };

  test('is told for as long as it takes', async () => {
    stopClock();
    const socket = await ask('sam.test');
    await vi.advanceTimersByTimeAsync(60_000);
    answer.write('goes on');
    expect(String((await once(socket, 'data'))[0])).toContain('goes on');
  });

  test.each(['sam.test', 'other'])('is heard for half a minute at %s, answered or not', async (host) => {
    stopClock();
    const socket = await ask(host, 'content-length: 5000\r\n');
    const closed = once(socket, 'close');
    // Of one that is silent Node itself has enough.
    const drops = setInterval(() => void socket.write('x'), 100);
    onTestFinished(() => clearInterval(drops));
    await vi.advanceTimersByTimeAsync(30_000);
    await closed;
  });
});

describe('a body', () => {
  let server: TestServer;
  const handle: Route['handle'] = async (req, res) =>
    sendJson(res, 200, { size: (await readBody(req, 1000)).length });
  beforeAll(async () => {
    const large: Route['handle'] = async (req, res) =>
      sendJson(res, 200, { size: (await readBody(req, 5_000_000)).length });
    server = await serveRoutes(async () => ({
      routes: [
        { method: 'POST', path: '/', handle },
        { method: 'POST', path: '/large', handle: large },
      ],
    }));
  });
  afterAll(() => server.close());

  const post = (body: NonNullable<RequestInit['body']>, more: RequestInit & { duplex?: 'half' } = {}) =>
    fetch(server.origin, { method: 'POST', body, ...more });

  test('is read up to its limit', async () => {
    expect(await (await post('x'.repeat(1000))).json()).toEqual({ size: 1000 });
    expect(await (await post('')).json()).toEqual({ size: 0 });
  });

  test('that is larger is refused, whether it says so before or not', async () => {
    expect((await post('x'.repeat(1001))).status).toBe(413);
    const stream = new Blob(['x'.repeat(600), 'x'.repeat(600)]).stream();
    expect((await post(stream, { duplex: 'half' })).status).toBe(413);
  });

  const open = (length: number): { socket: Socket; heard: () => string; answer: Promise<string> } => {
    const socket = connect(Number(new URL(server.origin).port), '127.0.0.1');
    let text = '';
    socket.on('error', () => {}).on('data', (data) => (text += data.toString()));
    socket.write(`POST /large HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`);
    return { socket, heard: () => text, answer: once(socket, 'close').then(() => text) };
  };

  test('of somebody who lets us wait is held for 15 s and no longer', async () => {
    stopClock();
    const timers = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => timers.mockRestore());
    const { socket, heard, answer } = open(1000);
    await new Promise((resolve) => socket.write('x', resolve));
    // Not just any timer: the connections that earlier requests left open have some of their own.
    await until(() => timers.mock.calls.some(([, ms]) => ms === 15_000));
    await vi.advanceTimersByTimeAsync(14_999);
    // Whatever was said before has come when somebody who asks later has their answer.
    await post('x');
    expect(heard()).toBe('');
    await vi.advanceTimersByTimeAsync(1);
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('makes room where many are held: the oldest goes, the next is read', async () => {
    stopClock();
    const held = Array.from({ length: 20 }, () => open(5_000_000));
    const part = 'x'.repeat(4_900_000);
    for (const { socket } of held) await new Promise((resolve) => socket.write(part, resolve));
    const gone = held.slice(0, 5).map(({ answer }) => answer);
    for (const answer of await Promise.all(gone)) expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(await (await fetch(`${server.origin}/large`, { method: 'POST', body: part })).json()).toEqual({
      size: part.length,
    });
    for (const { socket } of held) socket.destroy();
  });

  test('that is refused is not read to its end', async () => {
    const socket = connect(Number(new URL(server.origin).port), '127.0.0.1');
    let answer = '';
    socket.on('error', () => {}).on('data', (data) => (answer += data.toString()));
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n`);
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 413 [^]*\r\nconnection: close\r\n/i);
  });
});
