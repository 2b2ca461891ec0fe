// Waiting in tests: for a condition, with a deadline; never for a time.
import { setTimeout as delay } from 'node:timers/promises';

/** How long a test waits for what must come. It says nothing about how long things may take: machines are shared. */
export const PATIENCE_MS = 60_000;

/** Asks again every 10 ms; throws after `deadlineMs`. */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  deadlineMs = PATIENCE_MS,
): Promise<void> {
  for (const giveUpAt = Date.now() + deadlineMs; !(await isTrue()); await delay(10)) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${deadlineMs} ms: ${isTrue.toString()}`);
  }
}
