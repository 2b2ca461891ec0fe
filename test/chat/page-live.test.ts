// What the terminal's page hears of its workspace: over real HTTP and a real database, without a reconciler.
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { admit, startSession } from '../../bot/access/people/sessions.ts';
import { createPage, type Page } from '../../bot/chat/page/page.ts';
import type { RightLeft } from '../../bot/access/repository-guard.ts';
import type { Delivery, Workspace } from '../../bot/database/schema.ts';
import type { Route } from '../../bot/http/routes.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';
import { until } from '../until.ts';
import { openEvents, type Events } from './event-stream.ts';

let rows: Rows;
let server: TestServer;
let page: Page;
let workspace: Workspace;
let cookie: string;
/** What the forge says of everybody's right. */
let right: Promise<RightLeft>;
let asked: number;
const mayStill = (): Promise<RightLeft> => {
  asked += 1;
  return right;
};
/** The addresses of requests that were over, and the server knew it. */
let closed: string[];
const watched = (route: Route): Route => ({
  ...route,
  handle(req, res, params) {
    res.on('close', () => closed.push(req.url ?? ''));
    return route.handle(req, res, params);
  },
});

beforeAll(async () => {
  rows = await openRows();
  server = await serveRoutes((baseUrl) => {
    const triggers = { console: '', slack: '/box' };
    page = createPage({ db: rows.db, forges: [], baseUrl, triggers, mayStill, beatMs: 50 });
    return Promise.resolve({ routes: page.routes.map(watched) });
  });
});
afterAll(async () => {
  await page.stop();
  await server.close();
  await rows.close();
});
beforeEach(async () => {
  right = Promise.resolve({ is: 'there' });
  asked = 0;
  closed = [];
  workspace = await rows.addWorkspace();
  cookie = await signIn(workspace.owner);
});

const signIn = async (user: string): Promise<string> => `sam=${(await startSession(rows.db, user)).secret}`;
const change = (patch: Partial<Pick<Workspace, 'phase' | 'desired' | 'access' | 'step'>>) =>
  rows.sql`update workspaces set ${rows.sql({ ...patch, gen: 7 })} where id = ${workspace.id}`;
const addressOf = (id: string): string => `${server.origin}/w/${id}/events`;
const ask = (id = workspace.id, headers: Record<string, string> = { cookie }): Promise<Response> =>
  fetch(addressOf(id), { headers });

async function listen(headers: Record<string, string> = {}): Promise<Events> {
  const events = await openEvents(addressOf(workspace.id), { cookie, ...headers });
  onTestFinished(() => events.close());
  return events;
}

/** As the bot's loop does it. */
async function look(): Promise<void> {
  const job = await take();
  await job?.();
}

async function take(): Promise<(() => Promise<unknown>) | undefined> {
  const [source] = page.sources;
  await until(async () => (await source?.dueInMs()) === undefined);
  return source?.take();
}

/** Who waits for a lock in this database. */
async function waiting(): Promise<number> {
  const [row] = await rows.sql`select count(*)::int from pg_locks
    where not granted and database = (select oid from pg_database where datname = current_database())`;
  return row!['count'] as number;
}

const say = (front: string, seq = 1) => rows.sql`
  insert into commands (workspace_id, seq, actor, front, verb, line, status, gen)
  values (${workspace.id}, ${seq}, ${workspace.owner}, ${front}, 'up', 'up', 'done', 1)`;

