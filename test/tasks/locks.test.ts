// Ends and events of turns beside what else is written of their workspace: nobody waits for somebody who waits for them.
import { expect, test } from 'vitest';
import { createLoop } from '../../bot/jobs/loop.ts';
import { turnSource } from '../../bot/tasks/reconcile-turn.ts';
import { saveTaskEvents } from '../../bot/tasks/store/events.ts';
import { addTurn } from '../../bot/tasks/store/turns.ts';
import { timingFrom } from '../../bot/workspaces/timing.ts';
import { log, logged, node, rows, workspace } from '../nodes/hub-context.ts';
import { until } from '../until.ts';

let asks = 0;
async function ask(): Promise<string> {
  const asked = { thread: `acme/api#${workspace.id}`, agent: 'claude', actor: workspace.owner } as const;
  const deliveryId = `locks-${++asks}`;
  const rest = {
    source: 'github',
    prompt: 'fix it',
    policy: { allow: [], deny: [] },
    minutes: 60,
    deliveryId,
  };
  await rows.db.transaction((tx) => addTurn(tx, { workspace, ...asked, ...rest }));
  await rows.sql`insert into cards (front, thread, subject) values ('github', ${asked.thread}, ${workspace.id})
    on conflict do nothing`;
  const [row] = await rows.sql`select id from tasks where workspace_id = ${workspace.id}`;
  return row!['id'] as string;
}

/** Does what a report of its agent does in one transaction: the workspace first, then its card; in between `meanwhile`. */
const reportAround = (meanwhile: () => Promise<void>): Promise<void> =>
  rows.sql.begin(async (sql) => {
    await sql`select from workspaces where id = ${workspace.id} for update`;
    await meanwhile();
    await sql`update cards set want_version = want_version + 1 where subject = ${workspace.id}`;
  }) as Promise<void>;

/** Somebody waits for a lock in this file's database. */
const isWaiting = async (): Promise<boolean> => {
  const [row] = await rows.sql<{ count: number }[]>`select count(*)::int as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  return row!.count > 0;
};

test('turns end beside a report of their workspace, all at once', async () => {
  for (let count = 0; count < 4; count += 1) await ask();
  await rows.sql`update workspaces set desired = 'stopped' where id = ${workspace.id}`;
  const loop = createLoop([turnSource({ db: rows.db, timing: timingFrom(), log })], { log });
  await reportAround(async () => {
    loop.start();
    await until(isWaiting);
  });
  const left = () =>
    rows.sql`select from task_turns where workspace_id = ${workspace.id} and ended_at is null`;
  await until(async () => (await left()).length === 0);
  await loop.stop();
  expect(logged).toEqual([]);
});

test('events are stored beside a report of their workspace', async () => {
  const task = await ask();
  let saving: Promise<unknown> = Promise.resolve();
  await rows.sql`update workspaces set last_activity_at = now() - interval '1 hour' where id = ${workspace.id}`;
  await reportAround(async () => {
    const event = { kind: 'plan' as const, entries: [] };
    const said = { workspace: workspace.id, task, turn: 1, seq: 1, at: Date.now(), event };
    saving = saveTaskEvents(rows.db, node.id, [said]);
    await until(isWaiting);
    // As a command does that asks for more in the same thread.
    await rows.sql`select from tasks where id = ${task} for update nowait`;
  });
  expect(await saving).toEqual([{ task, seq: 1 }]);
});
