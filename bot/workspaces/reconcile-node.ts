// One pass over a node: observe its server, compare, take one step, write it down.
import type { KnownFailure } from '../codes.ts';
import type { Node, NodePhase } from '../database/types.ts';
import type { Dns } from '../dns/dns.ts';
import { ProviderError, messageOf, waitMs } from '../errors.ts';
import type { Server } from '../providers/provider.ts';
import { whileHeld } from '../jobs/lease.ts';
import type { Source } from '../jobs/loop.ts';
import { nextNodeStep, type NodeStep, type Outside } from './node.ts';
import { logStep, type Reconciler } from './reconcile-workspace.ts';
import * as store from './store.ts';
import type { Held } from './store.ts';
import { backoffMs, isPast, later, nextLook, type Timing } from './timing.ts';

export async function reconcileNode(r: Reconciler, held: Held<Node>): Promise<void> {
  const { row, now } = held;
  try {
    const outside = await observe(r, row);
    const step = nextNodeStep(row, outside, await store.isWanted(r.db, row.id), now, {
      ...r.limits,
      timing: r.timing,
      listeningSince: r.listeningSince,
    });
    const { server, nameError } = outside;
    logStep(r.log, { node: row.id, desired: row.desired, server: server?.status }, row.phase, step);
    if (nameError) r.log.warn({ node: row.id, err: nameError }, 'the DNS could not be asked');
    await performNodeStep(r, held, step, outside);
  } catch (error) {
    await retryNode(r, held, error);
  }
}

interface Observed extends Outside {
  /** Why its records are `unknown`. */
  nameError?: unknown;
}

/** A create that was never sent needs no look; everything else is observed, whatever the row says. */
async function observe(r: Reconciler, row: Node): Promise<Observed> {
  if (!row.createSentAt) return { server: undefined };
  await r.proveAccount();
  const server = await r.provider.find(row.name);
  if (!r.dns || !dependsOnName(row, server)) return { server };
  try {
    return { server, records: await r.dns.find(hostOf(r.dns, row)) };
  } catch (error) {
    // The machine goes on without: it is not the DNS that costs.
    return { server, records: 'unknown', nameError: error };
  }
}

/** A DNS counts its calls: a machine that boots is looked at often, its name only when something may come of it. */
function dependsOnName(row: Node, server: Server | undefined): boolean {
  if (row.desired === 'deleted') return row.recordSentAt !== null && row.phase === 'deleting';
  if (row.phase === 'booting')
    return row.lastHeardAt !== null || row.host === null || row.address !== (server?.address ?? null);
  if (row.phase === 'failed') return row.lastHeardAt !== null;
  return row.phase === 'ready' || row.phase === 'unhealthy';
}

const hostOf = ({ domain }: Dns, { name }: Pick<Node, 'name'>): string => `${name}.${domain}`;

async function performNodeStep(
  r: Reconciler,
  held: Held<Node>,
  step: NodeStep,
  outside: Observed,
): Promise<void> {
  const { now } = held;
  const { timing } = r;
  const seen = seenIn(outside, held);
  const end = async (patch: store.NodePatch, nextAt: Date | null): Promise<void> => {
    await store.finishNode(r.db, held, { ...seen, ...patch }, soonEnough(r, held, outside, nextAt));
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
    case 'setDnsRecord':
      return end(await setDnsRecord(r, held, step.address), later(now, timing.lookSoonMs));
    case 'removeDnsRecords':
      for (const { name, id } of step.records) await r.dns?.remove(name, id);
      return end({ host: null }, now);
    case 'start':
      await r.provider.start(step.server);
      return end({}, nextLook(held.row.phaseSince, now, timing));
    case 'remove':
      await r.provider.remove(step.server);
      return end(
        { attempts: 0 },
        nextLook(
          held.row.phaseSince,
          now,
          timing,
          step.server.status === 'removing' ? timing.lookAgainMs : timing.lookSoonMs,
        ),
      );
    default:
      return step satisfies never;
  }
}

/** What the row keeps of what was seen. */
function seenIn({ server, records, nameError }: Observed, { row, now }: Held<Node>): store.NodePatch {
  const host = Array.isArray(records) ? records[0]?.name : undefined;
  return {
    ...(server ? { observedAt: now, providerId: server.id, address: server.address ?? null } : {}),
    ...(host !== undefined && { host }),
    ...(nameError === undefined
      ? recovered(row)
      : { attempts: row.attempts + 1, lastError: nameFailure(nameError) }),
  };
}