describe('how a workspace stands', () => {
  test('is told as it changes: stopped with its button, getting ready with steps and log, running', async () => {
    await say('slack');
    await change({ phase: 'stopped', desired: 'stopped' });
    const events = await listen();
    expect(await events.next('state')).toMatchObject({
      look: 'stopped',
      isOpen: false,
      title: 'The workspace was stopped',
      command: `start ${workspace.name}`,
      trigger: '/box',
      press: { verb: 'start', label: 'Start' },
    });
    await rows.sql`insert into logs (workspace_id, at, step, text)
      values (${workspace.id}, now(), 'clone', 'Receiving objects: 7%')`;
    await change({ phase: 'preparing', desired: 'running', step: 'clone' });
    await look();
    const ready = await events.next('state');
    expect(ready).toMatchObject({
      look: 'preparing',
      text: 'Now: cloning the repository.',
    });
    expect(await events.next('log')).toMatchObject({
      lines: [{ step: 'clone', text: 'Receiving objects: 7%' }],
    });
    expect(ready['steps']).toContainEqual({ label: 'Repository cloned', state: 'doing' });
    await change({ phase: 'running', step: null });
    await look();
    expect(await events.next('state')).toMatchObject({ look: 'running', isOpen: true });
  });

  test('a failure has its cause, whose side it is on, the next step, the log and a button', async () => {
    const failure = {
      class: 'user',
      code: 'no-such-repository',
      message: '',
      details: { repository: 'acme/x' },
    };
    await rows.sql`update workspaces set phase = 'failed', last_error = ${JSON.stringify(failure)}::text::jsonb where id = ${workspace.id}`;
    const state = (await (await ask()).json()) as Record<string, unknown>;
    expect(state).toMatchObject({
      title: 'The workspace failed',
      command: `retry ${workspace.name}`,
      press: { verb: 'retry', label: 'Retry' },
    });
    expect(state['text']).toMatch(
      /^acme\/x does not exist, or Sam may not see it\. Check the name\. \(.*\)$/,
    );
  });

  test('a machine that is silent is told of as such, not as a workspace that runs', async () => {
    await rows.sql`update nodes set phase = 'unhealthy' where id = ${workspace.nodeId}`;
    expect(await (await ask()).json()).toMatchObject({
      look: 'silent',
      isOpen: false,
      title: 'The machine does not answer',
      command: `status ${workspace.name}`,
    });
  });

  test('names commands as they are typed where their person came from, whatever was pressed on the page since', async () => {
    await change({ phase: 'stopped', desired: 'stopped' });
    const trigger = async () => ((await (await ask()).json()) as { trigger?: string }).trigger;
    expect(await trigger()).toBeUndefined();
    await say('console');
    await say('page', 2);
    expect(await trigger()).toBe('');
    await say('slack', 3);
    expect(await trigger()).toBe('/box');
  });

  test('is told in the order in which it changed, also where one look takes longer than the next', async () => {
    const events = await listen();
    expect(await events.next('state')).toMatchObject({ look: 'running' });
    await change({ phase: 'preparing', step: 'clone' });
    const first = await take();
    await change({ step: 'hooks' });
    const second = await take();
    let telling: Promise<unknown> | undefined;
    await rows.sql.begin(async (sql) => {
      await sql`lock table logs in access exclusive mode`;
      telling = first?.();
      await until(async () => (await waiting()) > 0);
      await change({ phase: 'stopped', desired: 'stopped', step: null });
      await second?.();
    });
    await telling;
    await events.next('state');
    expect(await events.next('state')).toMatchObject({ look: 'stopped' });
  });

  test('is told once somebody can say again whether it is theirs', async () => {
    const events = await listen();
    await events.next('state');
    right = Promise.resolve({ is: 'unknown', title: 'GitHub' });
    await change({ phase: 'stopped', desired: 'stopped' });
    await look();
    expect(events.seen('state')).toBe(1);
    right = Promise.resolve({ is: 'there' });
    expect(await events.next('state')).toMatchObject({ look: 'stopped' });
  });

  test('what a page knows already is not said again: it names what it heard last', async () => {
    const first = await listen();
    const { id } = await first.next('state');
    const second = await listen({ 'last-event-id': String(id) });
    await change({ phase: 'stopped', desired: 'stopped' });
    await look();
    expect(await second.next('state')).toMatchObject({ look: 'stopped' });
    expect(second.seen('state')).toBe(1);
  });

  test('one that is deleted under its eyes is told so, and that was all', async () => {
    const events = await listen();
    await events.next('state');
    await change({ phase: 'deleted', desired: 'deleted' });
    await look();
    expect(await events.next('state')).toMatchObject({ look: 'deleted', title: 'The workspace was deleted' });
    await events.next('over');
    await events.ended;
    expect((await ask()).status).toBe(404);
  });
});

describe('who hears it', () => {
  test('unknown, deleted and somebody else’s are the same 404', async () => {
    const other = await rows.addWorkspace();
    const gone = await rows.addWorkspace({ owner: workspace.owner, phase: 'deleted', desired: 'deleted' });
    const answers = [];
    for (const id of [newWorkspaceId(), gone.id, other.id, '%00']) {
      const response = await ask(id);
      answers.push([response.status, await response.text()]);
    }
    expect(new Set(answers.map(String)).size).toBe(1);
    expect(answers[0]?.[0]).toBe(404);
  });

  test('nobody without a session, and a session of a code for its own workspace alone', async () => {
    expect((await ask(workspace.id, {})).status).toBe(401);
    const mine = await rows.addWorkspace({ owner: workspace.owner });
    const session = await admit(rows.db, workspace.owner, { id: workspace.id, access: 1 }, undefined);
    const narrow = { cookie: `sam=${session.secret}` };
    expect((await ask(workspace.id, narrow)).status).toBe(200);
    expect((await ask(mine.id, narrow)).status).toBe(401);
  });

  test('whoever loses it while they listen hears no more', async () => {
    const events = await listen();
    await events.next('state');
    await rows.sql`update workspaces set owner = ${await rows.addUser()} where id = ${workspace.id}`;
    await look();
    await events.next('over');
    await events.ended;
    expect(events.seen('state')).toBe(1);
  });

  test('one person listens eight times at once, and then asks', async () => {
    const streams = [];
    for (let count = 0; count < 8; count++) streams.push(await listen());
    const ninth = await ask(workspace.id, { cookie, accept: 'text/event-stream' });
    expect([ninth.status, ninth.headers.get('retry-after')]).toEqual([429, '15']);
    expect((await ask()).status).toBe(200);
    streams[0]?.close();
    await expect
      .poll(async () => {
        const again = await fetch(addressOf(workspace.id), {
          headers: { cookie, accept: 'text/event-stream' },
        });
        await again.body?.cancel();
        return again.status;
      })
      .toBe(200);
  });
});

