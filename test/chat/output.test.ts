// The page with what a command line wrote: for those who may open its workspace, and for nobody else.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { TurnHappening } from '../../agent/protocol.ts';
import { startSession } from '../../bot/access/people/sessions.ts';
import { createPage, type Page } from '../../bot/chat/page/page.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { saveTaskEvents } from '../../bot/tasks/store/events.ts';
import { forgetTurns } from '../../bot/tasks/store/passes.ts';
import { addTurn } from '../../bot/tasks/store/turns.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';
import { openRows, type Rows } from '../access/rows.ts';

let rows: Rows;
let server: TestServer;
let page: Page;
let workspace: Workspace;
let cookie: string;

beforeAll(async () => {
  rows = await openRows();
  server = await serveRoutes((baseUrl) => {
    const mayStill = () => Promise.resolve({ is: 'there' } as const);
    page = createPage({
      db: rows.db,
      forges: [{ name: 'github' }] as never,
      baseUrl,
      triggers: {},
      mayStill,
    });
    return Promise.resolve({ routes: [...page.routes] });
  });
});
afterAll(async () => {
  await page.stop();
  await server.close();
  await rows.close();
});
beforeEach(async () => {
  workspace = await rows.addWorkspace();
  cookie = `sam=${(await startSession(rows.db, workspace.owner)).secret}`;
});

let runs = 0;
async function run(events: TurnHappening[], agent: 'shell' | 'claude' = 'shell'): Promise<string> {
  await rows.db.transaction((tx) =>
    addTurn(tx, {
      workspace,
      thread: `t-${++runs}`,
      agent,
      actor: workspace.owner,
      source: 'console',
      deliveryId: `run-${runs}`,
      prompt: `make 'all'`,
      policy: { allow: [], deny: [] },
      minutes: 60,
    }),
  );
  const [row] = await rows.sql`select id from tasks where workspace_id = ${workspace.id}`;
  const task = row!['id'] as string;
  const said = events.map((event, at) => ({
    workspace: workspace.id,
    task,
    turn: 1,
    seq: at + 1,
    at: 0,
    event,
  }));
  await saveTaskEvents(rows.db, workspace.nodeId ?? '', said);
  return task;
}

const text = (message: 'head' | 'tail', words: string): TurnHappening => ({
  kind: 'text',
  message,
  text: words,
});
const done = (skipped: number): TurnHappening => ({
  kind: 'ended',
  outcome: 'done',
  answer: '',
  exit: { code: 0, lines: 3, skipped },
});
const get = (task: string, { id = workspace.id, headers = { cookie } as Record<string, string> } = {}) =>
  fetch(`${server.origin}/w/${id}/runs/${task}/1`, { headers });

test('its owner reads all that is kept, as text, with what is missing named', async () => {
  const task = await run([
    text('head', 'one\n'),
    text('head', '<b>two</b>\n'),
    text('tail', 'last\n'),
    done(2_500_000),
  ]);
  const answer = await get(task);
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(await answer.text()).toBe(
    "$ make 'all'\n\none\n<b>two</b>\n\n[… 2.5 MB in between are not kept …]\n\nlast\n",
  );
});

test('nobody else does: who is not signed in is asked to, and is led back', async () => {
  const task = await run([text('head', 'secret-words\n'), done(0)]);
  const stranger = await get(task, { headers: {} });
  expect(stranger.status).toBe(401);
  const words = await stranger.text();
  expect(words).not.toContain('secret-words');
  expect(words).toContain(encodeURIComponent(`/w/${workspace.id}/runs/${task}/1`));
  const other = await rows.addWorkspace();
  const theirs = `sam=${(await startSession(rows.db, other.owner)).secret}`;
  expect((await get(task, { headers: { cookie: theirs } })).status).toBe(404);
  // By the address of a workspace that is theirs neither.
  const crossed = await get(task, { id: other.id, headers: { cookie: theirs } });
  expect([crossed.status, (await crossed.text()).includes('secret-words')]).toEqual([404, false]);
});

test('what a coding agent said is not there, nor what never was', async () => {
  const task = await run([text('head', 'private\n')], 'claude');
  expect((await get(task)).status).toBe(404);
  expect((await get('tk-aaaaaaaaaaaa')).status).toBe(404);
  expect((await get('nonsense')).status).toBe(404);
});

test('it goes a week after its end, and what was asked of coding agents stays longer', async () => {
  const task = await run([text('head', 'old\n'), done(0)]);
  await rows.sql`update task_turns set ended_at = now() - interval '6 days' where task_id = ${task}`;
  await forgetTurns(rows.db, { asked: 30, run: 7 });
  expect((await get(task)).status).toBe(200);
  await rows.sql`update task_turns set ended_at = now() - interval '8 days' where task_id = ${task}`;
  await forgetTurns(rows.db, { asked: 30, run: 7 });
  expect((await get(task)).status).toBe(404);
  workspace = await rows.addWorkspace();
  const asked = await run([text('head', 'mine\n')], 'claude');
  await rows.sql`update task_turns set ended_at = now() - interval '8 days' where task_id = ${asked}`;
  await forgetTurns(rows.db, { asked: 30, run: 7 });
  expect(await rows.sql`select from task_events where task_id = ${asked}`).toHaveLength(1);
});
