// What a workspace does next. Pure: rows and the time in, one step out. Knows no database and no agent.
import type { Failure, Work } from '../../agent/protocol.ts';
import type { KnownFailure, Notice } from '../codes.ts';
import type { Desired, Node, Workspace, WorkspacePhase } from '../database/types.ts';
import { isGone, isUsable, mayHold } from './node.ts';
import { deletingEnd, isAllSaved, isLastCall, noticesOfEnd } from './saving.ts';
import { isPast, later, type Timing } from './timing.ts';

export { isDirty } from './saving.ts';

export type WorkspaceStep =
  /** Find or make a node for it. */
  | { do: 'place' }
  | { do: 'enter'; phase: WorkspacePhase; step?: Workspace['step']; nodeId?: null; notice?: Notice[] }
  | { do: 'fail'; failure: Failure }
  /** Nobody asked, but the time has come. */
  | { do: 'want'; desired: Desired; force: boolean; notice: Notice[] }
  /** It failed before it had any file: it gives its machine back. */
  | { do: 'leave' }
  /** The agent found work that a delete would lose: back to what was wanted before. */
  | { do: 'refuse'; work: Work | undefined }
  /** Nothing would be lost any more, or everybody had a day to look after it: it goes, whatever is there. */
  | { do: 'release' }
  /** Its expiry is near: the card says so. */
  | { do: 'warn'; expiry: Date }
  /** Nothing until then; null: until somebody says something. */
  | { do: 'wait'; until: Date | null };

/** The durations of the configuration; 0 means never. */
export interface Life {
  idleTimeoutMs: number;
  deleteStoppedAfterMs: number;
  timing: Timing;
}

const wait = (until: Date | null): WorkspaceStep => ({ do: 'wait', until });
const enter = (phase: WorkspacePhase): WorkspaceStep => ({ do: 'enter', phase });

/** The step that brings `workspace` nearer to what is wanted of it. */
export function nextStep(workspace: Workspace, node: Node | undefined, now: Date, life: Life): WorkspaceStep {
  switch (workspace.desired) {
    case 'running':
      return towardsRunning(workspace, node, now, life);
    case 'stopped':
      return towardsStopped(workspace, node, now, life);
    case 'deleted':
      return towardsDeleted(workspace, node, now, life);
  }
}

function towardsRunning(workspace: Workspace, node: Node | undefined, now: Date, life: Life): WorkspaceStep {
  switch (workspace.phase) {
    case 'queued':
      return { do: 'place' };
    case 'provisioning':
      return whileProvisioning(workspace, node, now, life.timing);
    case 'preparing':
      return whilePreparing(workspace, node, now, life.timing);
    case 'running':
      return whileRunning(workspace, node, now, life);
    case 'stopping':
    case 'stopped':
    case 'deleting':
      return node && isUsable(node) ? enter('preparing') : { do: 'enter', phase: 'queued' };
    case 'failed':
      return whileFailed(workspace, node, now, life);
    case 'deleted':
      return wait(null);
  }
}

function whileProvisioning(
  workspace: Workspace,
  node: Node | undefined,
  now: Date,
  timing: Timing,
): WorkspaceStep {
  if (!node) return { do: 'enter', phase: 'queued' };
  if (isGone(node)) return { do: 'fail', failure: node.lastError ?? lostNode };
  if (node.phase === 'ready') return enter('preparing');
  const late: KnownFailure = { class: 'provider', code: 'machine-late', details: {} };
  return beforeDeadline(workspace, now, timing.provisioningMs, late);
}

function whilePreparing(
  workspace: Workspace,
  node: Node | undefined,
  now: Date,
  timing: Timing,
): WorkspaceStep {
  if (!node || isGone(node)) return { do: 'fail', failure: node?.lastError ?? lostNode };
  const reported = workspace.reported;
  if (reported?.run === workspace.run) {
    if (reported.phase === 'running') return enter('running');
    if (reported.phase === 'failed') return { do: 'fail', failure: reported.failure ?? unsaid };
    if (reported.step && reported.step !== workspace.step)
      return { do: 'enter', phase: 'preparing', step: reported.step };
  }
  return beforeDeadline(workspace, now, timing.preparingMs, {
    class: 'transient',
    code: 'preparing-late',
    details: { step: workspace.step },
  });
}

