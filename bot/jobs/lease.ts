// Keeps a row for whoever works on it, for as long as that takes: a vendor's pace may make one comment wait for many. Knows no
// row and no vendor.
import type { Logger } from 'pino';
import { messageOf } from '../errors.ts';

/** How long a row is its worker's alone. Whoever dies with it is missed for no longer. */
export const LEASE_MS = 30_000;

/** So that a renewal that could not be written is not missed. */
const RENEW_EVERY_MS = LEASE_MS / 3;
/** Whatever takes longer than this hangs, and another try is better. */
const MAX_WORK_MS = 5 * 60_000;

export interface LeaseOptions {
  log: Logger;
  /** Tests pass their own. */
  everyMs?: number | undefined;
}

/** Does the work, and renews its lease now and then until it is over. */
export async function whileHeld<Result>(
  renew: () => Promise<void>,
  work: () => Promise<Result>,
  { log, everyMs = RENEW_EVERY_MS }: LeaseOptions,
): Promise<Result> {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - startedAt >= MAX_WORK_MS) return;
    // What cannot be renewed runs out, as if nobody had tried.
    renew().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'a lease was not renewed'));
  }, everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
