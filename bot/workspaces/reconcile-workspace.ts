// One pass: observe, compare, take one step, write it down. The only part that acts on the outside world.
import type { Logger } from 'pino';
import type { Work } from '../../agent/protocol.ts';
import type { Exceeded, KnownFailure, Notice } from '../codes.ts';
import type { Executor, Held, Workspace, WorkspacePhase } from '../database/types.ts';
import type { Dns } from '../dns/dns.ts';
import type { Provider } from '../providers/provider.ts';
import { whileHeld } from '../jobs/lease.ts';
import type { Source } from '../jobs/loop.ts';
import { findExceeded, type LimitDefaults } from './limits.ts';
import { isUsable, type NodeStep } from './node.ts';
import { chooseNode } from './placement.ts';
import { noticesOfDelay, noticesOfEnd } from './saving.ts';
import { backoffMs, later, type Timing } from './timing.ts';
import { nextStep, type WorkspaceStep } from './workspace.ts';
import { lockMachines, readAccounts } from './store/limits.ts';
import { findNode, insertNode, lockNodesOf, newNode, wakeNodes } from './store/nodes.ts';
import { claimWorkspace, finishWorkspace, passDueInMs, renewLease } from './store/passes.ts';
import type { WorkspacePatch } from './store/reconciled.ts';
import { freeNames } from './store/workspaces.ts';

/** Durations in ms; 0 means never, or no maximum. */
export interface Limits extends LimitDefaults {
  idleTimeoutMs: number;
  deleteStoppedAfterMs: number;
  nodeWarmMs: number;
  workspacesPerNode: number;
}

export interface Reconciler {
  db: Executor;
  provider: Provider;
  /** Throws while the provider's account is not the one where our machines are. */
  proveAccount: () => Promise<void>;
  /** Undefined: nodes have no names. */
  dns?: Dns | undefined;
  /** The bot as nodes reach it. */
  baseUrl: string;
  /** A new node's one-time right, written in the same moment as the create is. */
  createBootstrapToken(nodeId: string): Promise<string>;
  limits: Limits;
  timing: Timing;
  /** When this bot began to listen to nodes, by the database's clock. */
  listeningSince?: Date;
  log: Logger;
}

export async function reconcileWorkspace(r: Reconciler, held: Held<Workspace>): Promise<void> {
  const { row, now } = held;
  const node = row.nodeId ? await findNode(r.db, row.nodeId) : undefined;
  const step = nextStep(row, node, now, { ...r.limits, timing: r.timing });
  logStep(r.log, { workspace: row.id, desired: row.desired, node: node?.phase }, row.phase, step);
  try {
    await performWorkspaceStep(r, held, step);
  } catch (error) {
    await retryWorkspace(r, held, error);
  }
}

/** One line for each thing that is done, `booting -> ready`; that there is nothing to do now is for whoever looks closely. */
export function logStep(log: Logger, about: object, phase: string, step: WorkspaceStep | NodeStep): void {
  const target = step.do === 'enter' ? step.phase : step.do;
  const detail = 'step' in step && step.step ? ` (${step.step})` : '';
  log[step.do === 'wait' ? 'debug' : 'info'](about, `${phase} -> ${target}${detail}`);
}

async function performWorkspaceStep(
  r: Reconciler,
  held: Held<Workspace>,
  step: WorkspaceStep,
): Promise<void> {
  const { row, now } = held;
  switch (step.do) {
    case 'wait':
      return finish(r, held, {}, step.until);
    case 'place':
      return place(r, held);
    case 'enter':
      return finish(r, held, entering(row, step, now), now);
    case 'fail':
      return finish(r, held, { phase: 'failed', lastError: step.failure, step: row.step }, now);
    case 'warn':
      return finish(r, held, { warnedFor: step.expiry }, step.expiry);
    case 'want':
      return want(r, held, step);
    case 'leave':
      return finish(r, held, { nodeId: null, reported: null }, now);
    case 'refuse':
      return refuse(r, held, step.work);
    case 'release':
      return release(r, held);
    default:
      return step satisfies never;
  }
}

async function finish(
  r: Reconciler,
  held: Held<Workspace>,
  patch: WorkspacePatch,
  nextAt: Date | null,
): Promise<void> {
  await finishWorkspace(r.db, held, patch, nextAt);
}

function entering(row: Workspace, step: Extract<WorkspaceStep, { do: 'enter' }>, now: Date): WorkspacePatch {
  return {
    phase: step.phase,
    step: step.step ?? null,
    attempts: 0,
    ...(step.notice ? { notice: step.notice } : {}),
    ...(step.nodeId === null ? { nodeId: null } : {}),
    ...(step.phase === 'running' ? { lastError: null, runningAt: row.runningAt ?? now } : {}),
    ...(step.phase === 'stopped' || step.phase === 'deleted' ? { lastError: null } : {}),
  };
}

async function place(r: Reconciler, held: Held<Workspace>): Promise<void> {
  const details = await r.db.transaction((tx) => placeLocked(r, tx, held));
  if (!details) return;
  const lastError: KnownFailure = { class: 'configuration', code: 'over-limit', details };
  await finish(r, held, { phase: 'failed', lastError }, held.now);
}

