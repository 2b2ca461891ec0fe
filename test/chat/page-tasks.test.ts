// What the task tab of a workspace's page hears and may say: over real HTTP and a real database, without a reconciler.
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { admit, startSession } from '../../bot/access/people/sessions.ts';
import type { TurnHappening } from '../../agent/protocol.ts';
import { createPage, type Page } from '../../bot/chat/page/page.ts';
import type { Delivery, Workspace } from '../../bot/database/schema.ts';
import { UserError } from '../../bot/errors.ts';
import { newTaskId } from '../../bot/ids.ts';
import { saveTaskEvents } from '../../bot/tasks/store/events.ts';
import { readTaskVersions } from '../../bot/tasks/store/history.ts';
import { addTurn } from '../../bot/tasks/store/turns.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';
import { until } from '../until.ts';
import { openEvents, type Events } from './event-stream.ts';

let rows: Rows;
let server: TestServer;
let page: Page;
let workspace: Workspace;
let cookie: string;
let right: 'there' | 'gone';

beforeAll(async () => {
  rows = await openRows();
  server = await serveRoutes((baseUrl) => {
    const mayStill = () => Promise.resolve({ is: right } as const);
    const triggers = { console: '', slack: '/box' };
    page = createPage({ db: rows.db, forges: [], baseUrl, triggers, mayStill, beatMs: 50 });
    return Promise.resolve({ routes: [...page.routes] });
  });
});
afterAll(async () => {
  await page.stop();
  await server.close();
  await rows.close();
});
beforeEach(async () => {
  right = 'there';
  workspace = await rows.addWorkspace();
  cookie = await signIn(workspace.owner);
  await leaveKey(workspace.owner);
});

const signIn = async (user: string): Promise<string> => `sam=${(await startSession(rows.db, user)).secret}`;
const leaveKey = (user: string) => rows.sql`insert into credentials (id, kind, owner, key_id, ciphertext)
  values (${`${user}:anthropic`}, 'anthropic', ${user}, 'none', '')`;
const at = (path = '', id = workspace.id): string => `${server.origin}/w/${id}/tasks${path}`;

/** As programs read it; of what is told more than this nobody asks here. */
interface Told {
  id: string;
  isNew: boolean;
  why?: string;
  refused: { key: string; text: string }[];
  turns: { task: string; turn: number; order: number; prompt: string; state: string }[];
  happened: { seq: number; event: TurnHappening }[];
  hasOlder: boolean;
}
const read = async (query = '', headers: Record<string, string> = {}): Promise<Told> =>
  (await fetch(at(query), { headers: { cookie, ...headers } })).json() as Promise<Told>;

async function listen(headers: Record<string, string> = {}): Promise<Events> {
  const events = await openEvents(at(), { cookie, ...headers });
  onTestFinished(() => events.close());
  return events;
}

/** As the bot's loop does it. */
async function look(): Promise<void> {
  const source = page.sources[1]!;
  await until(async () => (await source.dueInMs()) === undefined);
  await (
    await source.take()
  )?.();
}

async function asks(
  prompt: string,
  thread = 'page:x',
  agent: 'claude' | 'shell' = 'claude',
): Promise<string> {
  const asked = { actor: workspace.owner, source: 'page', deliveryId: newTaskId(), prompt } as const;
  const more = { policy: { allow: [], deny: [] }, minutes: 5, thread, agent, workspace };
  await addTurn(rows.db, { ...asked, ...more });
  const [row] = await rows.sql`select task_id from task_turns where delivery_id = ${asked.deliveryId}`;
  return row!['task_id'] as string;
}

const seqs = new Map<string, number>();
async function happens(task: string, turn: number, ...events: TurnHappening[]): Promise<void> {
  const first = seqs.get(task) ?? 0;
  seqs.set(task, first + events.length);
  const about = { workspace: workspace.id, task, turn, at: Date.now() };
  const said = events.map((event, place) => ({ ...about, seq: first + place + 1, event }));
  await saveTaskEvents(rows.db, workspace.nodeId!, said);
}
const text = (words: string): TurnHappening => ({ kind: 'text', message: 'm', text: words });

