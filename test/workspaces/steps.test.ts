// What comes next for a workspace: pure decisions, no database.
import { describe, expect, test } from 'vitest';
import type { Failure } from '../../agent/protocol.ts';
import { later } from '../../bot/workspaces/timing.ts';
import { describeLoss } from '../../bot/chat/wording/notices.ts';
import { expiryOf, nextStep } from '../../bot/workspaces/workspace.ts';
import { noticesOfDelay, type Refusal } from '../../bot/workspaces/saving.ts';
import { desiredOf } from '../../bot/nodes/desired.ts';
import { noticeText } from '../words.ts';
import { after, life, nodeRow, reportOf, T0, timing, workspaceRow } from './rows.ts';

const HOUR = 3_600_000;
const work = { changed: 1, untracked: 0, unpushed: 2 };

describe('deadlines', () => {
  test.each([
    ['provisioning', 'running', { phase: 'booting', readyAt: null }, timing.provisioningMs],
    ['preparing', 'running', {}, timing.preparingMs],
    ['stopping', 'stopped', {}, timing.stoppingMs],
  ] as const)('%s ends in failed, counted from the moment it began', (phase, desired, node, ms) => {
    const workspace = workspaceRow({
      phase,
      desired,
      reported: null,
      phaseSince: after(HOUR),
      createdAt: T0,
    });
    const step = (now: Date) => nextStep(workspace, nodeRow(node), now, life);
    expect(step(after(HOUR + ms - 1))).toEqual({ do: 'wait', until: after(HOUR + ms) });
    expect(step(after(HOUR + ms))).toMatchObject({ do: 'fail' });
  });

  test('a node is given up before the workspace that waits for it, so that its reason is the one people read', () => {
    expect(timing.creatingMs + timing.bootMs).toBeLessThan(timing.provisioningMs);
    expect(timing.callTimeoutMs).toBeLessThan(timing.quietMs);
    expect(timing.quietMs).toBeLessThan(timing.creatingMs);
    expect(timing.quietMs).toBeLessThan(timing.graceMs);
  });

  test('a delete that nobody answers is refused when its time is over, and done if it was forced', () => {
    const asked = workspaceRow({ phase: 'deleting', desired: 'deleted', phaseSince: T0 });
    const late = after(timing.deletingMs);
    expect(nextStep(asked, nodeRow(), after(1), life)).toEqual({ do: 'wait', until: late });
    expect(nextStep(asked, nodeRow(), late, life)).toEqual({ do: 'refuse', work: undefined });
    expect(nextStep({ ...asked, force: true }, nodeRow(), late, life)).toEqual({
      do: 'enter',
      phase: 'deleted',
    });
  });

  test('an agent that is deleting already is not called back, however slow it is', () => {
    const asked = workspaceRow({ phase: 'deleting', desired: 'deleted', reported: reportOf('deleting') });
    const silent = nodeRow({ phase: 'unhealthy' });
    expect(nextStep(asked, silent, after(1), life)).toMatchObject({ do: 'wait' });
    expect(nextStep(asked, silent, after(timing.deletingMs), life)).toEqual({
      do: 'enter',
      phase: 'deleted',
    });
  });
});

