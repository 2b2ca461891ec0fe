// The statements, against each other: claims, leases, commands, names.
import { admit } from '../../../bot/workspaces/fork.ts';
import { describe, expect, test } from 'vitest';
import { forgetPayloads } from '../../../bot/chat/store/deliveries.ts';
import { connect } from '../../../bot/database/connect.ts';
import { newWorkspaceId } from '../../../bot/ids.ts';
import { reconcileNode } from '../../../bot/workspaces/reconcile-node.ts';
import { world, addWorkspace, claim, times, addNode, ada } from './context.ts';
import { markCreateSent } from '../../../bot/workspaces/store/node-changes.ts';
import {
  claimNode,
  claimWorkspace,
  finishWorkspace,
  renewLease,
} from '../../../bot/workspaces/store/passes.ts';
import { settle } from '../../../bot/workspaces/store/settings.ts';
import { freeNames, insertWorkspace } from '../../../bot/workspaces/store/workspaces.ts';

const endLease = (id: string) =>
  world.sql`update workspaces set lease_until = clock_timestamp() where id = ${id}`;

describe('a claim', () => {
  test('is had by one of 20 who ask at once, and the oldest due row comes first', async () => {
    await addWorkspace({ nextAt: new Date(Date.now() - 1_000) });
    const { id } = await addWorkspace({ nextAt: new Date(Date.now() - 60_000) });
    expect((await claim()).row.id).toBe(id);
    const claims = await Promise.all(times(20, () => claimWorkspace(world.db)));
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  test('gives each of many due rows to one only', async () => {
    await Promise.all(times(12, () => addWorkspace()));
    const claims = await Promise.all(times(20, () => claimWorkspace(world.db)));
    const ids = claims.flatMap((held) => (held ? [held.row.id] : []));
    // One that meets others on its way may come back with nothing; it asks again.
    for (let held = await claimWorkspace(world.db); held; held = await claimWorkspace(world.db))
      ids.push(held.row.id);
    expect(ids).toHaveLength(12);
    expect(new Set(ids).size).toBe(12);
  });

  test('knows the clock of the database, and that the row is due by it', async () => {
    await addWorkspace();
    const held = await claim();
    const [clock] = await world.sql<{ now: Date }[]>`select clock_timestamp() as now`;
    expect(Math.abs(clock!.now.getTime() - held.now.getTime())).toBeLessThan(5_000);
    expect(held.row.nextAt!.getTime()).toBeLessThanOrEqual(held.now.getTime());
  });

  test('ends when its lease does, and then its pass writes nothing', async () => {
    const { id } = await addWorkspace();
    const first = await claim();
    await endLease(id);
    expect(await finishWorkspace(world.db, first, { phase: 'failed' }, null)).toBe(false);
    const second = await claim();
    expect(second.row.id).toBe(id);
    expect(await finishWorkspace(world.db, first, { phase: 'failed' }, null)).toBe(false);
    expect(await finishWorkspace(world.db, second, { phase: 'provisioning' }, null)).toBe(true);
    expect(await finishWorkspace(world.db, second, { phase: 'failed' }, null)).toBe(false);
    expect(await world.workspace(id)).toMatchObject({
      phase: 'provisioning',
      nextAt: null,
      leaseToken: null,
    });
  });

  test('can be renewed by who has it, and by nobody else', async () => {
    const { id } = await addWorkspace();
    const held = await claim();
    const { leaseUntil: before } = await world.workspace(id);
    await renewLease(world.db, 'workspace', { ...held, token: 'another' });
    expect((await world.workspace(id)).leaseUntil).toEqual(before);
    await renewLease(world.db, 'workspace', held);
    expect((await world.workspace(id)).leaseUntil!.getTime()).toBeGreaterThan(before!.getTime());
  });

  test('of a create that is not wanted any more is told so before it sends anything', async () => {
    const { id } = await addNode({ phase: 'creating', nextAt: new Date() });
    const held = (await claimNode(world.db))!;
    await world.sql`update nodes set desired = 'deleted' where id = ${id}`;
    expect(await markCreateSent(world.db, held)).toBe(false);
    expect((await world.node(id)).createSentAt).toBeNull();
  });
});

test('a create that is not wanted any more in the last moment is not sent, and the row is due at once', async () => {
  const { id } = await addNode({ phase: 'creating', nextAt: new Date() });
  await addWorkspace({ nodeId: id, phase: 'provisioning', nextAt: null });
  const held = (await claimNode(world.db))!;
  const createBootstrapToken = async (): Promise<string> => {
    await world.sql`update nodes set desired = 'deleted', gen = gen + 1 where id = ${id}`;
    return 'token';
  };
  await reconcileNode({ ...world.reconciler, createBootstrapToken }, held);
  expect(world.provider.count('create')).toBe(0);
  expect(await world.node(id)).toMatchObject({ createSentAt: null, leaseToken: null });
  expect((await claimNode(world.db))?.row.id).toBe(id);
});

describe('a command that comes during a pass', () => {
  test.each([
    ['a failure', { phase: 'failed', lastError: { class: 'provider', message: 'late' } }],
    ['a phase', { phase: 'running' }],
    ['a wish of the clock', { desired: 'stopped', isAutomatic: true }],
    ['a rest', {}],
  ] as const)(
    'is not overwritten by %s that the pass concluded, and is due at once',
    async (_what, patch) => {
      const { id, name } = await addWorkspace({ phase: 'preparing' });
      const held = await claim();
      await world.say(ada, `rm ${name} --force`);
      expect(await finishWorkspace(world.db, held, patch, new Date(Date.now() + 60_000))).toBe(false);
      const row = await world.workspace(id);
      expect(row).toMatchObject({
        desired: 'deleted',
        phase: 'preparing',
        lastError: null,
        leaseToken: null,
      });
      expect((await claim()).row.id).toBe(id);
    },
  );

  test('supersedes the wish before it, which is not called done', async () => {
    const { id, name } = await addWorkspace({ phase: 'running' });
    await world.say(ada, `restart ${name}`);
    await world.say(ada, `stop ${name}`);
    await world.say(ada, `start ${name}`);
    const rows =
      await world.sql`select seq, verb, status from commands where workspace_id = ${id} order by seq`;
    expect(rows.map((row) => [row['seq'], row['verb'], row['status']])).toEqual([
      [1, 'restart', 'superseded'],
      [2, 'stop', 'superseded'],
      [3, 'start', 'running'],
    ]);
  });

  test('for a new run resets what the last one left: failure, attempts, deadlines', async () => {
    const long = new Date(Date.now() - 3_600_000);
    const lastError = { class: 'provider', message: 'gone' } as const;
    const { id, name } = await addWorkspace({
      phase: 'failed',
      phaseSince: long,
      lastError,
      attempts: 7,
      step: 'build',
    });
    await world.say(ada, `retry ${name}`);
    const row = await world.workspace(id);
    expect(row).toMatchObject({ phase: 'queued', lastError: null, attempts: 0, step: null, run: 2 });
    expect(row.phaseSince.getTime()).toBeGreaterThan(long.getTime() + 3_000_000);
    // Also where the phase stays: a restart of what was being provisioned for an hour has its own hour.
    await world.sql`update workspaces set phase = 'provisioning', phase_since = ${long} where id = ${id}`;
    await world.say(ada, `restart ${name}`);
    expect((await world.workspace(id)).phaseSince.getTime()).toBeGreaterThan(long.getTime() + 3_000_000);
  });
});

describe('names and keys', () => {
  test('30 people who say `up` for one thing at once have one workspace', async () => {
    const ids = await Promise.all(times(30, () => world.up(ada)));
    expect(new Set(ids).size).toBe(1);
    const [row] =
      await world.sql`select count(*)::int as count from commands where workspace_id = ${ids[0]!}`;
    expect(row!['count']).toBe(30);
  });

  test('30 who make different things of one name have 30 names', async () => {
    const ids = await Promise.all(times(30, (index) => world.up(ada, `org${index}/api`)));
    const rows = await Promise.all(ids.map((id) => world.workspace(id)));
    expect(new Set(rows.map((row) => row.name)).size).toBe(30);
    expect(rows.map((row) => row.name)).toContain('api-30');
  });

  test('whoever inserts without a look before gets the other one, or a name of its own', async () => {
    const wanted = (key: string) => ({
      id: newWorkspaceId(),
      key: `${key}|${ada}`,
      owner: ada,
      name: 'web',
      repository: 'r',
      topic: null,
      isPrivate: null,
      ref: null,
      commit: null,
      fork: null,
      size: 'medium' as const,
      keptUntil: null,
    });
    const made = await Promise.all(
      times(20, (index) =>
        world.db.transaction((tx) =>
          insertWorkspace(tx, admit(wanted('one'), new Map()), wanted(index % 2 ? 'one' : 'other')),
        ),
      ),
    );
    const rows = new Map(made.map(({ workspace }) => [workspace.id, workspace]));
    expect(made.filter(({ isNew }) => isNew)).toHaveLength(2);
    expect(rows.size).toBe(2);
    expect(new Set([...rows.values()].map((row) => row.name)).size).toBe(2);
  });

  test('a refused delete whose key and name were taken gets a suffix that fits', async () => {
    const name = 'a'.repeat(63);
    const old = await addWorkspace({ key: 'k', name, desired: 'deleted' });
    expect(await freeNames(world.db, old)).toEqual({});
    await addWorkspace({ key: 'k', name });
    const names = await freeNames(world.db, old);
    expect(names).toEqual({ key: `k|${old.id.slice(-4)}`, name: `${'a'.repeat(58)}-${old.id.slice(-4)}` });
  });

  test('an installation has one id, whichever bot comes first', async () => {
    const others = await Promise.all(times(4, () => connect(world.url)));
    const chosen = await Promise.all(
      others.map(({ db }, index) => settle(db, 'installation', `bot${index}`)),
    );
    expect(new Set(chosen).size).toBe(1);
    await Promise.all(others.map((other) => other.close()));
  });
});

test('payloads of old requests are forgotten, their ids are not', async () => {
  const old = new Date(Date.now() - 8 * 86_400_000);
  const add = (id: string, endedAt: Date | null) => world.sql`insert into deliveries
    (source, delivery_id, thread, event, payload, ended_at) values ('console', ${id}, 't', 'e', '{"a":1}', ${endedAt})`;
  await add('old', old);
  await add('new', new Date());
  await add('open', null);
  await forgetPayloads(world.db, 7);
  const kept = await world.sql`select delivery_id from deliveries where payload is not null order by 1`;
  expect(kept.map((row) => row['delivery_id'])).toEqual(['new', 'open']);
  expect(await world.sql`select 1 from deliveries`).toHaveLength(3);
});
