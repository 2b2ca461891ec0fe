// The periodic look at the outside world for what no row wants, and at rows for what slipped by.
// Each sweep stands alone: one that fails is written down and stops no other.
import type { Logger } from 'pino';
import { messageOf } from '../errors.ts';
import type { Provider, Server } from '../providers/provider.ts';
import * as store from './store.ts';
import type { Executor } from './store.ts';
import { isPast, later, type Timing } from './timing.ts';

export interface Sweep {
  name: string;
  everyMs: number;
  run(): Promise<void>;
}

export interface SweepOptions {
  db: Executor;
  provider: Provider;
  timing: Timing;
  log: Logger;
}

/** At the most so many servers are deleted in one run: a mistake must not empty an account. */
const MAX_REMOVALS = 5;

export function createSweeps(options: SweepOptions): Sweep[] {
  const { db, timing } = options;
  return [
    { name: 'servers', everyMs: 2 * timing.quietMs, run: () => sweepServers(options) },
    {
      name: 'silent-nodes',
      everyMs: timing.silenceMs / 3,
      run: () => store.wakeSilentNodes(db, timing.silenceMs),
    },
    { name: 'old-logs', everyMs: 60 * 60_000, run: () => store.forgetOldLogs(db, 30) },
  ];
}

/** Servers that no row wants go; rows whose server is missing or doubled are looked at again. */
async function sweepServers({ db, provider, timing, log }: SweepOptions): Promise<void> {
  const now = await store.readClock(db);
  const servers = await provider.list();
  const nodes = await store.listLivingNodes(db, provider.name);
  const names = new Set(nodes.map((node) => node.name));
  const seen = new Set(servers.map((server) => server.name));
  const missing = nodes.filter(
    (node) => (node.phase === 'ready' || node.phase === 'unhealthy') && !seen.has(node.name),
  );
  await store.wakeNodes(
    db,
    missing.map((node) => node.id),
  );
  const unknown = servers.filter(
    (server) => !names.has(server.name) && isPast(later(server.createdAt, timing.graceMs), now),
  );
  for (const server of unknown.slice(0, MAX_REMOVALS))
    await removeUnknown({ db, provider, timing, log }, server);
  if (unknown.length > MAX_REMOVALS)
    log.warn({ left: unknown.length - MAX_REMOVALS }, 'more unknown servers than one sweep deletes');
}

/** Proof before deletion: our labels, and a fresh look at both the server and the rows. */
async function removeUnknown({ db, provider, log }: SweepOptions, listed: Server): Promise<void> {
  const node = await store.findNode(db, listed.labels['sam-node']);
  if (node && node.phase !== 'deleted') return;
  const fresh = await provider.find(listed.name);
  if (
    !fresh ||
    fresh.id !== listed.id ||
    fresh.labels['sam-installation'] !== listed.labels['sam-installation']
  )
    return;
  log.warn({ server: fresh.name, node: fresh.labels['sam-node'] }, 'deleting a server that no row wants');
  await provider.remove(fresh);
  await store.append(db, fresh.labels['sam-node'], 0, 'swept', { server: fresh.name, id: fresh.id });
}

export interface Sweeper {
  start(): void;
  stop(): Promise<void>;
  /** Runs what is due, once. */
  tick(): Promise<void>;
}

export function createSweeper(sweeps: Sweep[], { db, log }: { db: Executor; log: Logger }): Sweeper {
  const shortest = Math.min(...sweeps.map((sweep) => sweep.everyMs));
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> = Promise.resolve();
  const tick = async (): Promise<void> => {
    for (const sweep of sweeps) await runAlone(sweep, db, log);
  };
  return {
    start() {
      timer = setInterval(
        () => {
          current = tick();
        },
        Math.max(250, shortest),
      );
    },
    async stop() {
      clearInterval(timer);
      await current;
    },
    tick,
  };
}

async function runAlone(sweep: Sweep, db: Executor, log: Logger): Promise<void> {
  const startedAt = performance.now();
  try {
    if (!(await store.claimSweep(db, sweep.name, sweep.everyMs))) return;
    const error = await sweep.run().then(
      () => null,
      (reason: unknown) => messageOf(reason),
    );
    if (error) log.error({ sweep: sweep.name, error }, 'a sweep failed');
    await store.finishSweep(db, sweep.name, { durationMs: performance.now() - startedAt, error });
  } catch (error) {
    log.error({ err: error, sweep: sweep.name }, 'a sweep could not be written down');
  }
}
