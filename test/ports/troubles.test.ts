// Programs that are not there, say nothing, or nothing that one understands; and what their visitors see.
import { Agent, createServer, type ClientRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { findFreePort } from '../free-port.ts';
import type { Browser } from './browser.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
let ann: Browser;

beforeAll(async () => {
  stand = await openStand({ answerWithinMs: 2_000 });
  ann = await stand.browser(stand.workspace.owner);
  await ann.open(`${stand.origin()}/`);
});
afterAll(() => stand[Symbol.asyncDispose]());

test.each([
  ['/never', 504, 'does not answer'],
  ['/hangs-up', 502, 'hung up'],
  ['/nonsense', 502, 'does not speak HTTP'],
  ['/no-number', 502, 'does not speak HTTP'],
  ['/no-words', 502, 'does not speak HTTP'],
  ['/switches', 502, 'does not speak HTTP'],
])('a program that answers at %s like that: %i', async (path, status, words) => {
  const page = await ann.open(`${stand.origin()}${path}`);
  expect([page.status, page.headers['content-type']]).toEqual([status, 'text/html; charset=utf-8']);
  expect(page.body).toContain(words);
  const { status: plain, body } = await ann.ask(`${stand.origin()}${path}`);
  expect([plain, Object.keys(JSON.parse(body) as object)]).toEqual([status, ['error', 'message']]);
});

test('a WebSocket that is refused with nonsense harms nobody else', async () => {
  for (const path of ['/refused-badly', '/no-words']) {
    const socket = ann.connect(`${stand.origin()}${path}`);
    socket.on('error', () => {});
    socket.on('unexpected-response', (_asked, answer: IncomingMessage) => void answer.resume());
    const [asked] = (await once(socket, 'unexpected-response')) as [ClientRequest];
    await once(asked, 'close');
  }
  expect((await ann.ask(`${stand.origin()}/echo`)).status).toBe(200);
});

test('a WebSocket that is refused hears so before all of the answer is there', async () => {
  const socket = ann.connect(`${stand.origin()}/refused-slowly`);
  socket.on('error', () => {});
  const [asked, answer] = (await once(socket, 'unexpected-response')) as [ClientRequest, IncomingMessage];
  asked.destroy();
  expect(answer.statusCode).toBe(418);
});

test('who asks again and again on one connection is looked after once', async () => {
  const warned: Error[] = [];
  const hear = (warning: Error) => void warned.push(warning);
  process.on('warning', hear);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => {
    process.off('warning', hear);
    agent.destroy();
  });
  const origin = stand.origin(await findFreePort());
  await ann.open(`${origin}/`);
  const answers = [];
  for (let count = 0; count < 15; count++) answers.push((await ann.ask(`${origin}/`, { agent })).status);
  expect(new Set(answers)).toEqual(new Set([502]));
  expect(warned).toEqual([]);
});

test('where nothing listens a page says so, and shows the program as soon as it is there', async () => {
  const port = await findFreePort();
  const page = await ann.open(`${stand.origin(port)}/here`);
  expect([page.status, page.headers['refresh']]).toEqual([502, '2']);
  expect(page.body).toContain(`Nothing listens on port ${port}`);
  const program = createServer((_req, res) => res.end('now')).listen(port, '127.0.0.1');
  onTestFinished(() => void program.close());
  await once(program, 'listening');
  expect((await ann.open(`${stand.origin(port)}/here`)).body).toBe('now');
});

test('what leads to itself ends', async () => {
  const { port: own } = new URL(stand.baseUrl);
  const { request } = await import('node:http');
  let rounds = 0;
  // It passes on what it hears to the address that it was called by, cookies and all.
  const program = createServer((req, res) => {
    rounds++;
    const host = `${(program.address() as AddressInfo).port}--${stand.workspace.id}.localhost:${own}`;
    const cookie = ann.cookies(`http://${host}`);
    const asked = request(
      {
        host: '127.0.0.1',
        port: own,
        path: req.url,
        agent: false,
        headers: { ...req.headers, host, cookie },
      },
      (answer) => void answer.pipe(res.writeHead(answer.statusCode ?? 0)),
    );
    asked.end();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void program.close());
  await once(program, 'listening');
  const { port } = program.address() as AddressInfo;
  const { status } = await ann.open(`${stand.origin(port)}/`);
  expect(status).toBe(508);
  expect(rounds).toBeLessThan(10);
});

test('a workspace that does not run says so to its owner, with the next step', async () => {
  await stand.rows.sql`update workspaces set desired = 'stopped' where id = ${stand.workspace.id}`;
  const page = await ann.open(`${stand.origin()}/`);
  await stand.rows.sql`update workspaces set desired = 'running' where id = ${stand.workspace.id}`;
  expect(page.status).toBe(409);
  expect(page.body).toContain(`/sam start ${stand.workspace.name}`);
});

test('one that is being deleted says so, and is not to be started', async () => {
  await stand.rows.sql`update workspaces set desired = 'deleted' where id = ${stand.workspace.id}`;
  const page = await ann.open(`${stand.origin()}/`);
  await stand.rows.sql`update workspaces set desired = 'running' where id = ${stand.workspace.id}`;
  expect(page.status).toBe(409);
  expect(page.body).toContain('is being deleted');
  expect(page.body).not.toContain('/sam start');
});

test('an agent that does not answer, and one of the version before, are said to be looked after', async () => {
  const other = createServer((_req, res) => void res.writeHead(404).end()).listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const before = (await stand.rows.sql<{ at: number }[]>`select terminal_port as at from nodes`)[0]!.at;
  const statusAt = async (port: number) => {
    await stand.rows.sql`update nodes set terminal_port = ${port}`;
    // On a connection of its own: those that are open lead to where they did.
    return (await ann.open(`${stand.origin(await findFreePort())}/`)).status;
  };
  expect(await statusAt((other.address() as AddressInfo).port)).toBe(503);
  expect(await statusAt(await findFreePort())).toBe(503);
  await stand.rows.sql`update nodes set terminal_port = ${before}`;
});