describe('the task tab', () => {
  test('hears turns as they stand and what happens; what it has heard it hears no second time', async () => {
    const task = await asks('look');
    await happens(task, 1, { kind: 'started' }, text('one'));
    const events = await listen();
    const first = (await events.next('tasks')) as unknown as Told;
    expect(first).toMatchObject({
      isNew: true,
      hasOlder: false,
      turns: [{ prompt: 'look', state: 'running' }],
    });
    expect(first.happened.map(({ event }) => event)).toEqual([text('one')]);
    await happens(task, 1, text('two'));
    await look();
    expect(await events.next('tasks')).toMatchObject({
      isNew: false,
      turns: [],
      happened: [{ event: text('two') }],
    });
    await happens(task, 1, text('three'), { kind: 'ended', outcome: 'done', answer: 'three' });
    const again = await listen({ 'last-event-id': first.id });
    const told = (await again.next('tasks')) as unknown as Told;
    expect(told.happened.map(({ event }) => event)).toEqual([text('two'), text('three')]);
    expect(told).toMatchObject({ isNew: false, turns: [{ state: 'done', answer: 'three' }] });
    expect(await read('', { 'last-event-id': told.id })).toMatchObject({ turns: [], happened: [] });
    expect(await read(`?since=${told.id}`)).toMatchObject({ isNew: false, turns: [] });
  });

  test('of a long conversation it hears the end, and the rest when it asks for that', async () => {
    for (let n = 1; n <= 45; n++) await asks(`ask ${n}`, `thread:${n % 3}`);
    const newest = await read();
    expect(newest.turns.map(({ prompt }) => prompt)).toEqual(
      Array.from({ length: 20 }, (_, n) => `ask ${n + 26}`),
    );
    expect(newest.hasOlder).toBe(true);
    const older = await read(`?before=${newest.turns[0]!.order}`);
    expect(older.turns.at(-1)!.prompt).toBe('ask 25');
    const oldest = await read(`?before=${older.turns[0]!.order}`);
    expect(oldest).toMatchObject({ hasOlder: false, turns: { length: 5 } });
  });

  test('a page that was away for more turns than it is told at once begins anew: nothing is left out', async () => {
    await asks('ask 0');
    const { id } = await read();
    for (let n = 1; n <= 19; n++) await asks(`ask ${n}`);
    expect(await read(`?since=${id}`)).toMatchObject({ isNew: false, turns: { length: 19 } });
    await asks('ask 20');
    expect(await read(`?since=${id}`)).toMatchObject({ isNew: true, hasOlder: true, turns: { length: 20 } });
  });

  test('says nothing of command lines: they are no conversation', async () => {
    const before = await read();
    await asks('npm test', 'page:x', 'shell');
    expect(await read()).toMatchObject({ turns: [], hasOlder: false });
    expect((await read()).id).toBe(before.id);
    const versions = await readTaskVersions(rows.db, [workspace.id]);
    expect([...versions]).toEqual([]);
    await asks('look');
    expect((await read()).turns.map(({ prompt }) => prompt)).toEqual(['look']);
  });

  test('names each press of the last hour that came to nothing, to whoever pressed', async () => {
    const press = async (key: string, ok: boolean, { user = workspace.owner, minutes = 0 } = {}) => {
      const answer = { ok, code: ok ? 'decided' : 'no-question', details: {} };
      await rows.sql`insert into deliveries
        (source, delivery_id, thread, event, payload, received_at, ended_at, answered_at, answer)
        values ('page', ${`${workspace.id}:task:${key}`}, ${`page-tasks:${workspace.id}`}, 'task-allow',
          ${JSON.stringify({ user })}::text::jsonb, now() - ${minutes} * interval '1 minute', now(), now(),
          ${JSON.stringify(answer)}::text::jsonb)`;
    };
    expect((await read()).refused).toEqual([]);
    await press('too-old-1', false, { minutes: 61 });
    await press('of-eve-01', false, { user: await rows.addUser('eve') });
    await press('first-001', false, { minutes: 59 });
    await press('second-01', false);
    await press('third-001', true);
    const { refused } = await read();
    expect(refused.map(({ key }) => key)).toEqual(['second-01', 'first-001']);
    expect(refused[0]!.text).toMatch(/\w/);
    for (let n = 10; n < 40; n++) await press(`many-00${n}`, false);
    expect((await read()).refused).toHaveLength(20);
  });

  test('a press that names what is in another workspace answers nothing there', async () => {
    const mine = workspace;
    workspace = await rows.addWorkspace({ owner: mine.owner });
    const task = await asks('look');
    const hear = (verb: string, id: string, more: object = {}) =>
      page.conversation.hear({
        thread: `page-tasks:${id}`,
        payload: { user: mine.owner, workspace: id, name: 'x', task: { verb, task, turn: 1, ...more } },
      } as Delivery);
    const question = { request: 'r1' };
    await expect(hear('cancel', mine.id)).rejects.toThrow(UserError);
    await expect(hear('cancel', mine.id)).rejects.toMatchObject({ said: { code: 'nothing-asked' } });
    for (const verb of ['allow', 'deny'])
      await expect(hear(verb, mine.id, question)).rejects.toMatchObject({ said: { code: 'no-question' } });
    expect(await hear('cancel', workspace.id)).toMatchObject({ place: { task: { id: task, turn: 1 } } });
    expect(await hear('allow', workspace.id, question)).toMatchObject({ place: { task: { id: task } } });
  });
});

