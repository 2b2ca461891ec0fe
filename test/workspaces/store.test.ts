// The statements, against each other: claims, leases, names, reports, placements.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { WorkspaceReport } from '../../agent/protocol.ts';
import { connect, type Database } from '../../bot/database/connect.ts';
import { nodes, workspaces, type Node, type Workspace } from '../../bot/database/schema.ts';
import { newNodeId, newWorkspaceId, serverName } from '../../bot/ids.ts';
import { reconcileNode } from '../../bot/workspaces/reconcile-node.ts';
import { reconcileWorkspace } from '../../bot/workspaces/reconcile-workspace.ts';
import { createWorld, type World } from './world.ts';
import { forgetPayloads } from '../../bot/chat/store/deliveries.ts';
import type { Held } from '../../bot/database/types.ts';
import {
  discardNode,
  markCreateSent,
  retireIdleNodes,
  saveHeartbeats,
  saveHello,
  saveLoad,
} from '../../bot/workspaces/store/node-changes.ts';
import { claimNode, claimWorkspace, finishWorkspace, renewLease } from '../../bot/workspaces/store/passes.ts';
import { settle } from '../../bot/workspaces/store/settings.ts';
import { saveReport } from '../../bot/workspaces/store/workspace-changes.ts';
import { freeNames, insertWorkspace } from '../../bot/workspaces/store/workspaces.ts';

