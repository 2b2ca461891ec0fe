// Routes, bodies and answers, over real HTTP where it matters.
import { connect } from 'node:net';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { matchRoute, readBody, sendJson, type Route } from '../../bot/http/routes.ts';
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

describe('a body', () => {
  let server: TestServer;
  const handle: Route['handle'] = async (req, res) =>
    sendJson(res, 200, { size: (await readBody(req, 1000)).length });
  beforeAll(async () => {
    server = await serveRoutes(async () => ({ routes: [{ method: 'POST', path: '/', handle }] }));
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

  test('that is refused is not read to its end', async () => {
    const socket = connect(Number(new URL(server.origin).port), '127.0.0.1');
    let answer = '';
    socket.on('error', () => {}).on('data', (data) => (answer += data.toString()));
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n`);
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 413 [^]*\r\nconnection: close\r\n/i);
  });
});
