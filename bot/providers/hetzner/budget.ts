// How many calls Hetzner still takes from us: one bucket for all calls of a token. Knows no call.
//
// A project has so many calls an hour, and gets them back one by one. Each reply says how many are left; between
// replies we count for ourselves. Who calls takes a place in the queue, or hears how long it would take.

/** Milliseconds of a clock that never goes back, and a wait on the same clock. */
export interface Clock {
  now: () => number;
  wait: (ms: number) => Promise<void>;
}

export interface Budget {
  /** 0: a call may be made now, and `settle` must follow. Else the ms that the queue takes, if longer than wanted. */
  take: (patienceMs: number) => Promise<number>;
  /** What came of the call; no headers if no reply came. */
  settle: (status: number, headers: Headers) => void;
}

export type Headers = Record<string, unknown>;

const HOUR_MS = 3_600_000;
const DEFAULT_PER_HOUR = 3_600;

export function createBudget({ now, wait }: Clock): Budget {
  let limit = DEFAULT_PER_HOUR;
  let perMs = limit / HOUR_MS;
  let left = limit;
  let countedAt = now();
  let closedUntil = 0;
  /** Taken and not settled: the count in a reply may not know of them yet. */
  let open = 0;

  function count(): void {
    left = Math.min(limit, left + (now() - countedAt) * perMs);
    countedAt = now();
  }

  function learn(headers: Headers): void {
    const told = numberIn(headers, 'ratelimit-limit');
    if (told !== undefined && told >= 1) limit = told;
    const remaining = numberIn(headers, 'ratelimit-remaining');
    if (remaining === undefined) return;
    perMs = refillOf(headers, limit, remaining);
    left = Math.min(limit, remaining - open);
    countedAt = now();
  }

  return {
    async take(patienceMs) {
      count();
      const giveUpAt = now() + patienceMs;
      const turnAt = now() + (left >= 1 ? 0 : (1 - left) / perMs);
      const waitMs = () => Math.max(turnAt, closedUntil) - now();
      if (now() + waitMs() > giveUpAt) return waitMs();
      left -= 1;
      open += 1;
      // While we wait, a reply may close the door for longer.
      while (waitMs() > 0 && now() + waitMs() <= giveUpAt) await wait(waitMs());
      if (waitMs() <= 0) return 0;
      left += 1;
      open -= 1;
      return waitMs();
    },
    settle(status, headers) {
      open -= 1;
      count();
      learn(headers);
      const pauseMs = retryAfterMs(headers) ?? (status === 429 ? Math.max(1_000, 1 / perMs) : 0);
      if (pauseMs > 0) closedUntil = Math.max(closedUntil, now() + pauseMs);
    },
  };
}

/** `RateLimit-Reset` is when the bucket will be full again: seconds of the server's own clock. */
function refillOf(headers: Headers, limit: number, remaining: number): number {
  const usual = limit / HOUR_MS;
  const resetMs = (numberIn(headers, 'ratelimit-reset') ?? Number.NaN) * 1_000 - serverTime(headers);
  // Of whole seconds only long stretches say anything.
  if (!(resetMs >= 10_000) || remaining >= limit) return usual;
  return Math.min(usual * 10, Math.max(usual / 10, (limit - remaining) / resetMs));
}

/** Seconds, or a date; an hour at the most. */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers['retry-after'];
  if (typeof value !== 'string' || value === '') return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - serverTime(headers);
  return Number.isFinite(ms) ? Math.min(HOUR_MS, Math.max(0, ms)) : undefined;
}

function serverTime(headers: Headers): number {
  const date = Date.parse(String(headers['date']));
  return Number.isNaN(date) ? Date.now() : date;
}

function numberIn(headers: Headers, name: string): number | undefined {
  const value = Number(headers[name] ?? Number.NaN);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
