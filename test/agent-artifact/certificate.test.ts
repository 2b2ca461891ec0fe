// A node's certificate, end to end: the bot's own route over a real database, an authority by openssl, the agent's half and
// its terminal's port.
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { generateKeyPairSync } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer, type ClientOptions } from 'ws';
import { keepCertificate, type Pair } from '../../agent/identity/certificate.ts';
import { makeCertificateRequest } from '../../agent/identity/certificate.ts';
import { createEndpoint } from '../../agent/identity/endpoint.ts';
import { createLog } from '../../agent/log.ts';
import type { Bootstrap } from '../../agent/protocol.ts';
import { AGENT_AUDIENCE } from '../../bot/access/machines/bootstrap.ts';
import { makeSigningKey } from '../../bot/access/keys.ts';
import { createKeys, type Keys } from '../../bot/access/keys.ts';
import { certificateRoutes } from '../../bot/nodes/certificate.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { createWatch } from '../testers/watch.ts';
import { createAuthority, type Authority } from './authority.ts';

const DAY_MS = 24 * 3600_000;
const hostnameOf = (id: string) => `vm-${id.slice(3)}.nodes.test`;

let rows: Rows;
let keys: Keys;
let server: TestServer;
let authority: Authority;
let refuses = false;
beforeAll(async () => {
  authority = createAuthority();
  rows = await openRows();
  server = await serveRoutes(async (baseUrl) => {
    keys = await createKeys({ pems: [makeSigningKey()], issuer: baseUrl });
    const routes = certificateRoutes({
      db: rows.db,
      keys,
      log: pino({ level: 'silent' }),
      hostnameOf: ({ id, provider }) => (provider === 'local' ? undefined : hostnameOf(id)),
      issue: (csr, hostname) => (refuses ? Promise.reject(new Error('no')) : authority.issue(csr, hostname)),
      perHour: 3,
    });
    return { routes };
  });
});
afterAll(async () => {
  await server.close();
  await rows.close();
  authority.remove();
});

async function addNode(provider = 'hetzner') {
  const { id } = await rows.addNode({ provider });
  const token = await keys.sign('sam-node+jwt', { aud: AGENT_AUDIENCE, sub: id }, 60);
  const ask = async (hostname: string, as = token) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return post({ csr: makeCertificateRequest(privateKey, hostname) }, as);
  };
  const post = (body: unknown, as = token) =>
    fetch(`${server.origin}/agent/certificate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${as}` },
      body: JSON.stringify(body),
    });
  return { id, token, hostname: hostnameOf(id), ask, post };
}

test('a node gets a certificate for its own name, and for no other', async () => {
  const [node, other] = [await addNode(), await addNode()];
  expect((await node.ask(node.hostname)).status).toBe(200);
  expect(authority.issued.at(-1)).toBe(node.hostname);
  const refused = await node.ask(other.hostname);
  expect([refused.status, await refused.json()]).toEqual([
    400,
    { error: 'bad-request', message: expect.stringContaining(node.hostname) },
  ]);
  expect(authority.issued).not.toContain(other.hostname);
});

test('who is no node, or has no name, gets nothing', async () => {
  const [node, local] = [await addNode(), await addNode('local')];
  const claims = { aud: `workspace:ws-aaaaaaaaaaaa`, sub: node.id };
  const ticket = await keys.sign('sam-ticket+jwt', claims, 60);
  expect((await node.ask(node.hostname, ticket)).status).toBe(401);
  expect((await node.ask(node.hostname, 'x')).status).toBe(401);
  expect((await local.ask(local.hostname)).status).toBe(404);
});

test('what is no request is refused with a word how to ask', async () => {
  const node = await addNode();
  for (const body of [{}, { csr: 'x' }]) {
    const answer = await node.post(body);
    expect([answer.status, (await answer.json()) as unknown]).toMatchObject([400, { error: 'bad-request' }]);
  }
  const tooLarge = await (await addNode()).post({ csr: 'x'.repeat(10_000) });
  expect(tooLarge.status).toBe(413);
});

