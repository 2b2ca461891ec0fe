// What a look costs: it follows what is due, not how many rows there are. The plans of Postgres, on filled tables.
import { sql, type SQL } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import pino from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { connect, type Database } from '../../../bot/database/connect.ts';
import * as slack from '../../../bot/chat/slack/store.ts';
import { takeTurn, turnDueInMs } from '../../../bot/chat/github/queue-store.ts';
import { createLoop } from '../../../bot/jobs/loop.ts';
import { nodeSource } from '../../../bot/workspaces/reconcile-node.ts';
import { workspaceSource, type Reconciler } from '../../../bot/workspaces/reconcile-workspace.ts';
import { timingFrom } from '../../../bot/workspaces/timing.ts';
import { freshDatabase, type FreshDatabase } from '../../postgres.ts';
import { until } from '../../until.ts';
import { createFakeProvider } from '../fake-provider.ts';
import { claimAnswer, claimConclusion } from '../../../bot/chat/store/answers.ts';
import { cardDueInMs, claimCard } from '../../../bot/chat/store/cards.ts';
import { claimDelivery, deliveryDueInMs } from '../../../bot/chat/store/deliveries.ts';
import { forgetAudit } from '../../../bot/access/store/audit.ts';
import type { Executor } from '../../../bot/database/types.ts';
import { readAccount, type LimitSubject } from '../../../bot/workspaces/store/limits.ts';
import { saveHeartbeats } from '../../../bot/workspaces/store/node-changes.ts';
import { isWanted, lockNodesOf, wakeNodes, workspacesOn } from '../../../bot/workspaces/store/nodes.ts';
import {
  claimNode,
  claimWorkspace,
  finishWorkspace,
  passDueInMs,
} from '../../../bot/workspaces/store/passes.ts';
import { saveReport } from '../../../bot/workspaces/store/workspace-changes.ts';
import {
  findByKey,
  findByName,
  findWorkspace,
  listWorkspaces,
  takenNames,
} from '../../../bot/workspaces/store/workspaces.ts';
import { NO_LIMITS } from '../rows.ts';

const ROWS = 2_000;

