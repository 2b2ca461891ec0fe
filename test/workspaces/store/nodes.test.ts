// The statements about nodes, against each other: reports, placements, the last workspace of a node.
import { describe, expect, test } from 'vitest';
import type { WorkspaceReport } from '../../../agent/protocol.ts';
import { connect, type Database } from '../../../bot/database/connect.ts';
import type { Workspace } from '../../../bot/database/schema.ts';
import { reconcileWorkspace } from '../../../bot/workspaces/reconcile-workspace.ts';
import { world, addNode, addWorkspace, times, ada, claim } from './context.ts';
import {
  discardNode,
  retireIdleNodes,
  saveHeartbeats,
  saveHello,
  saveLoad,
} from '../../../bot/workspaces/store/node-changes.ts';
import { claimNode, claimWorkspace, finishWorkspace } from '../../../bot/workspaces/store/passes.ts';
import { saveReport } from '../../../bot/workspaces/store/workspace-changes.ts';

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
