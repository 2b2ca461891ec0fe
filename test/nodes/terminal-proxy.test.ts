// Terminals of local nodes through the bot's port: what goes in comes out, and nothing else goes in.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { connect as dial, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { createTerminalPipe, type TerminalPipe } from '../../bot/nodes/terminal-proxy.ts';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';
import { openRows, type Rows } from '../access/rows.ts';

const MEBIBYTE = 1 << 20;
let rows: Rows;
let server: TestServer;
let pipe: TerminalPipe;
let terminal: WebSocketServer;
let nodeId: string;
let seen: { url: string | undefined; headers: IncomingHttpHeaders }[];
let viewers: WebSocket[];

beforeAll(async () => {
  rows = await openRows();
  server = await serveRoutes(async (baseUrl) => {
    pipe = createTerminalPipe({
      db: rows.db,
      baseUrl,
      traitsOf: traitsIn(providers),
      log: pino({ level: 'silent' }),
    });
    return { upgrades: [pipe.upgrade] };
  });
});
afterAll(async () => {
  pipe.close();
  await server.close();
  await rows.close();
});
beforeEach(async () => {
  viewers = [];
  seen = [];
  terminal = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(terminal, 'listening');
  terminal.on('connection', (_socket, req: IncomingMessage) =>
    seen.push({ url: req.url, headers: req.headers }),
  );
  nodeId = (await rows.addNode({ terminalPort: (terminal.address() as AddressInfo).port })).id;
});
afterEach(() => {
  for (const viewer of viewers) viewer.terminate();
  for (const socket of terminal.clients) socket.terminate();
  terminal.close();
});

function view(headers: Record<string, string> = {}, path = `/nodes/${nodeId}/terminal`): WebSocket {
  const viewer = new WebSocket(`${server.origin.replace('http', 'ws')}${path}`, {
    headers: { origin: server.origin, ...headers },
  });
  viewer.on('error', () => {});
  viewers.push(viewer);
  return viewer;
}

async function openBoth(): Promise<{ viewer: WebSocket; agent: WebSocket }> {
  const connected = once(terminal, 'connection') as Promise<[WebSocket]>;
  const viewer = view();
  await once(viewer, 'open');
  return { viewer, agent: (await connected)[0] };
}

async function refusal(viewer: WebSocket): Promise<number | undefined> {
  const [, response] = (await once(viewer, 'unexpected-response')) as [unknown, IncomingMessage];
  return response.statusCode;
}

describe('what is said', () => {
  test('arrives unchanged, 1 MiB at once both ways at the same time', async () => {
    const { viewer, agent } = await openBoth();
    const [down, up] = [randomBytes(MEBIBYTE), randomBytes(MEBIBYTE)];
    const arrived = Promise.all([once(viewer, 'message'), once(agent, 'message')]);
    agent.send(down);
    viewer.send(up);
    const [[atViewer], [atAgent]] = (await arrived) as [[Buffer], [Buffer]];
    expect(atViewer.equals(down)).toBe(true);
    expect(atAgent.equals(up)).toBe(true);
  });

  test('waits at the node while a viewer reads nothing, and none of it is lost', async () => {
    const { viewer, agent } = await openBoth();
    const others = await openBoth();
    viewer.pause();
    const pieces = Array.from({ length: 64 }, () => randomBytes(MEBIBYTE));
    let arrived = 0;
    const all = new Promise<void>((resolve) => {
      viewer.on('message', (data: Buffer) => {
        expect(data.equals(pieces[arrived]!)).toBe(true);
        if (++arrived === pieces.length) resolve();
      });
    });
    for (const piece of pieces) agent.send(piece);
    // Meanwhile others are served.
    for (let count = 0; count < 16; count++) {
      others.agent.send(pieces[count]!);
      await once(others.viewer, 'message');
    }
    expect(agent.bufferedAmount).toBeGreaterThan(32 * MEBIBYTE);
    viewer.resume();
    await all;
  });

  test('ends on one side when it ends on the other, with its code', async () => {
    const first = await openBoth();
    const told = once(first.viewer, 'close');
    first.agent.close(4410, 'stopped');
    expect((await told)[0]).toBe(4410);
    const second = await openBoth();
    const gone = once(second.agent, 'close');
    second.viewer.terminate();
    await gone;
    const third = await openBoth();
    const lost = once(third.viewer, 'close');
    third.agent.terminate();
    expect((await lost)[0]).toBe(1006);
  });

  test('ends when the bot ends', async () => {
    const { viewer, agent } = await openBoth();
    const ends = Promise.all([once(viewer, 'close'), once(agent, 'close')]);
    pipe.close();
    await ends;
  });
});