function whileRunning(workspace: Workspace, node: Node | undefined, now: Date, life: Life): WorkspaceStep {
  if (!node || isGone(node)) return { do: 'fail', failure: lostNode };
  const reported = workspace.reported;
  if (reported?.run !== workspace.run) return enter('preparing');
  if (reported.phase === 'failed') return { do: 'fail', failure: reported.failure ?? unsaid };
  if (reported.phase !== 'running') return enter('preparing');
  return untilExpiry(workspace, now, life);
}

/** One that had files counts as idle; one that never had any keeps no machine busy. */
function whileFailed(workspace: Workspace, node: Node | undefined, now: Date, life: Life): WorkspaceStep {
  const isRemoved = hasNoFiles(workspace) && workspace.reported?.phase === 'deleted';
  const isLeft = mayHold(node) ? isRemoved : node && isUsable(node);
  return isLeft ? { do: 'leave' } : untilExpiry(workspace, now, life);
}

/** Its agent said of this run that it failed before the first file, or has removed what little was there. */
export const hasNoFiles = ({ reported, run }: Workspace): boolean =>
  reported?.run === run && (reported.isEmpty === true || reported.phase === 'deleted');

function untilExpiry(workspace: Workspace, now: Date, life: Life): WorkspaceStep {
  const expiry = expiryOf(workspace, life.idleTimeoutMs);
  if (!expiry) return wait(null);
  if (isPast(expiry, now))
    return { do: 'want', desired: 'stopped', force: false, notice: [{ code: 'idle-stop', details: {} }] };
  const warning = later(expiry, -life.timing.warningMs);
  if (!isPast(warning, now)) return wait(warning);
  return workspace.warnedFor?.getTime() === expiry.getTime() ? wait(expiry) : { do: 'warn', expiry };
}

function towardsStopped(workspace: Workspace, node: Node | undefined, now: Date, life: Life): WorkspaceStep {
  if (workspace.phase === 'deleted') return wait(null);
  // Whatever came of stopping it: people were told a day.
  if (workspace.deleteAt && isPast(workspace.deleteAt, now)) return deleteByItself('kept-a-day');
  if (workspace.phase === 'stopped' && workspace.nodeId && !mayHold(node))
    return {
      do: 'enter',
      phase: 'stopped',
      nodeId: null,
      notice: [{ code: 'machine-lost', details: {} }],
    };
  if (workspace.phase === 'stopped') return whileStopped(workspace, now, life);
  // No agent has heard of it, or none is left: nothing runs, and the node is free for others.
  if (!mayHold(node)) return { do: 'enter', phase: 'stopped', nodeId: null };
  if (workspace.phase === 'stopping') return whileStopping(workspace, now, life.timing);
  // Its agent was told, and says so when it has; until then its time counts like that of one that stopped.
  if (workspace.phase === 'failed' && workspace.lastError?.code === STOP_UNKNOWN)
    return hasStopped(workspace) ? enter('stopped') : whileStopped(workspace, now, life);
  return enter('stopping');
}

const STOP_UNKNOWN = 'stop-unknown';

const hasStopped = ({ reported, run }: Workspace): boolean =>
  reported?.phase === 'stopped' && reported.run === run;

function whileStopping(workspace: Workspace, now: Date, timing: Timing): WorkspaceStep {
  if (hasStopped(workspace)) return enter('stopped');
  return beforeDeadline(workspace, now, timing.stoppingMs, {
    class: 'provider',
    code: STOP_UNKNOWN,
    details: {},
  });
}

function whileStopped(workspace: Workspace, now: Date, life: Life): WorkspaceStep {
  const end = endOf(workspace, life.deleteStoppedAfterMs);
  // One that was announced has been looked at before.
  if (!end || workspace.deleteAt) return wait(end ?? null);
  return isPast(end, now) ? deleteByItself('stopped-long') : wait(end);
}

const deleteByItself = (code: 'kept-a-day' | 'stopped-long'): WorkspaceStep => ({
  do: 'want',
  desired: 'deleted',
  force: false,
  notice: [{ code, details: {} }],
});