test('a node that asks again and again has to wait; the others do not', async () => {
  const [node, other] = [await addNode(), await addNode()];
  const statuses = [];
  for (let time = 0; time < 4; time++) statuses.push((await node.ask(node.hostname)).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  expect((await other.ask(other.hostname)).status).toBe(200);
});

/** The agent's half, with its terminal's port; `now` tells the time. */
async function startTerminal(node: Awaited<ReturnType<typeof addNode>>, dir: string, now = Date.now) {
  const stopping = new AbortController();
  const sockets = new WebSocketServer({ noServer: true });
  const endpoint = await createEndpoint(
    { host: '127.0.0.1', port: 0, isSecure: true },
    {
      '/terminal': (request, socket, head) =>
        sockets.handleUpgrade(request, socket, head, (client) =>
          client.on('message', (data: Buffer) => client.send(`${data.toString()}!`)),
        ),
    },
  );
  const watch = createWatch();
  const pairs: Pair[] = [];
  const lines: string[] = [];
  const log = createLog((line) => {
    lines.push(line);
    watch.changed();
  });
  const running = keepCertificate({
    dir,
    samUrl: server.origin,
    credentials: { current: () => ({ token: node.token }) as Bootstrap },
    onPair(pair) {
      pairs.push(pair);
      endpoint.certify(pair);
      watch.changed();
    },
    log,
    signal: stopping.signal,
    now,
    retry: { firstMs: 10, maxMs: 20 },
  });
  const stop = async () => {
    stopping.abort();
    await running;
    sockets.close();
    await endpoint.close();
  };
  onTestFinished(stop);
  const until = (count: number) =>
    watch.until(
      () => pairs.length >= count,
      () => `certificate ${count}`,
    );
  const logs = (pattern: RegExp) =>
    watch.until(
      () => lines.some((line) => pattern.test(line)),
      () => String(pattern),
    );
  return { endpoint, pairs, until, logs, stop };
}

function makeFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sam-certificate-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** As the edge does it: it believes the authority, and wants the node's name. */
async function open(port: number, servername: string): Promise<WebSocket> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/terminal`, {
    ca: authority.certificate,
    servername,
  } as ClientOptions);
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  return socket;
}

async function serialAt(port: number, servername: string): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername, ca: authority.certificate });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket.getPeerCertificate().serialNumber;
}

test('the terminal serves by TLS under the name of the node, with a key that only the agent can read', async () => {
  const [node, dir] = [await addNode(), makeFolder()];
  const { endpoint, until } = await startTerminal(node, dir);
  await until(1);
  const socket = await open(endpoint.port, node.hostname);
  socket.send('hello');
  expect(String((await once(socket, 'message'))[0])).toBe('hello!');
  await expect(open(endpoint.port, hostnameOf('nd-bbbbbbbbbbbb'))).rejects.toThrow(/does not match/);
  for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
});

test('after two thirds of its life it is replaced, and open terminals do not notice', async () => {
  const [node, dir] = [await addNode(), makeFolder()];
  const first = await startTerminal(node, dir);
  await first.until(1);
  await first.stop();
  const key = readFileSync(join(dir, 'terminal-key.json'), 'utf8');
  const issued = authority.issued.length;
  let days = 59;
  const young = await startTerminal(node, dir, () => Date.now() + days * DAY_MS);
  await young.until(1);
  expect(young.pairs[0]).toEqual(first.pairs[0]);
  expect(authority.issued).toHaveLength(issued);
  await young.stop();
  days = 61;
  refuses = true;
  onTestFinished(() => void (refuses = false));
  const old = await startTerminal(node, dir, () => Date.now() + days * DAY_MS);
  await old.until(1);
  const socket = await open(old.endpoint.port, node.hostname);
  const before = await serialAt(old.endpoint.port, node.hostname);
  refuses = false;
  await old.until(2);
  expect(await serialAt(old.endpoint.port, node.hostname)).not.toBe(before);
  socket.send('still here');
  expect(String((await once(socket, 'message'))[0])).toBe('still here!');
  expect(old.pairs[1]!.cert).not.toBe(old.pairs[0]!.cert);
  expect(readFileSync(join(dir, 'terminal-key.json'), 'utf8')).toBe(key);
});

test('while nobody issues, the agent goes on asking', async () => {
  const [node, dir] = [await addNode(), makeFolder()];
  refuses = true;
  onTestFinished(() => void (refuses = false));
  const { logs, until } = await startTerminal(node, dir);
  await logs(/no certificate for the terminal.*not-issued/);
  refuses = false;
  await until(1);
});