test('who went while it was looked whether they may listen is not counted as one who does', async () => {
  const known = Promise.withResolvers<RightLeft>();
  right = known.promise;
  const going = new AbortController();
  const headers = { cookie, accept: 'text/event-stream' };
  const all = Array.from({ length: 8 }, () =>
    fetch(addressOf(workspace.id), { headers, signal: going.signal }),
  );
  const ended = Promise.allSettled(all);
  await until(() => asked >= 8);
  going.abort();
  await ended;
  await until(() => closed.filter((url) => url.includes(workspace.id)).length === 8);
  known.resolve({ is: 'there' });
  const again = await ask(workspace.id, headers);
  expect(again.status).toBe(200);
  await again.body?.cancel();
});

describe('a press', () => {
  const press = (
    headers: Record<string, string> = {},
    verb = 'start',
    id = workspace.id,
  ): Promise<Response> =>
    fetch(`${server.origin}/w/${id}/${verb}`, {
      method: 'POST',
      headers: { cookie, origin: server.origin, 'idempotency-key': 'key-12345678', ...headers },
    });
  const stored = () =>
    rows.sql`select event, payload from deliveries where thread = ${`page:${workspace.id}`}`;

  test('is stored once, however often it is sent', async () => {
    for (let count = 0; count < 3; count++) expect((await press()).status).toBe(202);
    expect(await stored()).toMatchObject([{ event: 'start', payload: { user: workspace.owner } }]);
  });

  test('is refused from another origin, without a key, to strangers and to a browser that a stop shut out', async () => {
    expect((await press({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await press({ 'idempotency-key': 'x' })).status).toBe(400);
    expect((await press({ cookie: '' })).status).toBe(401);
    expect((await press({}, 'start', newWorkspaceId())).status).toBe(404);
    expect((await press({}, 'rm')).status).toBe(404);
    const session = await admit(rows.db, workspace.owner, { id: workspace.id, access: 1 }, undefined);
    await change({ phase: 'stopped', desired: 'stopped', access: 2 });
    const narrow = { cookie: `sam=${session.secret}` };
    expect((await press(narrow)).status).toBe(401);
    expect(await (await ask(workspace.id, narrow)).json()).not.toHaveProperty('press');
    expect(await stored()).toEqual([]);
  });

  test('on a button of what was before somebody said something else does nothing', async () => {
    await say('slack');
    await change({ phase: 'stopped', desired: 'stopped' });
    const state = (await (await ask()).json()) as { press: { verb: string; turn: number } };
    expect(state.press.turn).toBe(1);
    const { turn } = state.press;
    expect((await press({}, `start?turn=${turn}`)).status).toBe(202);
    const [delivery] = await rows.sql<Delivery[]>`
      select payload, thread from deliveries where thread = ${`page:${workspace.id}`}`;
    expect(await page.conversation.hear(delivery!)).toMatchObject({ place: { workspace: workspace.id } });
    await say('slack', 2);
    expect(await page.conversation.hear(delivery!)).toBeUndefined();
    const next = (await (await ask()).json()) as { press: { turn: number } };
    expect(next.press.turn).toBe(2);
  });

  const refusedWith = async (details: object): Promise<string> => {
    await change({ phase: 'stopped', desired: 'stopped' });
    const answer = { ok: false, code: 'not-failed', details };
    await rows.sql`insert into deliveries (source, delivery_id, thread, event, ended_at, answered_at, answer)
      values ('page', ${workspace.id}, ${`page:${workspace.id}`}, 'retry', now(), now(), ${JSON.stringify(answer)}::text::jsonb)`;
    return ((await (await ask()).json()) as { refused: string }).refused;
  };

  test('that came to nothing says why', async () => {
    expect(await refusedWith({ name: 'x', phase: 'stopped' })).toBe(
      '`x` has not failed; it is stopped. To begin anew: `restart x`.',
    );
  });

  test('that came to nothing is for its owner alone to hear of', async () => {
    expect(await refusedWith({ name: 'x', phase: 'stopped' })).toContain('has not failed');
    const bob = await rows.addUser('bob');
    await rows.share(workspace, bob);
    cookie = await signIn(bob);
    expect(await (await ask()).json()).not.toHaveProperty('refused');
  });

  test('says no secret of whatever it came to', async () => {
    const said = await refusedWith({ name: 'sk-ant-canary0123456789', phase: 'stopped' });
    expect(said).toContain('has not failed');
    expect(said).not.toContain('canary');
  });
});