function towardsDeleted(workspace: Workspace, node: Node | undefined, now: Date, life: Life): WorkspaceStep {
  if (workspace.phase === 'deleted') return wait(null);
  // Also one that is queued may have files on a node: it was restarted a moment ago.
  if (!mayHold(node)) return markDeleted(workspace);
  if (workspace.phase !== 'deleting')
    return { do: 'enter', phase: 'deleting', step: workspace.force ? null : 'check' };
  const { reported, force } = workspace;
  if (reported?.phase === 'deleted') return enter('deleted');
  const isFinal = isLastCall(workspace, now);
  if (reported?.refused && !force)
    return isFinal || isAllSaved(reported) ? { do: 'release' } : { do: 'refuse', work: reported.refused };
  // Its own time begins: what was found is being pushed.
  if (reported?.step === 'saving' && workspace.step === 'check')
    return { do: 'enter', phase: 'deleting', step: 'saving' };
  // Then the agent has looked and found nothing to lose: from here on there is no way back.
  const isUnderWay = reported?.phase === 'deleting';
  const isSilent = node.phase === 'unhealthy' && !isUnderWay;
  const deadline = deletingEnd(workspace, life.timing);
  if (!isSilent && !isPast(deadline, now)) return wait(deadline);
  // A silent node cannot say what would be lost. `--force` waits for nobody: when the agent comes back it is told.
  if (force || isUnderWay) return enter('deleted');
  if (isFinal) return markDeleted(workspace);
  return { do: 'refuse', work: isSilent || workspace.step !== 'saving' ? undefined : reported?.work };
}

/** What is left of it is what was saved before. */
function markDeleted({ notice, reported }: Workspace): WorkspaceStep {
  const saved = reported?.saved;
  return saved
    ? { do: 'enter', phase: 'deleted', notice: [...(notice ?? []), ...noticesOfEnd({ saved })] }
    : enter('deleted');
}

function beforeDeadline(workspace: Workspace, now: Date, ms: number, failure: KnownFailure): WorkspaceStep {
  const deadline = later(workspace.phaseSince, ms);
  return isPast(deadline, now) ? { do: 'fail', failure } : wait(deadline);
}

const lostNode: KnownFailure = { class: 'provider', code: 'machine-lost', details: {} };
const unsaid: KnownFailure = { class: 'internal', code: 'agent-unsaid', details: {} };

/** How long it may be idle; Infinity: for ever. `idleTimeoutMs`: everybody's; 0: there is none. */
export const idleTimeOf = ({ idleTimeMs }: Pick<Workspace, 'idleTimeMs'>, idleTimeoutMs: number): number =>
  Math.min(idleTimeoutMs || Infinity, idleTimeMs ?? Infinity);

/** When an idle workspace stops by itself; undefined: never. One that failed is idle from then on. */
export function expiryOf(workspace: Workspace, idleTimeoutMs: number): Date | undefined {
  const { lastActivityAt, runningAt, phase, phaseSince } = workspace;
  const idleMs = idleTimeOf(workspace, idleTimeoutMs);
  if (idleMs === Infinity) return undefined;
  const failedAt = phase === 'failed' ? phaseSince : undefined;
  const since = Math.max(...[lastActivityAt, runningAt, failedAt].map((at) => at?.getTime() ?? 0));
  return notBefore(new Date(since + idleMs), workspace);
}

/** When a stopped workspace is deleted by itself, as far as nothing is lost with it; undefined: never. */
export function endOf(workspace: Workspace, deleteStoppedAfterMs: number): Date | undefined {
  if (workspace.deleteAt) return workspace.deleteAt;
  if (deleteStoppedAfterMs === 0) return undefined;
  return notBefore(later(workspace.phaseSince, deleteStoppedAfterMs), workspace);
}

const notBefore = (moment: Date, { keptUntil }: Workspace): Date =>
  keptUntil && keptUntil > moment ? keptUntil : moment;

/** What a verb may do to it now. */
export const can = {
  open: (workspace: Workspace): boolean => workspace.desired === 'running' && workspace.phase === 'running',
  start: (workspace: Workspace): boolean => workspace.desired === 'stopped',
  retry: (workspace: Workspace): boolean => workspace.phase === 'failed',
};
