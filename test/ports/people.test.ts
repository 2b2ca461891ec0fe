// Who sees a port: its owner alone, whoever may read the repository while it is shared, and nobody else; and how that ends.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createOpenPorts, type Visited } from '../../bot/ports/open.ts';
import { until } from '../until.ts';
import type { Browser } from './browser.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
const people: Record<string, string | undefined> = {};

beforeAll(async () => {
  stand = await openStand();
  people['owner'] = stand.workspace.owner;
  for (const level of ['read', 'write', 'admin', 'none'] as const) people[level] = await stand.meet(level);
});
afterAll(() => stand[Symbol.asyncDispose]());
beforeEach(async () => {
  stand.right = { is: 'there' };
  await stand.rows
    .sql`update workspaces set desired = 'running', phase = 'running' where id = ${stand.workspace.id}`;
  const [row] = await stand.rows.sql<
    { access: number }[]
  >`select access from workspaces where id = ${stand.workspace.id}`;
  stand.workspace.access = row!.access;
  stand.node.access = row!.access;
  await stand.say({});
});

const openBy = async (browser: Browser) => (await browser.open(`${stand.origin()}/`)).status;

test.each([
  // Alone, shared, closed.
  ['owner', 200, 200, 404],
  ['read', 404, 200, 404],
  ['write', 404, 200, 404],
  ['admin', 404, 200, 404],
  ['none', 404, 404, 404],
  ['nobody', 401, 401, 401],
])('%s comes to a port alone: %i, shared: %i, closed: %i', async (who, alone, shared, closed) => {
  const browser = await stand.browser(people[who]);
  expect(await openBy(browser)).toBe(alone);
  await stand.say({ share: true });
  expect(await openBy(browser)).toBe(shared);
  await stand.say({ closed: true });
  // What is not theirs any more tells them no more than before; nobody's browser is asked who it is.
  expect(await openBy(browser)).toBe(closed);
});

test('whom its terminals are shared with sees no port by that', async () => {
  await stand.rows.share(stand.workspace, people['read']!, { may: 'drive' });
  expect(await openBy(await stand.browser(people['read']))).toBe(404);
});

test("somebody else's port, one that is none, and a deleted one are the same page", async () => {
  const browser = await stand.browser(people['none']);
  const theirs = await browser.open(`${stand.baseUrl}/ports/${stand.workspace.id}/${stand.port}`);
  const unknown = await browser.open(`${stand.baseUrl}/ports/ws-aaaaaaaaaaaa/${stand.port}`);
  const bad = await browser.open(`${stand.baseUrl}/ports/${stand.workspace.id}/70000`);
  expect([theirs.status, unknown.status, bad.status]).toEqual([404, 404, 404]);
  expect([unknown.body, bad.body]).toEqual([theirs.body, theirs.body]);
});

test('to nobody every address answers alike, whether there is something or not', async () => {
  const browser = await stand.browser();
  const answers = await Promise.all(
    [stand.origin(), stand.origin(stand.port, 'ws-aaaaaaaaaaaa')].map(async (origin) => {
      const { status, body } = await browser.ask(`${origin}/x`);
      return { status, body };
    }),
  );
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]!.status).toBe(401);
});

test('a way in is good once, and for the browser that asked alone', async () => {
  const [browser, thief] = [await stand.browser(people['owner']), await stand.browser()];
  const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate' };
  const away = await browser.ask(`${stand.origin()}/a`, { headers });
  const back = (await browser.ask(away.headers.location ?? '', { headers })).headers.location ?? '';
  expect(back).toContain('/__sam/enter?code=');
  expect((await thief.ask(back, { headers })).status).toBe(410);
  expect((await browser.ask(back, { headers })).status).toBe(303);
  expect((await browser.ask(back, { headers })).status).toBe(410);
  expect((await browser.ask(`${stand.origin()}/a`, { headers })).status).toBe(200);
});

