// What the agent knows of one workspace, and what to do next with it. Pure: no file, no process, no clock.
import type { DesiredWorkspace, Limits, WorkspaceReport } from '../protocol.ts';
import type { RuntimeName } from '../runtimes/index.ts';
import type { Prepared } from '../runtimes/runtime.ts';

export interface Workspace {
  /** The newest that the bot asked for. */
  desired: DesiredWorkspace;
  /** Where its programs run, for life; absent: it was not chosen yet, nothing of it ever ran. */
  runtime?: RuntimeName | undefined;
  /** What came of its last preparation, and which configuration was asked for then; null: nobody said. */
  prepared?: (Pick<Prepared, 'environment' | 'fingerprint'> & { wanted?: string | null }) | undefined;
  attempt?: WorkspaceReport['attempt'];
  /** How long the steps of the last preparation took. */
  steps?: NonNullable<WorkspaceReport['environment']>['steps'];
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
  usage?: WorkspaceReport['usage'];
  isEmpty?: WorkspaceReport['isEmpty'] | undefined;
  /** What is desired was tried and failed; it is left alone until the bot asks for something. */
  isGivenUp?: boolean | undefined;
}

export type Step = 'prepare' | 'stop' | 'check' | 'delete';

/** The one thing to do now; undefined when what is desired is reached, refused or given up. */
export function nextStep(workspace: Workspace): Step | undefined {
  const { desired, phase, run, isGivenUp, refused } = workspace;
  if (isGivenUp || phase === 'deleted') return undefined;
  switch (desired.desired) {
    case 'running':
      return phase === 'running' && run >= desired.run ? undefined : 'prepare';
    case 'stopped':
      return phase === 'stopped' && run >= desired.run ? undefined : 'stop';
    case 'deleted':
      if (desired.force || phase === 'deleting') return 'delete';
      return refused === undefined ? 'check' : undefined;
    default:
      return desired.desired satisfies never;
  }
}

/** The workspace after the bot asked for `desired`. A failure to run stands until a higher run; other asks are tried anew. */
export function withDesired(workspace: Workspace, desired: DesiredWorkspace): Workspace {
  const isSameRun =
    desired.desired === 'running' && workspace.desired.desired === 'running' && desired.run <= workspace.run;
  const access = Math.max(desired.access, workspace.desired.access);
  return {
    ...workspace,
    desired: { ...desired, access },
    refused: undefined,
    failure: workspace.phase === 'failed' || isRecovering(workspace) ? workspace.failure : undefined,
    isGivenUp: isSameRun ? workspace.isGivenUp : undefined,
  };
}

const isRecovering = ({ phase, prepared }: Workspace): boolean =>
  phase === 'running' && prepared?.environment.isRecovery === true;

/** Whether what is being done no longer serves what is desired, so that going on with it would only cost time. */
export function isSuperseded(doing: Step, run: number, { desired, step }: Workspace): boolean {
  switch (doing) {
    case 'prepare':
      return desired.desired !== 'running' || desired.run > run;
    case 'check':
      // What is being saved may not be saved any more: the repository became public, or a user asked for an answer.
      return desired.desired !== 'deleted' || desired.force || (step === 'saving' && desired.save !== true);
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

/** It was prepared before, for this very run: what runs in it goes on, unless somebody wants a new one. */
export const isStarting = ({ desired, phase, run, prepared }: Workspace): boolean =>
  phase === 'preparing' && desired.desired === 'running' && desired.run <= run && prepared !== undefined;

/** `seen`: of one that runs: what holds it, null for nothing, and what it listens on. */
export function toReport(
  workspace: Workspace,
  sessions: number,
  { limits = null, ports }: { limits?: Limits | null | undefined; ports?: number[] | undefined } = {},
): WorkspaceReport {
  const { desired, phase, run, step, failure, activityAt, commit, work, refused, saved, usage, isEmpty } =
    workspace;
  const { attempt, runtime, prepared, steps } = workspace;
  return {
    id: desired.id,
    phase,
    run,
    sessions,
    ...(step && { step }),
    ...(step && attempt && { attempt }),
    ...(runtime &&
      prepared && { environment: { runtime, ...prepared.environment, ...(steps && { steps }) } }),
    ...(failure && { failure }),
    ...(activityAt !== undefined && { activityAt }),
    ...(commit !== undefined && { commit }),
    ...(work && { work }),
    ...(refused && { refused }),
    ...(saved && { saved }),
    ...(phase === 'running' && { limits, ...(ports && { ports }) }),
    ...(usage && { usage }),
    ...(isEmpty && { isEmpty }),
  };
}