describe('a node', () => {
  test('sees the handshake, where it comes from, and no cookie, token or address of the viewer', async () => {
    const viewer = view({
      cookie: 'sam=secret',
      authorization: 'Bearer secret',
      'x-forwarded-for': '192.0.2.1',
      'user-agent': 'browser',
    });
    await once(viewer, 'open');
    expect(seen).toHaveLength(1);
    expect(seen[0]!.url).toBe('/terminal');
    expect(Object.keys(seen[0]!.headers).sort()).toEqual([
      'connection',
      'host',
      'origin',
      'sec-websocket-extensions',
      'sec-websocket-key',
      'sec-websocket-version',
      'upgrade',
    ]);
    expect(seen[0]!.headers.origin).toBe(server.origin);
  });

  test('is not asked at all by another origin', async () => {
    for (const origin of ['https://evil.example', 'null', `${server.origin}.evil.example`])
      expect(await refusal(view({ origin }))).toBe(403);
    const bare = new WebSocket(`${server.origin.replace('http', 'ws')}/nodes/${nodeId}/terminal`);
    bare.on('error', () => {});
    expect(await refusal(bare)).toBe(403);
    expect(seen).toHaveLength(0);
  });

  test('that is unknown, deleted or in a cloud has no terminals here', async () => {
    const port = (terminal.address() as AddressInfo).port;
    const cloud = await rows.addNode({ provider: 'hetzner', terminalPort: port });
    const deleted = await rows.addNode({ phase: 'deleted', terminalPort: port });
    for (const id of [cloud.id, deleted.id, 'nd-aaaaaaaaaaaa', 'nd-%00', '..%2f'])
      expect(await refusal(view({}, `/nodes/${id}/terminal`)).catch(String)).toBe(404);
    expect(seen).toHaveLength(0);
  });

  test('whose agent is down, or has not said where it listens, is unavailable', async () => {
    const silent = await rows.addNode({ terminalPort: null });
    expect(await refusal(view({}, `/nodes/${silent.id}/terminal`))).toBe(503);
    const port = await freePort();
    const down = await rows.addNode({ terminalPort: port });
    expect(await refusal(view({}, `/nodes/${down.id}/terminal`))).toBe(503);
  });

  test('is spared oversized headers', async () => {
    expect(await refusal(view({ 'sec-websocket-protocol': 'x'.repeat(9000) }))).toBe(431);
    expect(seen).toHaveLength(0);
  });

  test('gets what came along with the handshake', async () => {
    const heard = new Promise<string>((resolve) => {
      terminal.once('connection', (socket: WebSocket) =>
        socket.once('message', (data: Buffer) => resolve(data.toString())),
      );
    });
    const socket = dial(Number(new URL(server.origin).port), '127.0.0.1');
    await once(socket, 'connect');
    const head = [
      `GET /nodes/${nodeId}/terminal HTTP/1.1`,
      'host: x',
      'connection: Upgrade',
      'upgrade: websocket',
      `origin: ${server.origin}`,
      'sec-websocket-version: 13',
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      '\r\n',
    ].join('\r\n');
    const masked = Buffer.from([0x81, 0x82, 0, 0, 0, 0, ...Buffer.from('hi')]);
    socket.write(Buffer.concat([Buffer.from(head), masked]));
    expect(await heard).toBe('hi');
    await end(socket);
  });
});

async function end(socket: Socket): Promise<void> {
  socket.destroy();
  await once(socket, 'close');
}

async function freePort(): Promise<number> {
  const listener: Server = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}