test('where a way in leads is on that very host, whatever it was told', async () => {
  const browser = await stand.browser(people['owner']);
  const state = 'a'.repeat(64);
  for (const to of [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '/\t/evil.example',
    '/__sam/enter',
  ]) {
    const query = new URLSearchParams({ state, to });
    const { headers } = await browser.ask(
      `${stand.baseUrl}/ports/${stand.workspace.id}/${stand.port}?${query.toString()}`,
    );
    const location = new URL(headers.location ?? '');
    expect([location.origin, location.searchParams.get('to')]).toEqual([stand.origin(), '/']);
  }
});

test("a cookie of one port is worth nothing at another, nor at Sam's own pages, and theirs nothing here", async () => {
  const browser = await stand.browser(people['owner']);
  await openBy(browser);
  const cookie = browser.cookies(stand.origin());
  expect((await browser.ask(`${stand.origin(stand.port - 1)}/`, { headers: { cookie } })).status).toBe(401);
  const own = cookie.replace('sam-port=', 'sam=');
  expect((await browser.ask(`${stand.baseUrl}/login`, { headers: { cookie: own } })).body).toContain(
    'Nobody',
  );
  const sams = browser.cookies(stand.baseUrl).replace('sam=', 'sam-port=');
  expect((await browser.ask(`${stand.origin()}/`, { headers: { cookie: sams } })).status).toBe(401);
});

test("no page of Sam's is at a port's host, and no program at Sam's", async () => {
  const browser = await stand.browser(people['owner']);
  await openBy(browser);
  const there = await browser.ask(`${stand.origin()}/.well-known/jwks.json`);
  expect(there.body).toContain('Hello from');
  expect((await browser.ask(`${stand.baseUrl}/echo`)).status).toBe(404);
  const { port } = new URL(stand.baseUrl);
  for (const host of [
    'evil.localhost',
    `0--${stand.workspace.id}.localhost`,
    `70000--${stand.workspace.id}.localhost`,
  ])
    expect((await browser.ask(`http://${host}:${port}/login`)).status).toBe(404);
});

