// One pass: observe, compare, take one step, write it down. The only part that acts on the outside world.
import type { Logger } from 'pino';
import { ProviderError, messageOf } from '../errors.ts';
import type { Failure, Work } from '../../agent/protocol.ts';
import type { Node, Workspace } from '../database/schema.ts';
import { newNodeId, serverName } from '../ids.ts';
import type { Provider, Server } from '../providers/provider.ts';
import type { Source } from './loop.ts';
import { nextNodeStep, type NodeStep } from './node.ts';
import { chooseNode } from './placement.ts';
import * as store from './store.ts';
import type { Claim, Executor } from './store.ts';
import { backoffMs, later, type Timing } from './timing.ts';
import { describeLoss, nextStep, type WorkspaceStep } from './workspace.ts';

/** Durations in ms; 0 means never, or no maximum. */
export interface Limits {
  idleTimeoutMs: number;
  deleteStoppedAfterMs: number;
  nodeWarmMs: number;
  workspacesPerNode: number;
  nodesPerUser: number;
}

export interface Reconciler {
  db: Executor;
  provider: Provider;
  /** The bot as nodes reach it. */
  baseUrl: string;
  /** A new node's one-time right, written in the same moment as the create is. */
  createBootstrapToken(nodeId: string): Promise<string>;
  limits: Limits;
  timing: Timing;
  log: Logger;
}

/** How often a row's error is retried before it counts as failed. */
const MAX_ATTEMPTS = 6;

// --- workspaces ---------------------------------------------------------------------------------------------------

export async function reconcileWorkspace(r: Reconciler, held: Claim<Workspace>): Promise<void> {
  const { row, now } = held;
  const node = row.nodeId ? await store.findNode(r.db, row.nodeId) : undefined;
  const step = nextStep(row, node, now, { ...r.limits, timing: r.timing });
  r.log.debug({ workspace: row.id, desired: row.desired, phase: row.phase, node: node?.phase, step }, 'pass');
  try {
    await performWorkspaceStep(r, held, step);
  } catch (error) {
    await retryWorkspace(r, held, error);
  }
}

async function performWorkspaceStep(
  r: Reconciler,
  held: Claim<Workspace>,
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
      return finish(r, held, { phase: 'failed', lastError: step.failure, step: row.step }, null);
    case 'warn':
      return finish(r, held, { warnedFor: step.expiry }, step.expiry);
    case 'want':
      return want(r, held, step);
    case 'refuse':
      return refuse(r, held, step.work);
    default:
      return step satisfies never;
  }
}

async function finish(
  r: Reconciler,
  held: Claim<Workspace>,
  patch: store.WorkspacePatch,
  nextAt: Date | null,
): Promise<void> {
  await store.finishWorkspace(r.db, held, patch, nextAt);
}

function entering(
  row: Workspace,
  step: Extract<WorkspaceStep, { do: 'enter' }>,
  now: Date,
): store.WorkspacePatch {
  return {
    phase: step.phase,
    step: step.step ?? null,
    attempts: 0,
    ...(step.nodeId === null ? { nodeId: null } : {}),
    ...(step.phase === 'running' ? { lastError: null, runningAt: row.runningAt ?? now } : {}),
    ...(step.phase === 'deleted' ? { lastError: null } : {}),
  };
}

