// Runs what has to be done now and then, one of many bots at a time. Each sweep stands alone: one that fails is written down
// and stops no other. Knows no table.
import type { Logger } from 'pino';
import { messageOf } from '../errors.ts';

export interface Sweep {
  name: string;
  everyMs: number;
  /** Also at each start, however short ago the last run was. */
  atStart?: true;
  run(): Promise<void>;
}

/** Where it stands when each of them ran last; all bots share it. */
export interface SweepBook {
  /** True if this bot shall run the sweep now: its period is over and no other bot is at it. */
  claim(name: string, everyMs: number): Promise<boolean>;
  finish(name: string, result: { durationMs: number; error: string | null }): Promise<void>;
  /** It is due at once, whenever it ran last. */
  runSoon(name: string): Promise<void>;
}

export interface SweeperOptions {
  book: SweepBook;
  log: Logger;
}

export interface Sweeper {
  start(): void;
  stop(): Promise<void>;
  /** Runs what is due, once. */
  tick(): Promise<void>;
}

export function createSweeper(sweeps: Sweep[], { book, log }: SweeperOptions): Sweeper {
  // Twice a period: a tick that comes a moment early must not cost a whole one.
  const tickMs = Math.max(20, Math.min(...sweeps.map((sweep) => sweep.everyMs)) / 2);
  const running = new Map<string, Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let started: Promise<void> | undefined;
  const tick = async (): Promise<void> => {
    for (const sweep of sweeps) {
      if (running.has(sweep.name)) continue;
      const run = runAlone(sweep, book, log).finally(() => running.delete(sweep.name));
      running.set(sweep.name, run);
    }
    await Promise.all(running.values());
  };
  return {
    start() {
      started = hasten(sweeps, book, log).then(tick);
      timer = setInterval(() => void tick(), tickMs);
    },
    async stop() {
      clearInterval(timer);
      await started;
      await Promise.all(running.values());
    },
    tick,
  };
}

/** What looks for things that happened while nobody was there. */
async function hasten(sweeps: Sweep[], book: SweepBook, log: Logger): Promise<void> {
  try {
    for (const { name, atStart } of sweeps) if (atStart) await book.runSoon(name);
  } catch (error) {
    log.error({ err: error }, 'a sweep could not be brought forward');
  }
}

async function runAlone(sweep: Sweep, book: SweepBook, log: Logger): Promise<void> {
  const startedAt = performance.now();
  try {
    if (!(await book.claim(sweep.name, sweep.everyMs))) return;
    const error = await sweep.run().then(
      () => null,
      (reason: unknown) => messageOf(reason),
    );
    if (error !== null) log.error({ sweep: sweep.name, error }, 'a sweep failed');
    await book.finish(sweep.name, { durationMs: performance.now() - startedAt, error });
  } catch (error) {
    log.error({ err: error, sweep: sweep.name }, 'a sweep could not be written down');
  }
}
