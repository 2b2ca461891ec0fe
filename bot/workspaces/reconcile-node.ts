// One pass over a node: observe its server, compare, take one step, write it down.
import type { Failure } from '../../agent/protocol.ts';
import type { Node, NodePhase } from '../database/types.ts';
import { ProviderError, messageOf } from '../errors.ts';
import type { Server } from '../providers/provider.ts';
import type { Source } from './loop.ts';
import { nextNodeStep, type NodeStep } from './node.ts';
import { underLease, type Reconciler } from './reconcile.ts';
import * as store from './store.ts';
import type { Claim } from './store.ts';
import { backoffMs, isPast, later } from './timing.ts';

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
  const { timing } = r;
  const seen: store.NodePatch = server
    ? { observedAt: now, providerId: server.id, address: server.address ?? null }
    : {};
  const end = async (patch: store.NodePatch, nextAt: Date | null): Promise<void> => {
    await store.finishNode(r.db, held, { ...seen, ...recovered(held.row), ...patch }, nextAt);
  };
  switch (step.do) {
    case 'wait':
      return end({}, step.until);
    case 'enter':
      return end(
        { phase: step.phase, attempts: 0, ...(isOnItsWay(step.phase) ? { lastError: null } : {}) },
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
      return end({}, later(now, timing.lookAgainMs));
    case 'remove':
      await r.provider.remove(step.server);
      return end(
        { attempts: 0 },
        later(now, step.server.status === 'removing' ? timing.lookAgainMs : timing.lookSoonMs),
      );
    default:
      return step satisfies never;
  }
}

/** The provider answers again. A node that is being made or deleted keeps count, and the reason. */
const recovered = ({ phase, attempts }: Node): store.NodePatch =>
  attempts > 0 && (isOnItsWay(phase) || phase === 'unhealthy') ? { attempts: 0, lastError: null } : {};

/** What went wrong before is over; what ended it is remembered. */
const isOnItsWay = (phase: NodePhase): boolean => phase === 'booting' || phase === 'ready';

async function create(r: Reconciler, held: Claim<Node>): Promise<void> {
  const { row, now } = held;
  const bootstrapToken = await r.createBootstrapToken(row.id);
  // Committed before the call: after a crash here the next pass looks for the server instead of making a second.
  if (await store.markCreateSent(r.db, held))
    await r.provider.create({
      name: row.name,
      size: row.size,
      node: row.id,
      owner: row.owner,
      boot: { url: r.baseUrl, node: row.id, bootstrapToken },
    });
  await store.finishNode(r.db, held, { attempts: 0 }, now);
}

/** An error from outside goes into the row: backoff if it may pass; while creating it fails if not, or if it lasts. */
async function retryNode(r: Reconciler, held: Claim<Node>, error: unknown): Promise<void> {
  const { row, now } = held;
  r.log.warn({ node: row.id, err: error }, 'node pass failed');
  const attempts = row.attempts + 1;
  const isHopeless = error instanceof ProviderError && !error.retryable;
  const lastError: Failure = { class: isHopeless ? 'configuration' : 'provider', message: messageOf(error) };
  const isLate = isPast(later(row.phaseSince, r.timing.creatingMs), now) && attempts > 1;
  if (row.phase === 'creating' && row.desired === 'running' && (isHopeless || isLate))
    return store.failNode(r.db, held, { attempts, lastError });
  const pause = (error instanceof ProviderError && error.retryAfterMs) || backoffMs(attempts, r.timing);
  await store.finishNode(r.db, held, { attempts, lastError }, later(now, pause));
}

export const nodeSource = (r: Reconciler): Source => ({
  name: 'nodes',
  dueInMs: () => store.dueInMs(r.db, 'node'),
  async take() {
    const held = await store.claimNode(r.db);
    return held && (() => underLease(r, 'node', held, () => reconcileNode(r, held)));
  },
});
