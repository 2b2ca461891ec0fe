// The page with what a command line wrote: for those who may open its workspace, and for nobody else.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { TurnHappening } from '../../agent/protocol.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { saveTaskEvents } from '../../bot/tasks/store/events.ts';
import { forgetTurns } from '../../bot/tasks/store/passes.ts';
import { addTurn } from '../../bot/tasks/store/turns.ts';
import { openPage, type PageSite } from './page-site.ts';

let site: PageSite;
let workspace: Workspace;
let cookie: string;

beforeAll(async () => {
  site = await openPage({ forges: [{ name: 'github' }] as never });
});
afterAll(() => site.close());
beforeEach(async () => {
  workspace = await site.rows.addWorkspace();
  cookie = await site.signIn(workspace.owner);
});

let runs = 0;
async function run(events: TurnHappening[], agent: 'shell' | 'claude' = 'shell'): Promise<string> {
  await site.rows.db.transaction((tx) =>
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
  const [row] = await site.rows.sql`select id from tasks where workspace_id = ${workspace.id}`;
  const task = row!['id'] as string;
  const said = events.map((event, at) => ({
    workspace: workspace.id,
    task,
    turn: 1,
    seq: at + 1,
    at: 0,
    event,
  }));
  await saveTaskEvents(site.rows.db, workspace.nodeId ?? '', said);
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
  fetch(`${site.server.origin}/w/${id}/runs/${task}/1`, { headers });

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
  const other = await site.rows.addWorkspace();
  const theirs = await site.signIn(other.owner);
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
  await site.rows.sql`update task_turns set ended_at = now() - interval '6 days' where task_id = ${task}`;
  await forgetTurns(site.rows.db, { asked: 30, run: 7 });
  expect((await get(task)).status).toBe(200);
  await site.rows.sql`update task_turns set ended_at = now() - interval '8 days' where task_id = ${task}`;
  await forgetTurns(site.rows.db, { asked: 30, run: 7 });
  expect((await get(task)).status).toBe(404);
  workspace = await site.rows.addWorkspace();
  const asked = await run([text('head', 'mine\n')], 'claude');
  await site.rows.sql`update task_turns set ended_at = now() - interval '8 days' where task_id = ${asked}`;
  await forgetTurns(site.rows.db, { asked: 30, run: 7 });
  expect(await site.rows.sql`select from task_events where task_id = ${asked}`).toHaveLength(1);
});
