// What the agent lets through to a workspace's programs: with which tickets, and to which listeners.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp, request } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createEndpoint, type Endpoint } from '../../agent/identity/endpoint.ts';
import { createTunnels, type Tunnels } from '../../agent/ports/tunnels.ts';
import { createNodePorts, dial } from '../../agent/runtimes/ports.ts';
import { parseListeners } from '../../agent/system/listeners.ts';
import { createKeys, makeSigningKey, type Keys, type TokenType } from '../../bot/access/keys.ts';
import { findFreePort } from '../free-port.ts';
import { until } from '../until.ts';

const ID = 'ws-aaaaaaaaaaaa';
let keys: Keys;
let endpoint: Endpoint;
let tunnels: Tunnels;
let echo: number;
const node = { running: true, access: 2 };
const closing: (() => void)[] = [];

beforeAll(async () => {
  keys = await createKeys({ pems: [makeSigningKey()], issuer: 'https://sam.test' });
  const jwks = createHttp((_req, res) => void res.end(JSON.stringify(keys.jwks()))).listen(0, '127.0.0.1');
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await Promise.all([once(jwks, 'listening'), once(server, 'listening')]);
  closing.push(
    () => void jwks.close(),
    () => void server.close(),
  );
  echo = (server.address() as AddressInfo).port;
  tunnels = createTunnels({
    tickets: {
      jwks: `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/`,
      issuer: 'https://sam.test',
      startedAt: 0,
    },
    find: (id) => (id === ID ? { ...node, connect: (port) => dial('127.0.0.1', port) } : undefined),
    log: () => {},
  });
  const at = { host: '127.0.0.1', port: 0, isSecure: false };
  endpoint = await createEndpoint(at, { '/port': tunnels.handleUpgrade });
});
afterAll(async () => {
  await tunnels.close();
  await endpoint.close();
  for (const close of closing) close();
});

function ticket(change: Record<string, unknown> = {}, type: TokenType = 'sam-port+jwt'): Promise<string> {
  const claims = { aud: `workspace:${ID}`, sub: 'us-1', access: 2, port: echo, jti: randomUUID(), ...change };
  return keys.sign(type, claims, 60);
}

async function knock(bearer: string, headers: Record<string, string> = {}) {
  const asked = request({
    host: '127.0.0.1',
    port: endpoint.port,
    path: '/port',
    agent: false,
    headers: { connection: 'Upgrade', upgrade: 'sam-port', authorization: `Bearer ${bearer}`, ...headers },
  });
  asked.end();
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  asked.on('error', reject);
  asked.on('response', (answer) => resolve([answer.statusCode, answer.headers['sam-refusal']]));
  asked.on('upgrade', (_answer, socket) => {
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    resolve(socket);
  });
  return promise as Promise<[number, string] | Socket>;
}

