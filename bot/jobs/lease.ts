// Keeps a row for whoever works on it, for as long as that takes: a vendor's pace may make one comment wait for many. Knows no
// row and no vendor.

/** A third of a lease, so that one that could not be written is not missed. */
const RENEW_EVERY_MS = 10_000;
/** Whatever takes longer than this hangs, and another try is better. */
const LONGEST_MS = 5 * 60_000;

/** Does the work, and renews its lease now and then until it is over. */
export async function whileHeld<Result>(
  renew: () => Promise<void>,
  work: () => Promise<Result>,
  everyMs = RENEW_EVERY_MS,
): Promise<Result> {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    // What cannot be renewed runs out, as if nobody had tried.
    if (performance.now() - startedAt < LONGEST_MS) renew().catch(() => {});
  }, everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
