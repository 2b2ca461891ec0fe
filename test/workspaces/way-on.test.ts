// Every row that can be has a way on: whatever it says, and whether or not the world outside answers.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node, NodePhase, Workspace, WorkspacePhase } from '../../bot/database/schema.ts';
import { later } from '../../bot/workspaces/timing.ts';
import { after, life, nodeRow, reportOf, serverOf, T0, workspaceRow } from './rows.ts';
import { turn, type World } from './world-model.ts';

const maybe = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: null });
/** Up to three hours ago: before and after every deadline. */
const moment = fc.integer({ min: -3 * 3_600_000, max: 0 }).map(after);
const NOTHING = { changed: 0, untracked: 0, unpushed: 0 };
const report = fc
  .record({
    phase: fc.constantFrom('preparing', 'running', 'stopping', 'stopped', 'deleting', 'deleted', 'failed'),
    run: fc.constantFrom(1, 2),
    refused: maybe(fc.constantFrom({ changed: 1, untracked: 0, unpushed: 0 }, NOTHING)),
    saved: maybe(fc.constant({ ref: 'refs/sam/ws-abcdefghijkl', commit: 'a'.repeat(40) })),
    step: maybe(fc.constant('saving')),
  } as const)
  .map(({ phase, run, refused, saved, step }) =>
    reportOf(phase, {
      run,
      ...(refused ? { refused } : {}),
      ...(saved ? { saved } : {}),
      ...(step ? { step } : {}),
    }),
  );

const PHASES: WorkspacePhase[] = [
  'queued',
  'provisioning',
  'preparing',
  'running',
  'stopping',
  'stopped',
  'deleting',
  'failed',
];
const NODE_PHASES: NodePhase[] = [
  'creating',
  'booting',
  'ready',
  'unhealthy',
  'deleting',
  'deleted',
  'failed',
];

const workspace: fc.Arbitrary<Workspace> = fc
  .record({
    desired: fc.constantFrom('running', 'stopped', 'deleted'),
    phase: fc.constantFrom(...PHASES),
    phaseSince: moment,
    nodeId: fc.constantFrom('nd-one', null),
    run: fc.constantFrom(1, 2),
    force: fc.boolean(),
    desiredBefore: fc.constantFrom('running', 'stopped', null),
    isAutomatic: fc.boolean(),
    isPrivate: fc.constantFrom(true, false, null),
    step: fc.constantFrom('check', 'saving', null),
    deleteAt: maybe(moment),
    reported: maybe(report),
    runningAt: maybe(moment),
    lastActivityAt: moment,
  } as const)
  .map(workspaceRow);

const node: fc.Arbitrary<Node> = fc
  .record({
    desired: fc.constantFrom('running', 'deleted'),
    phase: fc.constantFrom(...NODE_PHASES),
    phaseSince: moment,
    createSentAt: maybe(moment),
    observedAt: maybe(moment),
    readyAt: maybe(moment),
    lastHeardAt: maybe(moment),
    idleSince: maybe(moment),
  } as const)
  .map(nodeRow);

const world = (isAlive: boolean): fc.Arbitrary<World> =>
  fc
    .record({
      workspace,
      node: fc.option(node, { nil: undefined }),
      status: maybe(fc.constantFrom('starting', 'running', 'off', 'removing')),
      isDirty: fc.boolean(),
      isStubborn: fc.boolean(),
    } as const)
    .map(({ workspace: row, node: made, status, isDirty, isStubborn }) => ({
      now: T0,
      workspace: row,
      node: made,
      // A machine that is coming up does so when the provider lives.
      server: status && made ? serverOf(isAlive && status === 'starting' ? 'running' : status) : undefined,
      nodeDue: T0,
      workspaceDue: T0,
      agent: row.reported ?? undefined,
      isAlive,
      isDirty,
      isStubborn,
      trace: [],
    }));

const RESTING: WorkspacePhase[] = ['running', 'stopped', 'failed', 'deleted'];

/** Lets the time pass until nothing is due any more but an expiry, or for so many turns. */
function play(some: World, turns: number): void {
  for (let count = 0; count < turns; count++) {
    const isIdle = some.workspaceDue === null || some.workspaceDue > later(some.now, life.timing.preparingMs);
    if (isIdle && RESTING.includes(some.workspace.phase) && some.nodeDue === null) return;
    if (!turn(some)) return;
  }
}

test('with a provider and an agent that do what they are told, every row gets where it is wanted, or fails with a reason', () => {
  fc.assert(
    fc.property(world(true), (some) => {
      const { desired } = some.workspace;
      const wasDirty = some.isDirty;
      play(some, 500);
      const { workspace: end, trace } = some;
      const context = trace.join('\n');
      expect(RESTING, context).toContain(end.phase);
      if (end.phase !== 'failed') expect(end.phase, context).toBe(end.desired);
      if (end.phase === 'failed') expect(end.desired, context).toBe('running');
      // A delete that is refused, for its work or for a node that is silent, ends where it was wanted before.
      const isRefused = wasDirty || trace.some((line) => line.includes('"refuse"'));
      if (desired === 'deleted' && !isRefused) expect(end.phase, context).toBe('deleted');
    }),
    { numRuns: 2_000 },
  );
});