async function place(r: Reconciler, held: Claim<Workspace>): Promise<void> {
  const { row, now } = held;
  const placed = await r.db.transaction(async (tx) => {
    const candidates = await store.lockNodesOf(tx, row.owner, r.provider.name);
    // Its files may be on a node already: it goes back there or nowhere.
    const own = candidates.find(({ node }) => node.id === row.nodeId);
    const chosen =
      own && own.node.desired === 'running' && own.node.phase !== 'failed'
        ? own.node
        : chooseNode(candidates, row.size, r.limits.workspacesPerNode);
    const living = candidates.filter(({ node }) => node.desired === 'running').length;
    if (!chosen && r.limits.nodesPerUser > 0 && living >= r.limits.nodesPerUser) return undefined;
    const id = chosen?.id ?? newNodeId();
    if (!chosen)
      await store.insertNode(tx, {
        id,
        name: serverName(id),
        owner: row.owner,
        provider: r.provider.name,
        size: row.size,
        phase: 'creating',
        desired: 'running',
      });
    // In the same transaction as the node's lock: from here on the node is wanted.
    const isHeld = await store.assignNode(tx, held, id);
    if (!isHeld) throw new LostLease();
    if (chosen) await store.wakeNodes(tx, [id]);
    return id;
  });
  if (placed)
    return finish(r, held, { phase: 'provisioning', nodeId: placed, reported: null, lastError: null }, now);
  const failure: Failure = {
    class: 'configuration',
    message: `You have ${r.limits.nodesPerUser} machines already, which is the most a person may have.`,
  };
  await finish(r, held, { phase: 'failed', lastError: failure }, null);
}

class LostLease extends Error {
  override readonly name = 'LostLease';
}

async function want(
  r: Reconciler,
  held: Claim<Workspace>,
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
      deleteAt: null,
      access: row.access + 1,
      ...(row.reported ? { reported: withoutRefusal(row.reported) } : {}),
    },
    now,
  );
}

/** Nothing was deleted: people hear what would be lost. What nobody asked for is announced, and done a day later. */
async function refuse(r: Reconciler, held: Claim<Workspace>, work: Work | undefined): Promise<void> {
  const { row, now } = held;
  const desired = row.desiredBefore ?? 'stopped';
  const deleteAt = row.isAutomatic ? later(now, r.timing.lastCallMs) : null;
  const patch = await store.restoreWorkspace(r.db, row, {
    desired,
    phase: row.reported?.phase === 'running' ? 'running' : 'stopped',
    step: null,
    deleteAt,
    isAutomatic: false,
    notice:
      `${describeLoss(work)} ${deleteAt ? 'It will be deleted all the same unless you start it or push.' : 'Push it, or say `rm NAME --force`.'}`.replace(
        'NAME',
        row.name,
      ),
    ...(row.reported ? { reported: withoutRefusal(row.reported) } : {}),
  });
  await finish(r, held, patch, now);
}

function withoutRefusal(report: NonNullable<Workspace['reported']>): NonNullable<Workspace['reported']> {
  const { refused: _, ...rest } = report;
  return rest;
}

async function retryWorkspace(r: Reconciler, held: Claim<Workspace>, error: unknown): Promise<void> {
  if (error instanceof LostLease) return;
  r.log.error({ workspace: held.row.id, err: error }, 'pass failed');
  const attempts = held.row.attempts + 1;
  await finish(r, held, { attempts }, later(held.now, backoffMs(attempts)));
}

// --- nodes --------------------------------------------------------------------------------------------------------

export async function reconcileNode(r: Reconciler, held: Claim<Node>): Promise<void> {
  const { row, now } = held;
  try {
    // A create that was never sent needs no look; everything else is observed, whatever the row says.
    const server = row.createSentAt ? await r.provider.find(row.name) : undefined;
    const step = nextNodeStep(row, server, await store.isWanted(r.db, row.id), now, {
      ...r.limits,
      timing: r.timing,
    });
    r.log.debug(
      { node: row.id, desired: row.desired, phase: row.phase, server: server?.status, step },
      'pass',
    );
    await performNodeStep(r, held, step, server);
  } catch (error) {
    await retryNode(r, held, error);
  }
}