describe('a ticket', () => {
  test('lets through to its port, once', async () => {
    const good = await ticket();
    const socket = (await knock(good)) as Socket;
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    expect(await knock(good)).toEqual([401, 'bad-ticket']);
  });

  test('of a terminal, of before a revocation, or brought by a page is worth nothing', async () => {
    expect(await knock(await ticket({ drive: true }, 'sam-ticket+jwt'))).toEqual([401, 'bad-ticket']);
    expect(await knock(await ticket({ access: 1 }))).toEqual([401, 'bad-ticket']);
    expect(await knock(await ticket(), { origin: 'https://sam.test' })).toEqual([401, 'bad-ticket']);
    expect(await knock(await ticket({ port: 0 }))).toEqual([401, 'bad-ticket']);
    expect(await knock(await ticket({ port: 70_000 }))).toEqual([401, 'bad-ticket']);
    expect(await knock('nonsense')).toEqual([401, 'bad-ticket']);
  });

  test('says why it does not get there', async () => {
    expect(await knock(await ticket({ aud: 'workspace:ws-bbbbbbbbbbbb' }))).toEqual([404, 'not-here']);
    expect(await knock(await ticket({ port: await findFreePort() }))).toEqual([502, 'nothing-listens']);
    node.running = false;
    expect(await knock(await ticket())).toEqual([409, 'not-running']);
    node.running = true;
  });

  test.skipIf(process.platform !== 'linux')(
    'opens what the kernel looks after, should the bot be gone',
    async () => {
      const { localPort = 0 } = (await knock(await ticket())) as Socket;
      const ends = [endpoint.port, localPort].map(
        (port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`,
      );
      // The kernel's table of connections: local, remote, state, queues, and which timer runs (2: that of keep-alive).
      const timer = () =>
        readFileSync('/proc/self/net/tcp', 'latin1')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .find(([, local = '', remote = '']) => local.endsWith(ends[0]!) && remote.endsWith(ends[1]!))?.[5]
          ?.split(':')[0];
      await expect.poll(timer).toBe('02');
    },
  );

  test('of before a revocation ends what it opened', async () => {
    const [one, other] = [await knock(await ticket()), await knock(await ticket({ access: 3 }))];
    const closed = once(one as Socket, 'close');
    tunnels.revoke(ID, 3);
    await closed;
    expect((other as Socket).destroyed).toBe(false);
    const ended = once(other as Socket, 'close');
    tunnels.revoke(ID, 3, true);
    await ended;
  });
});

describe('the listeners of a workspace on its node', () => {
  const nobody = () => Promise.resolve<number[]>([]);

  test('are those of its processes, and of its user, and no others', async () => {
    const script =
      'require("net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port); })';
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill());
    const port = Number(String((await once(child.stdout, 'data'))[0]));
    const own = { uid: undefined, findPids: () => Promise.resolve([child.pid ?? 0]) };
    const ports = createNodePorts();
    expect(await ports.list(ID, own)).toEqual([port]);
    (await ports.connect(ID, port, own)).destroy();
    // This very process has one, too, as an agent has.
    await expect(ports.connect(ID, echo, own)).rejects.toMatchObject({ code: 'nothing-listens' });
    const other = { uid: undefined, findPids: nobody };
    await expect(ports.connect('ws-bbbbbbbbbbbb', port, other)).rejects.toMatchObject({
      code: 'nothing-listens',
    });
    const stranger = { uid: 59_999, findPids: () => Promise.resolve([child.pid ?? 0]) };
    await expect(ports.connect(ID, port, stranger)).rejects.toMatchObject({ code: 'nothing-listens' });
    const user = { uid: process.getuid?.(), findPids: nobody };
    (await ports.connect(ID, port, user)).destroy();
    child.kill();
    await until(async () => (await ports.list(ID, own)).length === 0);
  });

  test('are read as the kernel writes them', () => {
    const head =
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
    const row = (local: string, state: string, uid: number, inode: number) =>
      `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0000000000000000 100 0 0 10 0\n`;
    const table =
      head +
      row('0100007F:0BB8', '0A', 1000, 11) +
      row('00000000:0050', '0A', 0, 12) +
      row('0100007F:0BB9', '01', 1000, 13) +
      row('00000000000000000000000001000000:1F90', '0A', 7, 14) +
      row('00000000000000000000000000000000:1F91', '0A', 7, 15) +
      row('0000000000000000FFFF00000100007F:1F92', '0A', 7, 16);
    expect(parseListeners(table)).toEqual([
      { port: 3000, address: '127.0.0.1', uid: 1000, inode: '11' },
      { port: 80, address: '127.0.0.1', uid: 0, inode: '12' },
      { port: 8080, address: '0:0:0:0:0:0:0:1', uid: 7, inode: '14' },
      { port: 8081, address: '::1', uid: 7, inode: '15' },
      { port: 8082, address: '127.0.0.1', uid: 7, inode: '16' },
    ]);
  });
});