describe('who looks at the task tab', () => {
  test('a right that is taken back ends it, and a person without a key hears why nothing can be asked', async () => {
    const events = await listen();
    await events.next('tasks');
    await rows.sql`delete from credentials where owner = ${workspace.owner}`;
    expect((await events.next('tasks'))['why']).toContain('Claude needs a key');
    right = 'gone';
    await events.ended;
    expect(events.seen('over')).toBe(1);
    expect((await fetch(at(), { headers: { cookie } })).status).toBe(404);
  });

  test('nobody else hears anything, and nobody from elsewhere says anything', async () => {
    const other = await signIn(await rows.addUser('eve'));
    const task = await asks('look');
    const say = (verb: string, body: unknown, headers: Record<string, string> = {}) =>
      fetch(at(`/${verb}`), {
        method: 'POST',
        headers: {
          cookie,
          origin: server.origin,
          'idempotency-key': 'press-0001',
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify(body),
      });
    expect((await fetch(at(), { headers: { cookie: other } })).status).toBe(404);
    expect((await fetch(at())).status).toBe(401);
    expect((await say('ask', { prompt: 'x' }, { cookie: other })).status).toBe(404);
    expect((await say('ask', { prompt: 'x' }, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await say('ask', { prompt: 'x' }, { 'content-type': 'text/plain' })).status).toBe(400);
    expect((await say('ask', { prompt: 'x' }, { 'idempotency-key': 'x' })).status).toBe(400);
    const wrong = [
      {},
      { prompt: ' ' },
      { prompt: 'x', more: 1 },
      { prompt: 'a\0b' },
      { prompt: 'x'.repeat(32_769) },
    ];
    for (const body of wrong) expect((await say('ask', body)).status).toBe(400);
    for (const body of [{ task }, { task: 'x', turn: 1 }, { task, turn: 0 }])
      expect((await say('cancel', body)).status).toBe(400);
    // A stop ended what the code began.
    const coded = await admit(
      rows.db,
      workspace.owner,
      { id: workspace.id, access: workspace.access - 1 },
      undefined,
    );
    expect((await say('ask', { prompt: 'x' }, { cookie: `sam=${coded.secret}` })).status).toBe(401);
    expect(await rows.sql`select 1 from deliveries where thread = ${`page-tasks:${workspace.id}`}`).toEqual(
      [],
    );
    expect((await say('cancel', { task, turn: 1 })).status).toBe(202);
    expect((await say('cancel', { task, turn: 1 })).status).toBe(202);
    const [stored, ...more] =
      await rows.sql`select payload from deliveries where thread = ${`page-tasks:${workspace.id}`}`;
    expect(more).toEqual([]);
    expect(stored!['payload']).toMatchObject({
      user: workspace.owner,
      task: { verb: 'cancel', task, turn: 1 },
    });
  });
});