test('when nothing outside ever answers, no row waits for ever: it ends in failed, stopped or deleted, or rests', () => {
  fc.assert(
    fc.property(world(false), (some) => {
      play(some, 4_000);
      const { workspace: end, trace } = some;
      expect(RESTING, trace.slice(-30).join('\n')).toContain(end.phase);
    }),
    { numRuns: 300 },
  );
});

test('nothing is deleted while it is wanted running or stopped', () => {
  fc.assert(
    fc.property(fc.boolean().chain(world), (some) => {
      if (some.workspace.desired === 'deleted' || some.workspace.phase === 'deleting') return;
      // Announced, and the day is over.
      if (some.workspace.deleteAt) return;
      const { deleteStoppedAfterMs } = life;
      expect(deleteStoppedAfterMs).toBe(0);
      for (let count = 0; count < 40; count++) {
        const before = some.workspace.nodeId;
        turn(some);
        expect(some.workspace.desired, some.trace.join('\n')).not.toBe('deleted');
        expect(['deleting', 'deleted']).not.toContain(some.workspace.phase);
        // The node under its files goes only when its server is gone, or it failed.
        const last = some.trace.filter((line) => line.startsWith('node')).at(-1) ?? '';
        if (before === some.node?.id && last.includes('"remove"'))
          expect(last, some.trace.join('\n')).toMatch(/^node (deleting|failed)\/deleted/);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('left alone, every workspace goes in the end, also one that failed and one that could not be stopped', () => {
  const fails = fc.constantFrom('clone', 'build', undefined);
  // Short: a machine that does not go is looked at all the time.
  const timing = { ...life.timing, lastCallMs: 60_000 };
  const left = { ...life, idleTimeoutMs: 120_000, deleteStoppedAfterMs: 60_000, timing };
  fc.assert(
    fc.property(fc.boolean().chain(world), fails, (some, fails) => {
      const all: World = { ...some, life: left, fails };
      for (let count = 0; count < 4_000 && all.workspace.phase !== 'deleted'; count++) if (!turn(all)) break;
      expect(all.workspace.phase, all.trace.slice(-30).join('\n')).toBe('deleted');
    }),
    { numRuns: 300 },
  );
});

test('one that failed before it had a file gives its machine back at once; one that has some keeps it', () => {
  fc.assert(
    fc.property(fc.constantFrom('clone', 'build'), fc.integer({ min: 1, max: 3 }), (fails, run) => {
      const fresh = { phase: 'queued', nodeId: null, reported: null, runningAt: null, run } as const;
      const [node, server] = [nodeRow(), serverOf()];
      const due = { nodeDue: T0, workspaceDue: T0, agent: undefined, isAlive: true };
      const what = { workspace: workspaceRow(fresh), isDirty: false, isStubborn: false, fails };
      const all: World = { now: T0, node, server, ...due, ...what, trace: [] };
      for (let count = 0; count < 20; count++) turn(all);
      const context = all.trace.join('\n');
      expect(all.workspace, context).toMatchObject({ phase: 'failed', desired: 'running' });
      expect(all.workspace.nodeId, context).toBe(fails === 'clone' ? null : node.id);
    }),
    { numRuns: 20 },
  );
});

test('what nobody asked for takes no work with it that is not saved, before people had a day to look after it', () => {
  fc.assert(
    fc.property(world(true), fc.boolean(), (some, isPrivate) => {
      const node = nodeRow();
      const asked = {
        desired: 'deleted',
        desiredBefore: 'stopped',
        isAutomatic: true,
        force: false,
      } as const;
      const reported = reportOf('running');
      const row = { ...some.workspace, ...asked, phase: 'running', step: null, nodeId: node.id } as const;
      const start = { ...row, isPrivate, deleteAt: null, reported, phaseSince: T0 };
      const all: World = {
        ...some,
        isDirty: true,
        node,
        server: serverOf(),
        workspace: start,
        agent: reported,
      };
      for (let count = 0; count < 50; count++) {
        const { phase, deleteAt } = all.workspace;
        // Nothing happens for a day but heartbeats.
        if (phase === 'stopped' && deleteAt) all.now = deleteAt;
        turn(all);
      }
      const context = all.trace.join('\n');
      expect(all.workspace.phase, context).toBe('deleted');
      const isSaved = isPrivate && !all.isStubborn;
      const wasToldADay = Number(all.now) >= Number(after(life.timing.lastCallMs));
      expect(wasToldADay, context).toBe(!isSaved);
    }),
    { numRuns: 300 },
  );
});