describe('towards running', () => {
  test('a workspace whose node is gone fails and says so', () => {
    for (const phase of ['provisioning', 'preparing', 'running'] as const) {
      const step = nextStep(workspaceRow({ phase }), nodeRow({ phase: 'failed' }), T0, life);
      expect(step).toMatchObject({ do: 'fail', failure: { class: 'provider' } });
    }
  });

  test('the reason of a node that could not be made is the reason of its workspace', () => {
    const lastError = { class: 'configuration', message: 'no such size' } as const;
    const node = nodeRow({ phase: 'deleting', desired: 'deleted', lastError });
    const step = nextStep(workspaceRow({ phase: 'provisioning' }), node, T0, life);
    expect(step).toEqual({ do: 'fail', failure: lastError });
  });

  test('what an agent says of an earlier run counts for nothing', () => {
    const workspace = workspaceRow({ phase: 'preparing', run: 2, reported: reportOf('running', { run: 1 }) });
    expect(nextStep(workspace, nodeRow(), T0, life)).toMatchObject({ do: 'wait' });
    const failed = { ...workspace, reported: reportOf('failed', { run: 1 }) };
    expect(nextStep(failed, nodeRow(), T0, life)).toMatchObject({ do: 'wait' });
  });

  test.each(['preparing', 'stopping', 'stopped', 'deleting', 'deleted'] as const)(
    'a running workspace that its agent calls %s is made ready again',
    (phase) => {
      const workspace = workspaceRow({ reported: reportOf(phase) });
      expect(nextStep(workspace, nodeRow(), T0, life)).toEqual({ do: 'enter', phase: 'preparing' });
    },
  );

  test('a late report never revives what is to stop', () => {
    const workspace = workspaceRow({ desired: 'stopped', phase: 'stopping', reported: reportOf('running') });
    expect(nextStep(workspace, nodeRow(), T0, life)).toMatchObject({ do: 'wait' });
    const stopped = workspaceRow({ desired: 'stopped', phase: 'stopped', reported: reportOf('running') });
    expect(nextStep(stopped, nodeRow(), T0, life)).toEqual({ do: 'wait', until: null });
  });
});

describe('files are kept', () => {
  test.each(['queued', 'provisioning'] as const)(
    'stop and rm of a %s workspace whose node is up go through the agent: it may have been restarted',
    (phase) => {
      const stop = workspaceRow({ phase, desired: 'stopped' });
      expect(nextStep(stop, nodeRow(), T0, life)).toEqual({ do: 'enter', phase: 'stopping' });
      const rm = workspaceRow({ phase, desired: 'deleted' });
      expect(nextStep(rm, nodeRow(), T0, life)).toEqual({ do: 'enter', phase: 'deleting', step: 'check' });
    },
  );

  test.each(['queued', 'provisioning', 'preparing', 'failed'] as const)(
    'on a node that never spoke nothing can lie, so nobody is asked about a %s workspace',
    (phase) => {
      const node = nodeRow({ phase: 'booting', readyAt: null });
      const stop = workspaceRow({ phase, desired: 'stopped' });
      expect(nextStep(stop, node, T0, life)).toEqual({ do: 'enter', phase: 'stopped', nodeId: null });
      const rm = workspaceRow({ phase, desired: 'deleted' });
      expect(nextStep(rm, node, T0, life)).toEqual({ do: 'enter', phase: 'deleted' });
    },
  );

  test('the work that the agent found is what the refusal tells; with --force nobody asks', () => {
    const asked = workspaceRow({
      phase: 'deleting',
      desired: 'deleted',
      reported: reportOf('running', { refused: work }),
    });
    expect(nextStep(asked, nodeRow(), T0, life)).toEqual({ do: 'refuse', work });
    expect(nextStep({ ...asked, force: true }, nodeRow(), T0, life)).toMatchObject({ do: 'wait' });
    expect(describeLoss(work)).toBe('Not deleted: 1 changed file and 2 unpushed commits would be lost.');
    const there = { kind: 'worktree', changed: 1, untracked: 0, unpushed: 0 } as const;
    const places = ['.worktrees/fix', 'b', 'c', 'd'].map((where) => ({ ...there, where }));
    expect(describeLoss({ ...work, places: places.slice(0, 1) })).toBe(
      'Not deleted: 1 changed file and 2 unpushed commits (of that 1 changed file in `.worktrees/fix`) would be lost.',
    );
    expect(describeLoss({ ...work, changed: 4, places })).toContain(
      'in `c`, and the rest in 1 other place) would be lost.',
    );
    expect(describeLoss(undefined)).toContain('did not answer');
    expect(describeLoss({ changed: 0, untracked: 0, unpushed: 0 })).toContain('could not say');
  });

  test('a silent node counts as "cannot say": refused at once, and done at once with --force', () => {
    const asked = workspaceRow({ phase: 'deleting', desired: 'deleted' });
    const silent = nodeRow({ phase: 'unhealthy' });
    expect(nextStep(asked, silent, T0, life)).toEqual({ do: 'refuse', work: undefined });
    expect(nextStep({ ...asked, force: true }, silent, T0, life)).toEqual({ do: 'enter', phase: 'deleted' });
  });
});