/** Nothing reconciles here by itself. */
let world: World;
let ada: string;
beforeAll(async () => {
  world = await createWorld({ bots: 1 });
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(async () => {
  ada = await world.addUser();
  await world.sql`update workspaces set next_at = null, lease_until = null`;
  await world.sql`update nodes set next_at = null, lease_until = null`;
});

async function addNode(patch: Partial<typeof nodes.$inferInsert> = {}): Promise<Node> {
  const id = newNodeId();
  const [node] = await world.db
    .insert(nodes)
    .values({
      id,
      name: serverName(id),
      owner: ada,
      provider: 'fake',
      size: 'medium',
      phase: 'ready',
      desired: 'running',
      nextAt: null,
      readyAt: new Date(),
      ...patch,
    })
    .returning();
  return node!;
}

async function addWorkspace(patch: Partial<typeof workspaces.$inferInsert> = {}): Promise<Workspace> {
  const id = newWorkspaceId();
  const [workspace] = await world.db
    .insert(workspaces)
    .values({
      id,
      key: id,
      owner: ada,
      name: id.slice(3),
      repository: 'https://github.com/acme/api',
      size: 'medium',
      phase: 'queued',
      desired: 'running',
      ...patch,
    })
    .returning();
  return workspace!;
}

const claim = async (): Promise<Held<Workspace>> => (await claimWorkspace(world.db))!;
const endLease = (id: string) =>
  world.sql`update workspaces set lease_until = clock_timestamp() where id = ${id}`;
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

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
        world.db.transaction((tx) => insertWorkspace(tx, wanted(index % 2 ? 'one' : 'other'))),
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

describe('what agents say', () => {
  const report = (id: string, patch: Partial<WorkspaceReport> = {}): WorkspaceReport => ({
    id,
    phase: 'running',
    run: 1,
    sessions: 0,
    ...patch,
  });
  const never = { at: null, everyMs: 1_000 };
  const rest = (id: string) => world.sql`update workspaces set next_at = null where id = ${id}`;

  test('of a workspace on another node counts for nothing', async () => {
    const [mine, other] = [await addNode(), await addNode()];
    const { id } = await addWorkspace({ nodeId: mine.id });
    await saveReport(world.db, other.id, report(id), never);
    expect((await world.workspace(id)).reported).toBeNull();
    await saveReport(world.db, mine.id, report(id), never);
    expect((await world.workspace(id)).reported).toMatchObject({ phase: 'running' });
  });

  test('wakes the row when it is news for the reconciler, and only then', async () => {
    const node = await addNode();
    const { id } = await addWorkspace({ nodeId: node.id, phase: 'running' });
    const work = { changed: 1, untracked: 2, unpushed: 3 };
    const failure = { class: 'internal', message: 'no' } as const;
    const said: [WorkspaceReport, boolean][] = [
      [report(id, { work }), true],
      [report(id, { work: { ...work } }), false],
      [report(id, { work, sessions: 1 }), false],
      [report(id, { work: { ...work, changed: 2 }, sessions: 1 }), false],
      [report(id, { phase: 'preparing', step: 'clone' }), true],
      [report(id, { phase: 'failed', failure }), true],
      [report(id, { phase: 'failed', failure: { ...failure } }), false],
      [report(id, { refused: work }), true],
      [report(id, { refused: { ...work } }), false],
      [report(id, { run: 2 }), true],
    ];
    for (const [what, isNews] of said) {
      await rest(id);
      await saveReport(world.db, node.id, what, never);
      expect((await world.workspace(id)).nextAt !== null, JSON.stringify(what)).toBe(isNews);
    }
  });

  test('redraws the card when people can see a difference', async () => {
    const node = await addNode();
    const { id } = await addWorkspace({ nodeId: node.id });
    await world.sql`insert into cards (front, thread, subject) values ('console', ${id}, ${id})`;
    const version = async (): Promise<number> =>
      (await world.sql`select want_version from cards where subject = ${id}`)[0]!['want_version'] as number;
    const first = report(id, { sessions: 1, work: { changed: 0, untracked: 0, unpushed: 1 } });
    await saveReport(world.db, node.id, first, never);
    const drawn = await version();
    await saveReport(world.db, node.id, { ...first, work: { ...first.work! } }, never);
    expect(await version()).toBe(drawn);
    await saveReport(world.db, node.id, { ...first, sessions: 2 }, never);
    expect(await version()).toBe(drawn + 1);
  });

  test('typing moves the activity, a heartbeat never does', async () => {
    const node = await addNode();
    const { id, lastActivityAt: before } = await addWorkspace({ nodeId: node.id });
    const soon = (ms: number) => ({ at: new Date(before.getTime() + ms), everyMs: 1_000 });
    await saveHeartbeats(world.db, [node.id]);
    await saveLoad(world.db, node.id, { cpu: 1, memory: 1 });
    await saveReport(world.db, node.id, report(id, { sessions: 3 }), never);
    await saveReport(world.db, node.id, report(id), soon(900));
    await saveReport(world.db, node.id, report(id), soon(-60_000));
    expect((await world.workspace(id)).lastActivityAt).toEqual(before);
    await saveReport(world.db, node.id, report(id), soon(5_000));
    expect((await world.workspace(id)).lastActivityAt).toEqual(soon(5_000).at);
    expect((await world.node(node.id)).lastHeardAt).not.toBeNull();
  });

  test('a heartbeat of one that was silent makes its node due; of any other it costs one column', async () => {
    const [well, silent] = [await addNode(), await addNode({ phase: 'unhealthy' })];
    await saveHeartbeats(world.db, [well.id, silent.id]);
    expect((await world.node(well.id)).nextAt).toBeNull();
    expect((await world.node(silent.id)).nextAt).not.toBeNull();
  });

  test('hello makes its node due at once: nobody waits for the next look', async () => {
    const { id } = await addNode({ phase: 'booting', nextAt: new Date(Date.now() + 3_600_000) });
    const { gen } = await world.node(id);
    await saveHello(world.db, id, { version: '1', terminalPort: null });
    const node = await world.node(id);
    expect(node.nextAt!.getTime()).toBeLessThan(Date.now() + 60_000);
    // A pass that is under way does not rest on what it saw before.
    expect(node.gen).toBeGreaterThan(gen);
  });

  test('a deleted node can say hello no more', async () => {
    const node = await addNode({ phase: 'deleted', desired: 'deleted' });
    const said = { version: '1', terminalPort: null };
    expect(await saveHello(world.db, node.id, said)).toBeUndefined();
    expect((await world.node(node.id)).readyAt).toEqual(node.readyAt);
  });
});

describe('placement', () => {
  const place = async (db: Database['db']): Promise<void> => {
    for (;;) {
      const held = await claimWorkspace(db);
      if (!held) return;
      if (held.row.phase === 'queued') await reconcileWorkspace({ ...world.reconciler, db }, held);
      else await finishWorkspace(db, held, {}, null);
    }
  };

  test('of 20 workspaces of one owner, by three bots at once, fills nodes to the limit and none over it', async () => {
    const bob = await world.addUser('bob');
    const mine = await Promise.all(times(20, () => addWorkspace()));
    const his = await Promise.all(times(5, () => addWorkspace({ owner: bob })));
    const bots = await Promise.all(times(3, () => connect(world.url)));
    await Promise.all(bots.flatMap(({ db }) => [place(db), place(db), place(db)]));
    await Promise.all(bots.map((bot) => bot.close()));
    const loads = async (of: Workspace[]): Promise<Map<string, number>> => {
      const count = new Map<string, number>();
      for (const { id } of of) {
        const { nodeId } = await world.workspace(id);
        count.set(nodeId!, (count.get(nodeId!) ?? 0) + 1);
      }
      return count;
    };
    const [ours, theirs] = [await loads(mine), await loads(his)];
    expect([...ours.values()].toSorted((a, b) => a - b)).toEqual([2, 3, 3, 3, 3, 3, 3]);
    expect([...theirs.values()].toSorted((a, b) => a - b)).toEqual([2, 3]);
    for (const [id] of ours) expect((await world.node(id)).owner).toBe(ada);
    for (const [id] of theirs) expect((await world.node(id)).owner).toBe(bob);
  });

  test('on the node where it was keeps what its agent said; on another there is nothing yet', async () => {
    const old = await addNode();
    // An emptier one, that a new workspace would take.
    await addNode();
    const reported: WorkspaceReport = { id: 'x', phase: 'stopped', run: 1, sessions: 0 };
    const { id } = await addWorkspace({ nodeId: old.id, reported });
    await reconcileWorkspace(world.reconciler, await claim());
    expect(await world.workspace(id)).toMatchObject({ nodeId: old.id, reported, notice: null });
    await world.sql`update nodes set desired = 'deleted' where id = ${old.id}`;
    await world.sql`update workspaces set phase = 'queued', next_at = now() where id = ${id}`;
    await reconcileWorkspace(world.reconciler, await claim());
    const moved = await world.workspace(id);
    expect(moved).toMatchObject({
      reported: null,
      notice: [{ code: 'fresh-checkout', details: {} }],
    });
    expect(moved.nodeId).not.toBe(old.id);
  });

  test('a command that comes meanwhile leaves neither a node nor a place', async () => {
    const { id, name } = await addWorkspace();
    const held = await claim();
    await world.say(ada, `rm ${name}`);
    await reconcileWorkspace(world.reconciler, held);
    expect(await world.workspace(id)).toMatchObject({ phase: 'queued', nodeId: null, leaseToken: null });
    const [row] = await world.sql`select count(*)::int as count from nodes where owner = ${ada}`;
    expect(row!['count']).toBe(0);
  });
});

describe('giving a node up', () => {
  test.each(times(6, (index) => index))(
    'at the moment of a placement: one of the two wins (%i)',
    async () => {
      const node = await addNode({ nextAt: new Date(), idleSince: new Date(0) });
      const { id } = await addWorkspace();
      const [heldNode, held] = [(await claimNode(world.db))!, await claim()];
      await Promise.all([
        discardNode(world.db, heldNode),
        reconcileWorkspace({ ...world.reconciler, limits: { ...world.limits, workspacesPerNode: 1 } }, held),
      ]);
      const [after, placed] = [await world.node(node.id), await world.workspace(id)];
      if (placed.nodeId === node.id) expect(after.desired).toBe('running');
      else expect((await world.node(placed.nodeId!)).desired).toBe('running');
    },
  );

  test('that has a workspace, or had one a moment ago, is not done', async () => {
    const node = await addNode({ nextAt: new Date() });
    const { id } = await addWorkspace({ phase: 'stopped', nodeId: node.id, nextAt: null });
    await discardNode(world.db, (await claimNode(world.db))!);
    expect(await world.node(node.id)).toMatchObject({ desired: 'running', leaseToken: null });
    expect(await retireIdleNodes(world.db)).not.toContain(node.id);
    await world.sql`update workspaces set phase = 'deleted' where id = ${id}`;
    expect(await retireIdleNodes(world.db)).toContain(node.id);
    expect(await world.node(node.id)).toMatchObject({ desired: 'deleted' });
  });
});

test('the end of a workspace wakes its node, and so does one that leaves it', async () => {
  const node = await addNode();
  for (const patch of [{ phase: 'deleted' }, { phase: 'stopped', nodeId: null }] as const) {
    await addWorkspace({ nodeId: node.id });
    await world.sql`update nodes set next_at = null where id = ${node.id}`;
    await finishWorkspace(world.db, await claim(), patch, null);
    expect((await world.node(node.id)).nextAt).not.toBeNull();
  }
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
