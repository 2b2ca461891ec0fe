// Which step comes next for a workspace on its node.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DesiredWorkspace } from '../../agent/protocol.ts';
import { isSuperseded, nextStep, withGoal, type Workspace } from '../../agent/workspaces/workspace.ts';

const goals = fc.record<DesiredWorkspace>({
  id: fc.constant('ws-aaaaaaaaaaaa'),
  name: fc.constant('api'),
  desired: fc.constantFrom('running', 'stopped', 'deleted'),
  run: fc.integer({ min: 1, max: 4 }),
  access: fc.integer({ min: 0, max: 3 }),
  force: fc.boolean(),
  repository: fc.constant('/x'),
});

/** What the steps do, without a machine; `outcome` says whether it works, and whether there is work. */
function perform(workspace: Workspace, outcome: { works: boolean; isDirty: boolean }): Workspace {
  const step = nextStep(workspace);
  if (step === undefined) return workspace;
  if (!outcome.works) return { ...workspace, run: workspace.goal.run, phase: 'failed', isGivenUp: true };
  switch (step) {
    case 'prepare':
      return { ...workspace, run: workspace.goal.run, phase: 'running' };
    case 'stop':
      return { ...workspace, run: workspace.goal.run, phase: 'stopped' };
    case 'check':
      return outcome.isDirty
        ? { ...workspace, refused: { changed: 1, untracked: 0, unpushed: 0 } }
        : { ...workspace, phase: 'deleting' };
    case 'delete':
      return { ...workspace, phase: 'deleted' };
  }
}

test('whatever is wanted in whatever order, a few steps end it, and the last goal is the one that holds', () => {
  const outcomes = fc.record({ works: fc.boolean(), isDirty: fc.boolean() });
  fc.assert(
    fc.property(goals, fc.array(fc.tuple(goals, outcomes), { minLength: 1, maxLength: 8 }), (first, rest) => {
      let workspace: Workspace = { goal: first, folder: 'x', phase: 'preparing', run: first.run };
      for (const [goal, outcome] of rest) {
        if (workspace.phase === 'deleted') return;
        workspace = withGoal(perform(workspace, outcome), goal);
        expect(workspace.goal.access).toBeGreaterThanOrEqual(goal.access);
      }
      const works = { works: true, isDirty: false };
      for (let steps = 0; nextStep(workspace) !== undefined; steps++) {
        expect(steps).toBeLessThan(4);
        workspace = perform(workspace, works);
      }
      if (workspace.isGivenUp || workspace.phase === 'deleted') return;
      expect(workspace.phase).toBe(
        { running: 'running', stopped: 'stopped', deleted: 'deleted' }[workspace.goal.desired],
      );
    }),
  );
});

test('nothing is deleted without a look, unless it is forced', () => {
  fc.assert(
    fc.property(
      goals,
      fc.constantFrom('preparing', 'running', 'stopping', 'stopped', 'failed'),
      (goal, phase) => {
        const step = nextStep({ goal, folder: 'x', phase, run: 1 } as Workspace);
        if (step === 'delete') expect(goal).toMatchObject({ desired: 'deleted', force: true });
        if (step === 'check') expect(goal).toMatchObject({ desired: 'deleted', force: false });
      },
    ),
  );
});

test('a saving ends when it is not asked for any more, and a mere look goes on', () => {
  const base = { id: 'ws-aaaaaaaaaaaa', name: 'api', run: 1, access: 0, force: false, repository: '/x' };
  const asked: DesiredWorkspace = { ...base, desired: 'deleted', save: true };
  const { save: _, ...unasked } = asked;
  const saving: Workspace = { goal: asked, folder: 'x', phase: 'stopping', run: 1, step: 'saving' };
  expect(isSuperseded('check', 1, saving)).toBe(false);
  for (const goal of [unasked, { ...asked, force: true }, { ...base, desired: 'stopped' as const }])
    expect(isSuperseded('check', 1, { ...saving, goal }), JSON.stringify(goal)).toBe(true);
  expect(isSuperseded('check', 1, { ...saving, step: 'check', goal: unasked })).toBe(false);
});