describe('expiry', () => {
  const idle = life.idleTimeoutMs;
  const end = after(idle);
  const warning = later(end, -timing.warningMs);

  test('half an hour before its end it warns once, then it stops', () => {
    const workspace = workspaceRow();
    expect(nextStep(workspace, nodeRow(), after(1), life)).toEqual({ do: 'wait', until: warning });
    expect(nextStep(workspace, nodeRow(), warning, life)).toEqual({ do: 'warn', expiry: end });
    const warned = { ...workspace, warnedFor: end };
    expect(nextStep(warned, nodeRow(), warning, life)).toEqual({ do: 'wait', until: end });
    expect(nextStep(warned, nodeRow(), end, life)).toMatchObject({
      do: 'want',
      desired: 'stopped',
      force: false,
    });
  });

  test('another expiry deserves another warning', () => {
    const workspace = workspaceRow({ warnedFor: end, lastActivityAt: after(1_000) });
    expect(nextStep(workspace, nodeRow(), later(warning, 1_000), life)).toEqual({
      do: 'warn',
      expiry: later(end, 1_000),
    });
  });

  test('what counts is typed input, the start of this run, and what people asked for; not reports', () => {
    const typed = workspaceRow({ lastActivityAt: after(5_000), reportedAt: after(HOUR) });
    expect(expiryOf(typed, idle)).toEqual(after(5_000 + idle));
    expect(expiryOf(workspaceRow({ runningAt: after(7_000) }), idle)).toEqual(after(7_000 + idle));
    expect(expiryOf(workspaceRow({ keptUntil: after(2 * idle) }), idle)).toEqual(after(2 * idle));
    expect(expiryOf(workspaceRow({ keptUntil: after(1) }), idle)).toEqual(end);
  });

  test('0 means never: not idle, not deleted', () => {
    const never = { ...life, idleTimeoutMs: 0 };
    expect(nextStep(workspaceRow(), nodeRow(), after(1e12), never)).toEqual({ do: 'wait', until: null });
    const stopped = workspaceRow({ desired: 'stopped', phase: 'stopped' });
    expect(nextStep(stopped, nodeRow(), after(1e12), never)).toEqual({ do: 'wait', until: null });
  });
});

describe('failed', () => {
  const failed = workspaceRow({
    phase: 'failed',
    reported: reportOf('failed'),
    phaseSince: after(HOUR),
    runningAt: null,
  });
  const end = after(HOUR + life.idleTimeoutMs);
  const warning = later(end, -timing.warningMs);
  const empty = { ...failed, reported: reportOf('failed', { isEmpty: true }) };

  test('it is idle from then on: it warns, and stops', () => {
    expect(nextStep(failed, nodeRow(), after(HOUR), life)).toEqual({ do: 'wait', until: warning });
    expect(nextStep(failed, nodeRow(), warning, life)).toEqual({ do: 'warn', expiry: end });
    expect(nextStep(failed, nodeRow(), end, life)).toMatchObject({ do: 'want', desired: 'stopped' });
    const kept = { ...failed, keptUntil: later(end, 1) };
    expect(nextStep(kept, nodeRow(), end, life)).toEqual({ do: 'warn', expiry: later(end, 1) });
  });

  test('without a file it has its agent clear up what it left, and then gives the machine back', () => {
    expect(desiredOf(failed)).toMatchObject({ desired: 'stopped' });
    expect(desiredOf(empty)).toMatchObject({ desired: 'deleted', force: false });
    expect(nextStep(empty, nodeRow(), after(HOUR), life)).toMatchObject({ do: 'wait' });
    const cleared = { ...empty, reported: reportOf('deleted') };
    expect(desiredOf(cleared)).toMatchObject({ desired: 'deleted', force: false });
    expect(nextStep(cleared, nodeRow(), after(HOUR), life)).toEqual({ do: 'leave' });
  });

  test('what its agent said of an earlier run gives no machine back', () => {
    for (const phase of ['failed', 'deleted'] as const) {
      const again = { ...failed, run: 2, reported: reportOf(phase, { isEmpty: true }) };
      expect(desiredOf(again)).toMatchObject({ desired: 'stopped' });
      expect(nextStep(again, nodeRow(), after(HOUR), life)).toMatchObject({ do: 'wait' });
    }
  });

  test('a machine that never spoke is given back too; one that is gone needs nobody for that', () => {
    const mute = nodeRow({ phase: 'booting', readyAt: null });
    expect(nextStep(failed, mute, after(HOUR), life)).toEqual({ do: 'leave' });
    expect(nextStep(failed, nodeRow({ phase: 'failed' }), after(HOUR), life)).toMatchObject({ do: 'wait' });
  });

  test('because it did not stop, it goes all the same when it is stopped for long, or is stopped late', () => {
    const week = { ...life, deleteStoppedAfterMs: 7 * 24 * HOUR };
    const lastError = { class: 'provider', code: 'stop-unknown', details: {} } as const;
    const stuck = { ...failed, desired: 'stopped', lastError } as const;
    const gone = later(stuck.phaseSince, week.deleteStoppedAfterMs);
    expect(nextStep(stuck, nodeRow(), after(HOUR), week)).toEqual({ do: 'wait', until: gone });
    expect(nextStep(stuck, nodeRow(), gone, week)).toMatchObject({ do: 'want', desired: 'deleted' });
    const late = { ...stuck, reported: reportOf('stopped') };
    expect(nextStep(late, nodeRow(), after(HOUR), week)).toEqual({ do: 'enter', phase: 'stopped' });
  });
});

