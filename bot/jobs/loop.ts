// Takes what is due, some at once, until nothing is. NOTIFY is a hint, the poll is the truth. Knows no tables.
import type { Logger } from 'pino';

/** Where due work comes from: rows of one kind, claimed under a lease. */
export interface Source {
  name: string;
  /** Claims one due row; the job works on it and never throws. Undefined: nothing is due. */
  take(): Promise<(() => Promise<unknown>) | undefined>;
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
  /** Jobs of one source at once: a provider that hangs must not hold up what needs no provider. */
  width?: number;
  pollMs?: number;
}

/** The shortest rest. */
const REST_MS = 20;

export function createLoop(sources: Source[], { log, width = 8, pollMs = 2_000 }: LoopOptions): Loop {
  const lanes = sources.map((source) => createLane(source, { log, width, pollMs, onEnd: () => wake() }));
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let isStopped = true;
  let isHinted = false;
  /** Looks in a row that found nothing though something was said to be due. */
  let vainLooks = 0;

  const wake = (): void => {
    isHinted = true;
    if (isStopped || looking) return;
    looking = look().finally(() => {
      looking = undefined;
      // A hint that came while the last query was on its way.
      if (isHinted) wake();
    });
  };

  async function look(): Promise<void> {
    clearTimeout(timer);
    const hasTaken = await drain();
    const dues = await Promise.all(lanes.map((lane) => lane.dueInMs()));
    const dueMs = Math.min(pollMs, ...dues.map((due) => due ?? pollMs));
    // Due, but not for us: another bot has it, or it waits for something else. Ask less and less often.
    vainLooks = hasTaken || dueMs > 0 ? 0 : vainLooks + 1;
    const restMs = Math.max(dueMs, REST_MS * 2 ** Math.min(vainLooks, 10));
    if (!isStopped) timer = setTimeout(wake, Math.min(pollMs, restMs));
  }

  /** Starts everything that is due and has room. Whether it was anything. */
  async function drain(): Promise<boolean> {
    let hasTaken = false;
    for (let isAny = true; isAny && !isStopped; hasTaken ||= isAny) {
      isHinted = false;
      isAny = false;
      for (const lane of lanes) if (!isStopped && (await lane.startOne())) isAny = true;
    }
    return hasTaken;
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
      await Promise.all(lanes.map((lane) => lane.end()));
    },
  };
}

interface Lane {
  /** False: nothing is due, there is no room, or it rests after an error. */
  startOne(): Promise<boolean>;
  dueInMs(): Promise<number | undefined>;
  /** Resolves when no job runs. */
  end(): Promise<unknown>;
}

interface LaneOptions {
  log: Logger;
  width: number;
  pollMs: number;
  onEnd: () => void;
}

/** One source and its jobs. What it throws is logged and harms no other; then it rests, longer with each further error. */
function createLane(source: Source, { log, width, pollMs, onEnd }: LaneOptions): Lane {
  const running = new Set<Promise<void>>();
  let errors = 0;
  let restsUntil = 0;
  const complain = (what: string) => (error: unknown) => {
    log.error({ err: error, source: source.name }, what);
    restsUntil = performance.now() + Math.min(pollMs, REST_MS * 2 ** Math.min(errors++, 10));
    return undefined;
  };
  const run = async (job: () => Promise<unknown>): Promise<void> => {
    try {
      await job();
      errors = 0;
    } catch (error) {
      complain('a job threw')(error);
    }
  };
  return {
    async startOne() {
      if (running.size >= width || performance.now() < restsUntil) return false;
      const job = await source.take().catch(complain('the loop could not look for work'));
      if (!job) return false;
      const ended = run(job).then(() => {
        running.delete(ended);
        onEnd();
      });
      running.add(ended);
      return true;
    },
    async dueInMs() {
      // Without room nobody has to ask: the end of a job wakes the loop.
      if (running.size >= width) return undefined;
      const restMs = restsUntil - performance.now();
      return restMs > 0 ? restMs : source.dueInMs().catch(complain('the loop could not ask when to look'));
    },
    end: () => Promise.all(running),
  };
}