test('pages of other workspaces, and of other sites, ask in vain; those of another port of the same one do not', async () => {
  const browser = await stand.browser(people['owner']);
  await openBy(browser);
  const ask = (headers: Record<string, string>) =>
    browser.ask(`${stand.origin()}/echo`, { method: 'POST', headers }).then(({ status }) => status);
  expect(await ask({ origin: 'https://evil.example' })).toBe(403);
  expect(await ask({ origin: stand.origin(3000, 'ws-aaaaaaaaaaaa') })).toBe(403);
  expect(await ask({ origin: stand.baseUrl })).toBe(403);
  expect(await ask({ origin: 'null' })).toBe(403);
  expect(await ask({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' })).toBe(403);
  expect(await ask({ origin: stand.origin(1234) })).toBe(200);
  expect(await ask({ origin: stand.origin(), 'sec-fetch-site': 'same-origin' })).toBe(200);
  // The form of a page that tells nobody where it is.
  expect(await ask({ origin: 'null', 'sec-fetch-site': 'same-origin' })).toBe(200);
});

test('a port stands in a frame of its own workspace’s pages, and in no other', async () => {
  const browser = await stand.browser(people['owner']);
  await openBy(browser);
  const frame = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
  const ask = (headers: Record<string, string>) =>
    browser
      .ask(`${stand.origin()}/`, { headers: { ...frame, 'sec-fetch-site': 'same-site', ...headers } })
      .then(({ status }) => status);
  expect(await ask({ referer: `${stand.origin(3000, 'ws-aaaaaaaaaaaa')}/` })).toBe(403);
  expect(await ask({ 'sec-fetch-site': 'cross-site', referer: 'https://evil.example/' })).toBe(403);
  expect(await ask({})).toBe(403);
  expect(await ask({ referer: `${stand.origin(1234)}/` })).toBe(200);
  expect(await ask({ 'sec-fetch-site': 'same-origin' })).toBe(200);
});

/** What ends while a WebSocket and a stream of events are open. */
const endings: [string, string, (hash: Browser) => Promise<unknown>, number][] = [
  [
    'a sign-out',
    'owner',
    (browser) =>
      browser.ask(`${stand.baseUrl}/logout`, { method: 'POST', headers: { origin: stand.baseUrl } }),
    401,
  ],
  ['a stop', 'owner', () => stand.stop(), 409],
  ['the end of the share', 'read', () => stand.say({}), 404],
  ['a stop of what is shared', 'read', () => stand.stop(), 404],
];

test.each(endings)(
  '%s ends at once what is open, and what comes after it',
  async (_what, who, end, after) => {
    await stand.say({ share: true });
    const browser = await stand.browser(people[who]);
    expect(await openBy(browser)).toBe(200);
    const socket = browser.connect(`${stand.origin()}/live`);
    await once(socket, 'open');
    const events = await browser.begin(`${stand.origin()}/events`);
    const closing = Promise.withResolvers<void>();
    events
      .on('error', () => {})
      .once('close', closing.resolve)
      .resume();
    const over = Promise.all([once(socket, 'close'), closing.promise]);
    await end(browser);
    await over;
    await until(async () => (await openBy(browser)) === after);
  },
);

test('where the forge is silent nothing opens', async () => {
  await stand.say({ share: true });
  const user = await stand.meet('read');
  stand.levels.set(user, 'silent');
  const browser = await stand.browser(user);
  expect(await openBy(browser)).toBe(503);
});

test('who was asked about too often waits, and what they have open goes on', async () => {
  const browser = await stand.browser(people['owner']);
  await openBy(browser);
  const socket = browser.connect(`${stand.origin()}/live`);
  await once(socket, 'open');
  stand.right = { is: 'too-often' };
  expect(await openBy(browser)).toBe(503);
  stand.asks.length = 0;
  await stand.look();
  // A look of Sam's own is none that they had asked for.
  expect(new Set(stand.asks.map(({ maxAgeMs }) => maxAgeMs))).toEqual(new Set([60_000]));
  socket.send('still');
  expect(String((await once(socket, 'message'))[0])).toBe('still');
});

/** The server's end of the next connection that asks for that path. */
function nextConnection(path: string): Promise<IncomingMessage['socket']> {
  const { promise, resolve } = Promise.withResolvers<IncomingMessage['socket']>();
  const hear = (said: unknown) => {
    const { request: asked } = said as { request: IncomingMessage };
    if (asked.url === path) resolve(asked.socket);
  };
  subscribe('http.server.request.start', hear);
  onTestFinished(() => void unsubscribe('http.server.request.start', hear));
  return promise;
}

test('who went while it was looked whether they may is looked after no more', async () => {
  await stand.say({ share: true });
  const user = await stand.meet('read');
  const browser = await stand.browser(user);
  await openBy(browser);
  const asksOf = () => stand.asks.filter(({ person }) => person === user).length;
  const { host, port } = new URL(stand.origin());
  const headers = { host, cookie: browser.cookies(stand.origin()) };
  const before = asksOf();
  await stand.rows.sql.begin(async (sql) => {
    await sql`lock table port_sessions in access exclusive mode`;
    const coming = nextConnection('/gone');
    const asked = request({ host: '127.0.0.1', port, path: '/gone', agent: false, headers });
    asked.on('error', () => {}).end();
    const socket = await coming;
    const closed = once(socket, 'close');
    asked.destroy();
    await closed;
  });
  await until(() => asksOf() > before);
  const then = asksOf();
  await stand.look();
  expect(asksOf()).toBe(then);
});

test('however many are there, they are looked after by one question', async () => {
  const asked: string[][] = [];
  const open = createOpenPorts({
    log: { warn: () => {} },
    async maySee(visited) {
      asked.push(visited.map(({ hash }) => hash));
      return visited.map(({ hash }) => hash !== 'b');
    },
  });
  onTestFinished(() => open.close());
  const ended: string[] = [];
  for (const hash of ['a', 'a', 'b', 'b', 'c']) {
    const visited: Visited = { workspace: 'ws-1', port: 80, node: 'vm-1', access: 1, hash };
    open.add(visited, () => void ended.push(hash), open.looks());
  }
  await open.look({ node: 'vm-1' });
  expect([asked, ended]).toEqual([[['a', 'b', 'c']], ['b', 'b']]);
});
