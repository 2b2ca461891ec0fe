// What the agent knows of one workspace, and what to do next with it. Pure: no file, no process, no clock.
import type { DesiredWorkspace, WorkspaceReport } from '../protocol.ts';

export interface Workspace {
  /** The newest that the bot asked for. */
  goal: DesiredWorkspace;
  /** The name of the checkout's folder; stays when the repository is renamed. */
  folder: string;
  phase: WorkspaceReport['phase'];
  /** The run that `phase` belongs to. */
  run: number;
  step?: WorkspaceReport['step'];
  failure?: WorkspaceReport['failure'];
  activityAt?: number | undefined;
  commit?: string | undefined;
  /** The commit that Sam checked out: it is not work, whether a branch holds it or not. */
  base?: string | undefined;
  /** Commits that came with tags, and lie on no branch of the remote. Absent: nobody wrote them down. */
  tags?: string[] | undefined;
  /** What it was cloned from: repositories move, and the checkout does not hear of it. */
  origin?: string | undefined;
  work?: WorkspaceReport['work'];
  refused?: WorkspaceReport['refused'];
  /** Work of this checkout that the repository holds; of no worth any more once it runs again. */
  saved?: WorkspaceReport['saved'];
  /** The goal was tried and failed; it is left alone until the bot asks for something. */
  isGivenUp?: boolean | undefined;
}

export type Step = 'prepare' | 'stop' | 'check' | 'delete';

/** The one thing to do now; undefined when the goal is reached, refused or given up. */
export function nextStep(workspace: Workspace): Step | undefined {
  const { goal, phase, run, isGivenUp, refused } = workspace;
  if (isGivenUp || phase === 'deleted') return undefined;
  switch (goal.desired) {
    case 'running':
      return phase === 'running' && run >= goal.run ? undefined : 'prepare';
    case 'stopped':
      return phase === 'stopped' && run >= goal.run ? undefined : 'stop';
    case 'deleted':
      if (goal.force || phase === 'deleting') return 'delete';
      return refused === undefined ? 'check' : undefined;
    default:
      return goal.desired satisfies never;
  }
}

/** The workspace after the bot asked for `goal`. A failure to run stands until a higher run; other asks are tried anew. */
export function withGoal(workspace: Workspace, goal: DesiredWorkspace): Workspace {
  const isSameRun =
    goal.desired === 'running' && workspace.goal.desired === 'running' && goal.run <= workspace.run;
  const access = Math.max(goal.access, workspace.goal.access);
  return {
    ...workspace,
    goal: { ...goal, access },
    refused: undefined,
    failure: workspace.phase === 'failed' ? workspace.failure : undefined,
    isGivenUp: isSameRun ? workspace.isGivenUp : undefined,
  };
}

/** Whether what is being done no longer serves the goal, so that going on with it would only cost time. */
export function isSuperseded(doing: Step, run: number, { goal, step }: Workspace): boolean {
  switch (doing) {
    case 'prepare':
      return goal.desired !== 'running' || goal.run > run;
    case 'check':
      // What is being saved may not be saved any more: the repository became public, or somebody asked for an answer.
      return goal.desired !== 'deleted' || goal.force || (step === 'saving' && goal.save !== true);
    case 'stop':
    case 'delete':
      return false;
    default:
      return doing satisfies never;
  }
}

/** After a restart of the agent: what ran is started again, everything else goes on from where it stood. */
export function afterRestart(workspace: Workspace): Workspace {
  if (workspace.phase !== 'running') return workspace;
  return { ...workspace, phase: 'preparing', step: 'start' };
}

export function toReport(workspace: Workspace, sessions: number): WorkspaceReport {
  const { goal, phase, run, step, failure, activityAt, commit, work, refused, saved } = workspace;
  return {
    id: goal.id,
    phase,
    run,
    sessions,
    ...(step && { step }),
    ...(failure && { failure }),
    ...(activityAt !== undefined && { activityAt }),
    ...(commit !== undefined && { commit }),
    ...(work && { work }),
    ...(refused && { refused }),
    ...(saved && { saved }),
  };
}