describe('stopped for long', () => {
  const week = { ...life, deleteStoppedAfterMs: 7 * 24 * HOUR };
  const stopped = workspaceRow({ desired: 'stopped', phase: 'stopped', phaseSince: T0 });

  test('it is deleted, but never by force: the agent looks first', () => {
    const end = after(week.deleteStoppedAfterMs);
    expect(nextStep(stopped, nodeRow(), after(1), week)).toEqual({ do: 'wait', until: end });
    expect(nextStep(stopped, nodeRow(), end, week)).toMatchObject({
      do: 'want',
      desired: 'deleted',
      force: false,
    });
  });

  test('announced, it goes when the day is over and not a moment before, and its agent is asked once more', () => {
    const announced = { ...stopped, deleteAt: after(24 * HOUR) };
    expect(nextStep(announced, nodeRow(), after(1), week)).toEqual({ do: 'wait', until: after(24 * HOUR) });
    expect(nextStep(announced, nodeRow(), after(24 * HOUR), week)).toMatchObject({
      do: 'want',
      desired: 'deleted',
      force: false,
    });
  });
});

describe('saving', () => {
  const saved = { ref: 'refs/sam/ws-abcdefghijkl', commit: 'a'.repeat(40) };
  const nothing = { changed: 0, untracked: 0, unpushed: 0 };
  const newFiles = { changed: 0, untracked: 2, unpushed: 0 };
  const leaving = workspaceRow({
    phase: 'deleting',
    step: 'check',
    desired: 'deleted',
    isAutomatic: true,
    isPrivate: true,
  });
  const saving = reportOf('stopping', { step: 'saving', work });

  test('is asked of the agent only when nobody asked for the deletion, and only where the repository is known to be private', () => {
    expect(desiredOf(leaving)).toMatchObject({ desired: 'deleted', force: false, save: true });
    for (const isPrivate of [false, null])
      expect(desiredOf({ ...leaving, isPrivate })).not.toHaveProperty('save');
    expect(desiredOf({ ...leaving, isAutomatic: false })).not.toHaveProperty('save');
    expect(desiredOf({ ...leaving, force: true })).not.toHaveProperty('save');
    expect(desiredOf({ ...leaving, desired: 'stopped', phase: 'stopping' })).not.toHaveProperty('save');
  });

  test('has a time of its own, longer than a mere look', () => {
    const begun = { ...leaving, reported: saving };
    expect(nextStep(begun, nodeRow(), T0, life)).toEqual({ do: 'enter', phase: 'deleting', step: 'saving' });
    const under = { ...begun, step: 'saving' } as const;
    const end = timing.deletingMs + timing.savingMs;
    expect(nextStep(under, nodeRow(), after(timing.deletingMs), life)).toEqual({
      do: 'wait',
      until: after(end),
    });
    expect(nextStep(under, nodeRow(), after(end), life)).toEqual({ do: 'refuse', work });
  });

  test('that got everything lets it go; what is left keeps it for a day, and then it goes all the same', () => {
    const all = { ...leaving, reported: reportOf('stopped', { refused: nothing, saved }) };
    expect(nextStep(all, nodeRow(), T0, life)).toEqual({ do: 'release' });
    const some = { ...leaving, reported: reportOf('stopped', { refused: newFiles, saved }) };
    expect(nextStep(some, nodeRow(), T0, life)).toEqual({ do: 'refuse', work: newFiles });
    const dayAfter = { ...some, deleteAt: T0 };
    expect(nextStep(dayAfter, nodeRow(), T0, life)).toEqual({ do: 'release' });
    expect(nextStep({ ...dayAfter, isAutomatic: false }, nodeRow(), T0, life)).toMatchObject({
      do: 'refuse',
    });
  });

  test('of which git could not say whether it was needed counts for nothing', () => {
    const blind = { ...leaving, reported: reportOf('stopped', { refused: nothing }) };
    expect(nextStep(blind, nodeRow(), T0, life)).toEqual({ do: 'refuse', work: nothing });
  });

  test('on a silent node counts as "cannot"; a day later the node is not waited for, and what was saved before is told', () => {
    const silent = nodeRow({ phase: 'unhealthy' });
    const under = { ...leaving, step: 'saving', reported: saving } as const;
    expect(nextStep(under, silent, T0, life)).toEqual({ do: 'refuse', work: undefined });
    expect(nextStep({ ...under, deleteAt: T0 }, silent, T0, life)).toEqual({ do: 'enter', phase: 'deleted' });
    const before = {
      ...under,
      deleteAt: T0,
      reported: reportOf('stopped', { saved }),
      notice: [{ code: 'kept-a-day', details: {} } as const],
    };
    expect(nextStep(before, silent, T0, life)).toEqual({
      do: 'enter',
      phase: 'deleted',
      notice: [
        { code: 'kept-a-day', details: {} },
        { code: 'saved', details: { ref: saved.ref } },
      ],
    });
  });

  test('and the day are not held up by a machine that never stopped', () => {
    const stuck = workspaceRow({ desired: 'stopped', phase: 'failed', deleteAt: after(5) });
    expect(nextStep(stuck, nodeRow({ phase: 'unhealthy' }), after(5), life)).toMatchObject({
      do: 'want',
      desired: 'deleted',
    });
  });

  const delay = (refusal: Refusal): string => noticeText(noticesOfDelay(refusal, 'api-1'));
  const refusedPush: Failure = {
    class: 'transient',
    code: 'not-saved',
    details: { why: 'refused', host: 'github.com' },
  };

  test('is told in sentences that say where it is, what is not in it, why, and what to do', () => {
    expect(delay({ refused: newFiles, saved })).toMatchInlineSnapshot(
      `"Saved to \`refs/sam/ws-abcdefghijkl\`: \`git fetch origin refs/sam/ws-abcdefghijkl && git checkout FETCH_HEAD\`. Not deleted: 2 new files would be lost. It will be deleted all the same in a day, unless you start it: \`start api-1\`."`,
    );
    expect(
      delay({ refused: work, reason: { code: 'unsaved', details: { failure: refusedPush } } }),
    ).toMatchInlineSnapshot(
      `"Not deleted: 1 changed file and 2 unpushed commits would be lost. Not saved: github.com refused the push. It will be deleted all the same in a day, unless you start it: \`start api-1\`."`,
    );
    expect(delay({ refused: undefined })).toMatchInlineSnapshot(
      `"Not deleted: its machine did not answer, so nobody knows what would be lost. It will be deleted all the same in a day, unless you start it: \`start api-1\`."`,
    );
  });
});
