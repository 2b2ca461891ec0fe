// Takes due rows, one after the other, and has them reconciled. NOTIFY is a hint, the poll is the truth.
import type { Logger } from 'pino';
import type { Claim, Executor } from './store.ts';

/** One kind of row that falls due, and what to do with it. */
export interface Work<Row extends { id: string }> {
  name: string;
  claim(): Promise<Claim<Row> | undefined>;
  renew(held: Claim<Row>): Promise<void>;
  perform(held: Claim<Row>): Promise<void>;
}

export interface Loop {
  start(): void;
  /** Something may be due: look now. */
  wake(): void;
  /** Takes nothing new and waits for what is under way. */
  stop(): Promise<void>;
  /** Resolves when nothing is under way here and nothing was due at the last look. For tests. */
  idle(): Promise<void>;
}

export interface LoopOptions {
  db: Executor;
  nextDue(): Promise<Date | undefined>;
  log: Logger;
  /** Passes at once. */
  width?: number;
  pollMs?: number;
}

const RENEW_EVERY_MS = 10_000;

export function createLoop(work: Work<{ id: string }>[], options: LoopOptions): Loop {
  const { log, width = 8, pollMs = 2_000 } = options;
  const running = new Set<Promise<void>>();
  const idlers: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isStopped = true;
  let isLooking = false;
  let lookAgain = false;

  const wake = (): void => {
    if (isStopped) return;
    lookAgain = true;
    if (!isLooking) void look();
  };

  async function look(): Promise<void> {
    isLooking = true;
    clearTimeout(timer);
    try {
      while (lookAgain && !isStopped && running.size < width) {
        lookAgain = false;
        if (await takeOne()) lookAgain = true;
      }
      await sleepUntilDue();
    } catch (error) {
      log.error({ err: error }, 'the loop could not look for work');
      rest(pollMs);
    } finally {
      isLooking = false;
    }
    // A hint that came while the last query was on its way.
    if (lookAgain && running.size < width) void look();
    else if (running.size === 0) idlers.splice(0).forEach((resolve) => resolve());
  }

  async function takeOne(): Promise<boolean> {
    let isAny = false;
    for (const kind of work) {
      if (isStopped || running.size >= width) return isAny;
      const held = await kind.claim();
      if (!held) continue;
      isAny = true;
      const pass = perform(kind, held).finally(() => {
        running.delete(pass);
        wake();
      });
      running.add(pass);
    }
    return isAny;
  }

  async function perform(kind: Work<{ id: string }>, held: Claim<{ id: string }>): Promise<void> {
    const renewal = setInterval(() => {
      kind
        .renew(held)
        .catch((error: unknown) =>
          log.warn({ err: error, kind: kind.name, id: held.row.id }, 'lease not renewed'),
        );
    }, RENEW_EVERY_MS);
    try {
      await kind.perform(held);
    } catch (error) {
      log.error({ err: error, kind: kind.name, id: held.row.id }, 'a pass threw');
    } finally {
      clearInterval(renewal);
    }
  }

  async function sleepUntilDue(): Promise<void> {
    const due = await options.nextDue();
    rest(due ? Math.min(pollMs, Math.max(20, due.getTime() - Date.now())) : pollMs);
  }

  const rest = (ms: number): void => {
    clearTimeout(timer);
    if (!isStopped) timer = setTimeout(wake, ms);
  };

  return {
    start() {
      isStopped = false;
      wake();
    },
    wake,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await Promise.allSettled(running);
    },
    idle: () =>
      new Promise((resolve) =>
        running.size === 0 && !isLooking && !lookAgain ? resolve() : idlers.push(resolve),
      ),
  };
}