let fresh: FreshDatabase;
let database: Database;
/** Statements as they were sent, with their values. */
let sent: { query: string; params: unknown[] }[] = [];
let db: Database['db'];
beforeAll(async () => {
  fresh = await freshDatabase();
  database = await connect(fresh.url);
  db = drizzle(database.sql, { logger: { logQuery: (query, params) => void sent.push({ query, params }) } });
  await fill(database);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

/** Settled rows: half rest until something wakes them, half until an expiry; as many again are deleted. */
async function fill({ sql: run }: Database): Promise<void> {
  await run`insert into users (id, name) select 'us-' || i, 'ada' from generate_series(1, ${ROWS}) i`;
  await run`insert into nodes (id, name, owner, provider, size, phase, desired, next_at)
    select 'nd-' || i, 'vm-' || i, 'us-' || i, 'fake', 'small', 'ready', 'running',
      case when i % 2 = 0 then now() + i * interval '1 minute' end from generate_series(1, ${ROWS}) i`;
  await run`insert into workspaces (id, key, owner, name, repository, size, phase, desired, node_id, next_at)
    select 'ws-' || i, 'key' || i, 'us-' || (i % ${ROWS} + 1), 'api', 'r', 'small', p, p, 'nd-' || (i % ${ROWS} + 1),
      case when i % 2 = 0 and p = 'running' then now() + i * interval '1 minute' end
    from generate_series(1, ${2 * ROWS}) i, lateral (select case when i <= ${ROWS} then 'running' else 'deleted' end as p)`;
  await run`insert into commands (workspace_id, seq, actor, front, verb, line, desired, status, gen)
    select 'ws-' || i, 1, 'us-1', 'console', 'up', 'up', 'running', 'done', 1 from generate_series(1, ${ROWS}) i`;
  await run`insert into cards (front, thread, subject, external_id, sent_version)
    select f, 'T1/C' || i, 'ws-' || i, 'C' || i || ':12.3', 1 from unnest(array['console', 'slack']) f, generate_series(1, ${ROWS}) i`;
  await run`insert into cards (front, thread, subject, kind, external_id, sent_version, next_at)
    select 'github', 'acme/api#' || i, 'acme/api#' || i, k, i, 1, now() - i * 7919 % ${ROWS} * interval '1 minute'
      from unnest(array['card', 'deployment', 'check']) k, generate_series(1, ${ROWS}) i`;
  await run`insert into deliveries
      (source, delivery_id, body_hash, thread, event, payload, received_at, ended_at, answer, answered_at, concluded_at)
    select 'slack', 'd-' || i, i::text, 'T1/U' || i % 100, 'button', '{"press": "other"}',
      at, at, '{"ok": true, "code": "ok", "text": ""}', at, at
    from generate_series(1, ${ROWS}) i, lateral (select now() - i * interval '1 minute' as at)`;
  await run`insert into tasks (id, workspace_id, front, thread, agent)
    select 'tk-' || i, 'ws-' || i, 'slack', 'T1/U' || i, 'claude' from generate_series(1, ${ROWS}) i`;
  await run`insert into task_turns
      (task_id, turn, workspace_id, actor, source, delivery_id, prompt, policy, minutes, next_at, ended_at, created_at)
    select 'tk-' || i, 1, 'ws-' || i, 'us-7', 'slack', 'd-' || i, 'look', '{}', 1, null, at, at
    from generate_series(1, ${ROWS}) i, lateral (select now() - i * interval '10 minutes' as at)`;
  await run`insert into limits (holder, subject, kind, most, set_by)
    select 'person', 'us-' || i, 'tasks', 5, 'us-1' from generate_series(1, ${ROWS}) i`;
  await run`insert into audit (actor, front, action, target, by_right, result)
    select 'us-' || i, 'slack', 'up', '', 'write', 'ok' from generate_series(1, ${ROWS}) i`;
  await run`analyze`;
}

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows'?: number;
  'Actual Loops'?: number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

/** Runs it, and then each of its statements again to see how Postgres went about it; nothing of that stays. */
async function plansOf(run: (db: Database['db']) => Promise<unknown>): Promise<Plan[]> {
  sent = [];
  await run(db);
  const plans: Plan[] = [];
  const statements = sent.filter(({ query }) => /^\s*(select|update|insert|delete|with)/i.test(query));
  await rolledBack(database.db, async (tx) => {
    for (const { query, params } of statements) {
      const explained = sql.join([sql.raw('explain (analyze, format json)'), toSql(query, params)], sql` `);
      const [row] = await tx.execute<{ 'QUERY PLAN': { Plan: Plan }[] }>(explained);
      plans.push(...nodesOf(row!['QUERY PLAN'][0]!.Plan));
    }
  });
  expect(plans.length).toBeGreaterThan(0);
  return plans;
}

/** The same statement, with its values in their places. */
const toSql = (query: string, params: unknown[]): SQL =>
  sql.join(
    query
      .split(/(\$\d+)/)
      .map((part) => (/^\$\d+$/.test(part) ? sql`${params[Number(part.slice(1)) - 1]}` : sql.raw(part))),
  );

async function rolledBack(some: Database['db'], run: (tx: Executor) => Promise<void>): Promise<void> {
  const undo = new Error('undo');
  await some
    .transaction(async (tx) => {
      await run(tx);
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
}

/** One that changes something, so that everything that hangs on it is written, too. */
async function endPass(some: Database['db']): Promise<void> {
  await database.sql`update workspaces set lease_token = 't', lease_until = now() + interval '1 hour' where id = 'ws-7'`;
  const row = (await findWorkspace(database.db, 'ws-7'))!;
  await finishWorkspace(some, { row, token: 't', now: new Date() }, { phase: 'failed' }, null);
}

const readAsked = (some: Database['db'], subject: LimitSubject) =>
  readAccount(some, subject, { ...NO_LIMITS, asksPerHour: 9 }, ['tasks']);

const STATEMENTS: [string, (db: Database['db']) => Promise<unknown>][] = [
  ['a claim of a workspace', claimWorkspace],
  ['a claim of a node', claimNode],
  ['when the next workspace is due', (some) => passDueInMs(some, 'workspace')],
  ['when the next node is due', (some) => passDueInMs(some, 'node')],
  ['the end of a pass', endPass],
  ['whether a node is wanted', (some) => isWanted(some, 'nd-7')],
  ['a placement', (some) => lockNodesOf(some, 'us-7', 'fake')],
  ['waking a node', (some) => wakeNodes(some, ['nd-7', 'nd-8'])],
  ['heartbeats', (some) => saveHeartbeats(some, ['nd-7', 'nd-8', 'nd-9'])],
  ['what a node should have', (some) => workspacesOn(some, 'nd-7', ['ws-6'])],
  ['what all nodes should have', (some) => workspacesOn(some, ['nd-7', 'nd-8'], ['ws-6', 'ws-9'])],
  [
    'a report',
    (some) =>
      saveReport(
        some,
        'nd-7',
        { id: 'ws-6', phase: 'running', run: 1, sessions: 0 },
        { at: null, everyMs: 1 },
      ),
  ],
  ['a claim of a request', claimDelivery],
  ['a claim of an answer', (some) => claimAnswer(some, 'slack')],
  ['a claim of how a command ended', (some) => claimConclusion(some, 'slack')],
  ['a claim of a card', (some) => claimCard(some, 'console')],
  ['what a person said lately in Slack', (some) => slack.countRecent(some, 'T1/U7')],
  ['the card that a message is', (some) => slack.findCards(some, 'T1/C1', 'C1:12.3')],
  ['when the next request is due', deliveryDueInMs],
  ['when the next card is due', cardDueInMs],
  ['whose turn it is to be written to GitHub', takeTurn],
  ['when somebody may be written to GitHub', turnDueInMs],
  ['whether a button was pressed twice', (some) => slack.wasPressed(some, 'd-7', 'this')],
  ['a list', (some) => listWorkspaces(some, 'us-7')],
  ['a workspace by name', (some) => findByName(some, 'us-7', 'api')],
  ['a workspace by key', (some) => findByKey(some, 'key7')],
  ['the names of an owner', (some) => takenNames(some, 'us-7')],
  ['what a person asked in an hour', (some) => readAsked(some, { holder: 'person', subject: 'us-7' })],
  ['what was asked on a repository in it', (some) => readAsked(some, { holder: 'repository', subject: 'r' })],
  ['what is over of the audit', forgetAudit],
];

test.each(STATEMENTS)('%s reads no table from end to end, and few rows', async (_what, run) => {
  const plans = await plansOf(run);
  // One row for each account: they fit a page.
  const scans = plans.filter(
    (plan) => plan['Relation Name'] !== undefined && plan['Relation Name'] !== 'turns',
  );
  expect(scans.map((plan) => plan['Node Type'])).not.toContain('Seq Scan');
  for (const plan of plans) {
    expect(plan['Rows Removed by Filter'] ?? 0, JSON.stringify(plan)).toBeLessThan(20);
    expect(plan['Actual Rows'] ?? 0, JSON.stringify(plan)).toBeLessThan(20);
  }
});

test('with one row due among thousands the claim finds it, and reads little more', async () => {
  await database.sql`update workspaces set next_at = now() - interval '1 day' where id = 'ws-42'`;
  const plans = await plansOf((some) =>
    rolledBack(some, async (tx) => {
      expect((await claimWorkspace(tx))?.row.id).toBe('ws-42');
    }),
  );
  for (const plan of plans) expect(plan['Rows Removed by Filter'] ?? 0).toBeLessThan(20);
});

test.each([
  ['whose turn it is', takeTurn],
  ['when somebody may write', turnDueInMs],
])('with thousands of cards that wait for GitHub a look at %s reads a thousand', async (_what, run) => {
  await database.sql`update cards set want_version = 2 where front = 'github'`;
  onTestFinished(async () => {
    await database.sql`update cards set want_version = 1, lease_until = null where front = 'github'`;
    await database.sql`delete from turns`;
  });
  // Nothing of that is taken.
  const plans = await plansOf((some) => rolledBack(some, async (tx) => void (await run(tx))));
  const looked = plans.filter((plan) => plan['Relation Name'] === 'cards');
  expect(looked.map((plan) => plan['Node Type'])).not.toContain('Seq Scan');
  const read = looked.map((plan) => (plan['Actual Rows'] ?? 0) * (plan['Actual Loops'] ?? 0));
  expect(Math.max(...read)).toBeGreaterThan(900);
  // Each of them, and what its thread was served last.
  expect(read.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(4 * 1_000 + 10);
});

/** What the loop says to the database and the provider from its start until it rests. */
async function oneLook(servers: string[] = []) {
  const provider = createFakeProvider();
  for (const name of servers) provider.addServer({ name });
  const log = pino({ level: 'silent' });
  const limits = {
    ...NO_LIMITS,
    idleTimeoutMs: 0,
    deleteStoppedAfterMs: 0,
    nodeWarmMs: 60_000,
    workspacesPerNode: 3,
    nodesPerUser: 10,
  };
  const r: Reconciler = {
    db,
    provider,
    proveAccount: async () => {},
    baseUrl: 'http://sam.test',
    createBootstrapToken: async () => 'token',
    limits,
    timing: timingFrom(),
    log,
  };
  const sources = [workspaceSource(r), nodeSource(r)];
  // A look ends with the question when to come back, of both.
  let questions = 0;
  const counted = sources.map((source) => ({
    ...source,
    dueInMs: () => source.dueInMs().finally(() => (questions += 1)),
  }));
  const loop = createLoop(counted, { log, pollMs: 600_000 });
  sent = [];
  loop.start();
  await until(() => questions >= 2);
  await loop.stop();
  return { statements: sent.map(({ query }) => query), calls: provider.calls.length };
}

test('a look at thousands of rows that rest is four statements and no call; each that is due adds its own', async () => {
  for (const table of ['workspaces', 'nodes'])
    await database.sql`update ${database.sql(table)} set next_at = null where next_at <= now()`;
  const idle = await oneLook();
  expect([idle.statements.length, idle.calls]).toEqual([4, 0]);
  await database.sql`update nodes set next_at = now(), create_sent_at = now(), last_heard_at = now(),
    observed_at = now(), lease_until = null where id in ('nd-7', 'nd-8', 'nd-9')`;
  const busy = await oneLook(['vm-7', 'vm-8', 'vm-9']);
  console.log(
    `an idle look: ${idle.statements.length} statements; with three due: ${busy.statements.length}`,
  );
  expect(busy.calls).toBe(3);
  // A claim, a look whether somebody wants it, the result; and what the looks between them ask.
  expect(busy.statements.length).toBeLessThanOrEqual(4 + 3 * 8);
});
