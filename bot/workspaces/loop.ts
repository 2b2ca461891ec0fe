// Takes what is due, some at once, until nothing is. NOTIFY is a hint, the poll is the truth. Knows no tables.
import type { Logger } from 'pino';

/** Where due work comes from: rows of one kind, claimed under a lease. */
export interface Source {
  name: string;
  /** Claims one due row; the job works on it and never throws. Undefined: nothing is due. */
  take(): Promise<(() => Promise<void>) | undefined>;
  /** In how many ms something will be due; undefined: nothing waits for a time. */
  dueInMs(): Promise<number | undefined>;
}

export interface Loop {
  start(): void;
  /** Something may be due: look now. */
  wake(): void;
  /** Takes nothing new and waits for what is under way. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  log: Logger;
  /** Jobs at once. */
  width?: number;
  pollMs?: number;
}

export function createLoop(sources: Source[], { log, width = 8, pollMs = 2_000 }: LoopOptions): Loop {
  const running = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let isStopped = true;
  let isHinted = false;

  const wake = (): void => {
    isHinted = true;
    if (isStopped || looking) return;
    looking = look().finally(() => {
      looking = undefined;
      // A hint that came while the last query was on its way.
      if (isHinted && running.size < width) wake();
    });
  };

  async function look(): Promise<void> {
    clearTimeout(timer);
    const restMs = await drain().catch((error: unknown) => {
      log.error({ err: error }, 'the loop could not look for work');
      return pollMs;
    });
    if (!isStopped) timer = setTimeout(wake, restMs);
  }

  /** Starts everything that is due and has room. Returns how long to rest. */
  async function drain(): Promise<number> {
    let isAny = true;
    while (isAny && !isStopped && running.size < width) {
      isHinted = false;
      isAny = false;
      for (const source of sources) if (await startOne(source)) isAny = true;
    }
    const dues = await Promise.all(sources.map((source) => source.dueInMs()));
    return Math.min(pollMs, ...dues.map((due) => (due === undefined ? pollMs : Math.max(20, due))));
  }

  async function startOne(source: Source): Promise<boolean> {
    if (isStopped || running.size >= width) return false;
    const job = await source.take();
    if (!job) return false;
    const run = job()
      .catch((error: unknown) => log.error({ err: error, source: source.name }, 'a job threw'))
      .finally(() => {
        running.delete(run);
        wake();
      });
    running.add(run);
    return true;
  }

  return {
    start() {
      isStopped = false;
      wake();
    },
    wake,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await looking;
      await Promise.allSettled(running);
    },
  };
}