async function performNodeStep(
  r: Reconciler,
  held: Claim<Node>,
  step: NodeStep,
  server: Server | undefined,
): Promise<void> {
  const { now } = held;
  const seen: store.NodePatch = server
    ? { observedAt: now, providerId: server.id, address: server.address ?? null }
    : {};
  const end = async (patch: store.NodePatch, nextAt: Date | null): Promise<void> => {
    await store.finishNode(r.db, held, { ...seen, ...patch }, nextAt);
  };
  switch (step.do) {
    case 'wait':
      return end({}, step.until);
    case 'enter':
      return end(
        { phase: step.phase, attempts: 0, ...(step.phase === 'ready' ? { lastError: null } : {}) },
        step.phase === 'deleted' ? null : now,
      );
    case 'fail':
      return end({ phase: 'failed', lastError: step.failure }, now);
    case 'idle':
      return end({ idleSince: step.since }, now);
    case 'discard':
      return store.discardNode(r.db, held);
    case 'create':
      return create(r, held);
    case 'start':
      await r.provider.start(step.server);
      return end({}, later(now, 1_000));
    case 'remove':
      await r.provider.remove(step.server);
      return end({ attempts: 0 }, later(now, 500));
    default:
      return step satisfies never;
  }
}

async function create(r: Reconciler, held: Claim<Node>): Promise<void> {
  const { row, now } = held;
  const bootstrapToken = await r.createBootstrapToken(row.id);
  // Committed before the call: after a crash here the next pass looks for the server instead of making a second.
  if ((await store.markCreateSent(r.db, held)) !== 'running') return;
  await r.provider.create({
    name: row.name,
    size: row.size,
    node: row.id,
    owner: row.owner,
    boot: { url: r.baseUrl, node: row.id, bootstrapToken },
  });
  await store.finishNode(r.db, held, { attempts: 0 }, now);
}

/** An error from outside goes into the row: backoff if it may pass, `failed` if not or if it lasts. */
async function retryNode(r: Reconciler, held: Claim<Node>, error: unknown): Promise<void> {
  r.log.warn({ node: held.row.id, err: error }, 'node pass failed');
  const attempts = held.row.attempts + 1;
  const isHopeless = error instanceof ProviderError && !error.retryable;
  const mayFail = held.row.phase === 'creating' && held.row.desired === 'running';
  if (mayFail && (isHopeless || attempts >= MAX_ATTEMPTS)) {
    const failure: Failure = { class: isHopeless ? 'configuration' : 'provider', message: messageOf(error) };
    await store.finishNode(r.db, held, { phase: 'failed', attempts, lastError: failure }, held.now);
    return;
  }
  const pause = (error instanceof ProviderError && error.retryAfterMs) || backoffMs(attempts);
  await store.finishNode(r.db, held, { attempts }, later(held.now, pause));
}

// --- what the loop takes ------------------------------------------------------------------------------------------

const RENEW_EVERY_MS = 10_000;

export const workspaceSource = (r: Reconciler): Source => ({
  name: 'workspaces',
  dueInMs: () => store.dueInMs(r.db, 'workspace'),
  async take() {
    const held = await store.claimWorkspace(r.db);
    return held && (() => underLease(r, 'workspace', held, () => reconcileWorkspace(r, held)));
  },
});

export const nodeSource = (r: Reconciler): Source => ({
  name: 'nodes',
  dueInMs: () => store.dueInMs(r.db, 'node'),
  async take() {
    const held = await store.claimNode(r.db);
    return held && (() => underLease(r, 'node', held, () => reconcileNode(r, held)));
  },
});

/** A pass that waits long for a provider keeps its right to the row. */
async function underLease(
  r: Reconciler,
  kind: 'workspace' | 'node',
  held: Claim<{ id: string }>,
  pass: () => Promise<void>,
): Promise<void> {
  const renewal = setInterval(() => {
    store
      .renewLease(r.db, kind, held)
      .catch((error: unknown) => r.log.warn({ err: error, id: held.row.id }, 'lease not renewed'));
  }, RENEW_EVERY_MS);
  try {
    await pass();
  } finally {
    clearInterval(renewal);
  }
}