/** One transaction chooses and takes: from its end on the node is wanted. Or what one more would be over. */
async function placeLocked(
  r: Reconciler,
  tx: Executor,
  held: Held<Workspace>,
): Promise<Exceeded | undefined> {
  const { row, now } = held;
  const candidates = await lockNodesOf(tx, row.owner, r.provider.name);
  // Its files may be on a node already: it goes back there or nowhere.
  const own = candidates.find(({ node }) => node.id === row.nodeId && isUsable(node))?.node;
  // A fork's code must not find what other workspaces of its owner may have.
  const shared = row.fork ? [] : candidates.filter(({ node }) => !node.isIsolated);
  const chosen = own ?? chooseNode(shared, row.size, r.limits.workspacesPerNode);
  const exceeded = chosen ? undefined : await findMachineLimit(r, tx, row);
  if (exceeded) return exceeded;
  const nodeId = chosen?.id ?? (await makeNode(r, tx, row));
  if (chosen) await wakeNodes(tx, [chosen.id]);
  const patch: WorkspacePatch = {
    phase: 'provisioning',
    nodeId,
    lastError: null,
    ...(nodeId === row.nodeId ? {} : { reported: null }),
    ...(nodeId !== row.nodeId && row.reported ? { notice: FRESH } : {}),
  };
  if (!(await finishWorkspace(tx, held, patch, now))) throw new Overtaken();
  return undefined;
}

async function findMachineLimit(
  { limits }: Reconciler,
  tx: Executor,
  row: Workspace,
): Promise<Exceeded | undefined> {
  await lockMachines(tx);
  const wish = { machines: 1, hours: 1 };
  return findExceeded(await readAccounts(tx, row, limits, ['machines', 'hours']), wish);
}

const FRESH: Notice[] = [{ code: 'fresh-checkout', details: {} }];

async function makeNode(r: Reconciler, tx: Executor, { owner, size, fork }: Workspace): Promise<string> {
  const node = newNode({ owner, provider: r.provider.name, size, isIsolated: fork !== null });
  await insertNode(tx, node);
  return node.id;
}

/** The lease was lost, or somebody wants something else by now: nothing of this pass may stay. */
class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

async function want(
  r: Reconciler,
  held: Held<Workspace>,
  step: Extract<WorkspaceStep, { do: 'want' }>,
): Promise<void> {
  const { row, now } = held;
  await finish(
    r,
    held,
    {
      desired: step.desired,
      desiredBefore: row.desired,
      force: step.force,
      notice: step.notice,
      isAutomatic: true,
      access: row.access + 1,
      ...(row.reported ? { reported: withoutRefusal(row.reported) } : {}),
    },
    now,
  );
}

/** Nothing was deleted: people hear what would be lost. What nobody asked for is announced, and done a day later. */
async function refuse(r: Reconciler, held: Held<Workspace>, work: Work | undefined): Promise<void> {
  const { row, now } = held;
  const deleteAt = row.isAutomatic ? later(now, r.timing.lastCallMs) : row.deleteAt;
  const names = await freeNames(r.db, row);
  const name = names.name ?? row.name;
  const saved = row.reported?.saved;
  const why: Notice[] = row.isAutomatic
    ? noticesOfDelay({ refused: work, saved, reason: work && whyUnsaved(row) }, name)
    : [
        { code: 'would-lose', details: { work: work ?? null } },
        { code: 'push-or-force', details: { name } },
      ];
  await finish(
    r,
    held,
    {
      ...names,
      desired: row.desiredBefore ?? 'stopped',
      phase: phaseAfterRefusal(row),
      step: null,
      deleteAt,
      isAutomatic: false,
      // Before it who said so, where it was somebody else.
      notice: [...(row.notice ?? []), ...why],
      ...(row.reported ? { reported: withoutRefusal(row.reported) } : {}),
    },
    now,
  );
}

function whyUnsaved({ step, reported }: Workspace): Notice | undefined {
  if (reported?.failure) return { code: 'unsaved', details: { failure: reported.failure } };
  return step === 'saving' && !reported?.saved ? { code: 'unsaved-late', details: {} } : undefined;
}

/** The agent is told to delete whatever is there; where it was saved is written down before. */
async function release(r: Reconciler, held: Held<Workspace>): Promise<void> {
  const { row, now } = held;
  const { refused, saved } = row.reported ?? {};
  const notice = [...(row.notice ?? []), ...noticesOfEnd({ refused, saved })];
  await finish(r, held, { force: true, notice }, now);
}

/** Where it stood, as far as the agent said: what had failed is not started again by that. */
function phaseAfterRefusal({ reported }: Workspace): WorkspacePhase {
  return reported?.phase === 'running' || reported?.phase === 'failed' ? reported.phase : 'stopped';
}

function withoutRefusal(report: NonNullable<Workspace['reported']>): NonNullable<Workspace['reported']> {
  const { refused: _, ...rest } = report;
  return rest;
}

async function retryWorkspace(r: Reconciler, held: Held<Workspace>, error: unknown): Promise<void> {
  if (error instanceof Overtaken) return finish(r, held, {}, held.now);
  r.log.error({ workspace: held.row.id, err: error }, 'pass failed');
  const attempts = held.row.attempts + 1;
  await finish(r, held, { attempts }, later(held.now, backoffMs(attempts, r.timing)));
}

export const workspaceSource = (r: Reconciler): Source => ({
  name: 'workspaces',
  dueInMs: () => passDueInMs(r.db, 'workspace'),
  async take() {
    const held = await claimWorkspace(r.db);
    return (
      held &&
      (() =>
        whileHeld(
          () => renewLease(r.db, 'workspace', held),
          () => reconcileWorkspace(r, held),
          r,
        ))
    );
  },
});
