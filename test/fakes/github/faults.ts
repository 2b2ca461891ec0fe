// Bad days on command: refusals, limits, lost answers, slow answers. Knows nothing of GitHub's state.
import { setTimeout as delay } from 'node:timers/promises';

/** A path below /api/v3 (or another one in full); `*` stands for anything. */
export type PathPattern = string | RegExp;

export interface Failure {
  /** 'hang up': the connection breaks before anything happens; 'lost': it happens, and then the connection breaks. */
  status: number | 'hang up' | 'lost';
  times?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Hold {
  /** Resolves when a request waits here. */
  arrived: Promise<void>;
  release: () => void;
}

export interface Faults {
  fail: (method: string, path: PathPattern, failure: Failure) => void;
  slow: (method: string, path: PathPattern, ms: number, times?: number) => void;
  /** Requests wait, unanswered and undone, until released. */
  hold: (method: string, path: PathPattern) => Hold;
  /** The primary limit: 403 (or 429) with x-ratelimit-remaining 0 and the time of its reset. */
  limitPrimary: (options?: { status?: 403 | 429; resetInSeconds?: number; times?: number }) => void;
  /** The secondary limit, on writes: 403 (or 429) with retry-after. */
  limitSecondary: (options?: { status?: 403 | 429; retryAfterSeconds?: number; times?: number }) => void;
  /** No faults any more. Whoever is held goes on. */
  mend: () => void;
  /** Waits where it must; the failure, if one is due. */
  meet: (method: string, path: string) => Promise<Failure | undefined>;
}

interface Rule {
  fits: (method: string, path: string) => boolean;
  times: number;
  meet: () => Promise<Failure | undefined> | Failure;
}

export function createFaults(now: () => Date): Faults {
  let rules: Rule[] = [];
  const holds = new Set<Hold>();
  const add = (method: string, path: PathPattern, times: number, meet: Rule['meet']) => {
    const pattern = toPattern(path);
    const isMethod = (m: string) => method === '*' || m === method || (method === 'write' && m !== 'GET');
    const fits = (m: string, p: string) => isMethod(m) && pattern.test(p);
    rules.push({ fits, times, meet });
  };
  return {
    fail: (method, path, failure) => add(method, path, failure.times ?? 1, () => failure),
    slow(method, path, ms, times = Infinity) {
      add(method, path, times, () => delay(ms, undefined));
    },
    hold(method, path) {
      const arrived = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      const hold = { arrived: arrived.promise, release: () => gate.resolve() };
      holds.add(hold);
      add(method, path, Infinity, async () => {
        arrived.resolve();
        await gate.promise;
        return undefined;
      });
      return hold;
    },
    limitPrimary({ status = 403, resetInSeconds = 60, times = 1 } = {}) {
      const reset = Math.ceil(now().getTime() / 1000) + resetInSeconds;
      const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) };
      const message = 'API rate limit exceeded for installation ID 1.';
      add('*', /^\/(?!login|rate_limit|[^/]+\/[^/]+\.git\/)/, times, () => ({
        status,
        headers,
        body: { message },
      }));
    },
    limitSecondary({ status = 403, retryAfterSeconds = 60, times = 1 } = {}) {
      const headers = { 'retry-after': String(retryAfterSeconds) };
      const message =
        'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.';
      const documentation_url =
        'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#secondary-limits';
      const answer: Failure = { status, headers, body: { message, documentation_url } };
      add('write', /^\/repos\//, times, () => answer);
    },
    mend() {
      rules = [];
      for (const hold of holds) hold.release();
      holds.clear();
    },
    async meet(method, path) {
      for (const rule of rules.filter((one) => one.times > 0 && one.fits(method, path))) {
        if (rule.times <= 0) continue;
        rule.times--;
        const failure = await rule.meet();
        if (failure) return failure;
      }
      return undefined;
    },
  };
}

function toPattern(path: PathPattern): RegExp {
  if (path instanceof RegExp) return path;
  const escaped = path.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}
