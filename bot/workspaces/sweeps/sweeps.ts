// The periodic look at the outside world for what no row wants, and at rows for what slipped by.
import type { Logger } from 'pino';
import { messageOf, ProviderError } from '../../errors.ts';
import type { Executor, Node } from '../../database/types.ts';
import type { Dns } from '../../dns/dns.ts';
import type { Sweep } from '../../jobs/sweeper.ts';
import type { Chore, Provider, Server } from '../../providers/provider.ts';
import { sweepNames } from './names.ts';
import { sweepOrphans } from './orphans.ts';
import { isPast, later, type Timing } from '../timing.ts';
import { append } from '../store/events.ts';
import { forgetOldLogs } from '../store/logs.ts';
import { findNode, listLivingNodes, wakeNodes, wakeSilentNodes, namesOfSeenNodes } from '../store/nodes.ts';
import { readClock } from '../store/reconciled.ts';
import { wakeResting } from '../store/workspace-changes.ts';
import { savePrices, type PriceList } from '../store/settings.ts';

export interface SweepOptions {
  db: Executor;
  provider: Provider;
  /** Throws while the provider's account is not the one where our machines are. */
  proveAccount: () => Promise<void>;
  /** Undefined: nodes have no names. */
  dns?: Dns | undefined;
  timing: Timing;
  /** In ms; 0: never. */
  limits: { idleTimeoutMs: number; deleteStoppedAfterMs: number };
  log: Logger;
}

/** At the most so many servers are deleted in one run: a mistake must not empty an account. */
const MAX_REMOVALS = 5;

export function createSweeps(options: SweepOptions): Sweep[] {
  const { db, provider, dns, timing, limits } = options;
  return [
    { name: 'servers', everyMs: 2 * timing.quietMs, run: () => sweepServers(options) },
    ...(dns
      ? [{ name: 'names', everyMs: 2 * timing.quietMs, run: () => sweepNames({ ...options, dns }) }]
      : []),
    { name: 'orphans', everyMs: 8 * timing.quietMs, run: () => sweepOrphans(options) },
    { name: 'prices', everyMs: 12 * 3_600_000, run: () => learnPrices(options) },
    ...provider.housekeeping.map((chore) => ({ ...chore, run: () => doChore(options, chore) })),
    {
      name: 'silent-nodes',
      everyMs: timing.silenceMs / 3,
      run: () => wakeSilentNodes(db, timing.silenceMs),
    },
    // What an earlier version or other limits left at rest for good.
    { name: 'resting', everyMs: 60 * 60_000, atStart: true, run: () => wakeResting(db, limits) },
    { name: 'old-logs', everyMs: 60 * 60_000, run: () => forgetOldLogs(db, 30) },
  ];
}

/** Commands call nobody: what they say of prices was written down before. */
async function learnPrices({ db, provider }: SweepOptions): Promise<void> {
  const list = await provider.prices();
  if (list.nodes.length === 0) return;
  const sizes: PriceList['sizes'] = {};
  for (const { size, perHour, perMonth } of list.nodes)
    if (perHour > (sizes[size]?.perHour ?? 0)) sizes[size] = { perHour, perMonth };
  await savePrices(db, { currency: list.currency, provider: provider.name, sizes });
}

/** A firewall that is made in a strange account would make it look like ours. */
async function doChore({ proveAccount }: SweepOptions, chore: Chore): Promise<void> {
  await proveAccount();
  await chore.run();
}

/** Servers that no row wants go; rows whose server is missing are looked at again. */
async function sweepServers(options: SweepOptions): Promise<void> {
  const { db, provider, timing, log } = options;
  const servers = await provider.list();
  // The rows after the list: whoever made a server had written its row before.
  const nodes = await listLivingNodes(db, provider.name);
  const now = await readClock(db);
  const names = new Set(nodes.map((node) => node.name));
  const seen = new Map(servers.map((server) => [server.name, server]));
  const isAsKnown = (node: Node): boolean =>
    seen.has(node.name) && (seen.get(node.name)?.address ?? null) === node.address;
  const missing = nodes.filter((node) => isUp(node) && !isAsKnown(node));
  await wakeNodes(
    db,
    missing.map((node) => node.id),
  );
  const isUnknown = (server: Server): boolean =>
    !names.has(server.name) &&
    server.status !== 'removing' &&
    isPast(later(server.createdAt, timing.graceMs), now);
  const left = await removeSome(options, servers.filter(isUnknown));
  if (left > 0) log.warn({ left }, 'unknown servers that this sweep did not delete');
}

const isUp = ({ phase }: Node): boolean => phase === 'ready' || phase === 'unhealthy';

/** Goes on after one that fails, and throws then. Gives how many were not looked at. */
async function removeSome(options: SweepOptions, unknown: Server[]): Promise<number> {
  const errors: string[] = [];
  let removals = 0;
  let looks = 0;
  for (const server of unknown) {
    if (removals >= MAX_REMOVALS) break;
    looks++;
    const isRemoved = await removeUnknown(options, server).catch((error: unknown) => {
      errors.push(`${server.name}: ${messageOf(error)}`);
      return false;
    });
    if (isRemoved) removals++;
  }
  if (errors.length > 0) throw new Error(errors.join('; '));
  return unknown.length - looks;
}

/** Proof before deletion: our labels, and a fresh look at both the server and the rows. */
async function removeUnknown({ db, provider, log }: SweepOptions, listed: Server): Promise<boolean> {
  const fresh = await provider.find(listed.name);
  const installation = listed.labels['sam-installation'];
  if (fresh?.id !== listed.id || fresh.labels['sam-installation'] !== installation) return false;
  const node = fresh.labels['sam-node'];
  const row = await findNode(db, node);
  if (row && row.phase !== 'deleted') {
    log.warn({ server: fresh.name, node }, 'a server of a node that has another one; it is left alone');
    await wakeNodes(db, [node]);
    return false;
  }
  log.warn({ server: fresh.name, node }, 'deleting a server that no row wants');
  await provider.remove(fresh);
  await append(db, node, 0, 'swept', { server: fresh.name, id: fresh.id });
  return true;
}

/** Every node asks: a strange account is not looked at for each of them. */
const REFUSED_MS = 60_000;

/**
 * A function that throws ProviderError while the account is strange. It asks once in the life of a provider, and only if
 * machines are known: a token's account stays the same.
 */
export function createAccountProof({ db, provider }: { db: Executor; provider: Provider }) {
  let isProven = false;
  let refused: { about: string; error: ProviderError; until: number } | undefined;
  return async (): Promise<void> => {
    if (isProven) return;
    const names = await namesOfSeenNodes(db, provider.name);
    if (names.length === 0) return;
    const about = names.join();
    if (refused?.about === about && performance.now() < refused.until) throw refused.error;
    try {
      await provider.proveAccount(names);
    } catch (error) {
      if (error instanceof ProviderError && !error.retryable)
        refused = { about, error, until: performance.now() + REFUSED_MS };
      throw error;
    }
    isProven = true;
  };
}