const nameFailure = (error: unknown): KnownFailure => ({
  class: 'provider',
  code: 'dns-failed',
  details: { said: messageOf(error) },
});

/** Whoever could not ask the DNS comes back for that, the less often the longer it lasts. */
function soonEnough(
  { timing }: Reconciler,
  { row, now }: Held<Node>,
  { nameError }: Observed,
  nextAt: Date | null,
): Date | null {
  if (nameError === undefined) return nextAt;
  const again = later(now, waitMs(nameError) ?? backoffMs(row.attempts + 1, timing));
  return nextAt && nextAt < again && row.phase !== 'deleting' ? nextAt : again;
}

/** Committed before the call: a record that lands after its answer got lost is waited for when the node is deleted. */
async function setDnsRecord(r: Reconciler, held: Held<Node>, address: string): Promise<store.NodePatch> {
  const { row } = held;
  if (!r.dns || !(await store.markRecordSent(r.db, held))) return {};
  const record = await r.dns.ensure(hostOf(r.dns, row), address, row.id);
  return { host: record.name };
}

/** The provider answers again. A node that is being made or deleted keeps count, and the reason. */
const recovered = ({ phase, attempts }: Node): store.NodePatch =>
  attempts > 0 && (isOnItsWay(phase) || phase === 'unhealthy') ? { attempts: 0, lastError: null } : {};

/** What went wrong before is over; what ended it is remembered. */
const isOnItsWay = (phase: NodePhase): boolean => phase === 'booting' || phase === 'ready';

async function create(r: Reconciler, held: Held<Node>): Promise<void> {
  const { row, now } = held;
  await r.proveAccount();
  const bootstrapToken = await r.createBootstrapToken(row.id);
  // Committed before the call: after a crash here the next pass looks for the server instead of making a second.
  if (await store.markCreateSent(r.db, held)) {
    const boot = { url: r.baseUrl, node: row.id, bootstrapToken };
    try {
      await r.provider.create({ name: row.name, size: row.size, node: row.id, owner: row.owner, boot });
    } catch (error) {
      // Certainly nothing came of it, and what was sent before had its quiet period: no need to wait for another.
      if (error instanceof ProviderError && error.hadNoEffect) await store.forgetCreateSent(r.db, held);
      throw error;
    }
  }
  await store.finishNode(r.db, held, { attempts: 0 }, now);
}

const isBeingMade = ({ phase, desired }: Node): boolean =>
  (phase === 'creating' || phase === 'booting') && desired === 'running';

const isLate = ({ phase, phaseSince }: Node, now: Date, timing: Timing): boolean =>
  isPast(later(phaseSince, phase === 'creating' ? timing.creatingMs : timing.bootMs), now);

/** An error from outside goes into the row: backoff if it may pass; while it is being made it fails if not, or if it lasts. */
async function retryNode(r: Reconciler, held: Held<Node>, error: unknown): Promise<void> {
  const { row, now } = held;
  r.log.warn({ node: row.id, err: error }, 'node pass failed');
  const attempts = row.attempts + 1;
  const isHopeless = error instanceof ProviderError && !error.retryable;
  const lastError = failureOf(error);
  if (isBeingMade(row) && (isHopeless || (isLate(row, now, r.timing) && attempts > 1)))
    return store.failNode(r.db, held, { attempts, lastError });
  const pause = waitMs(error) || backoffMs(attempts, r.timing);
  await store.finishNode(r.db, held, { attempts, lastError }, later(now, pause));
}

/** Of a bug the log has the words: `node pass failed`. */
function failureOf(error: unknown): KnownFailure {
  if (!(error instanceof ProviderError)) return { class: 'internal', code: 'broken', details: {} };
  const details = { said: error.message };
  if (error.retryable) return { class: 'provider', code: 'provider-unavailable', details };
  return { class: 'configuration', code: error.isQuota ? 'provider-quota' : 'provider-refused', details };
}

export const nodeSource = (r: Reconciler): Source => ({
  name: 'nodes',
  dueInMs: () => store.dueInMs(r.db, 'node'),
  async take() {
    const held = await store.claimNode(r.db);
    return (
      held &&
      (() =>
        whileHeld(
          () => store.renewLease(r.db, 'node', held),
          () => reconcileNode(r, held),
          r,
        ))
    );
  },
});
