// Ends what runs, whatever it does against it, within a bound: politely first. Knows not how it is found and held: by its control
// group, its user, or the tree that can be traced.
import { setTimeout as delay } from 'node:timers/promises';

export interface Programs {
  /** The numbers of those that live, and that may be signalled. */
  find: () => Promise<number[]>;
  /** All at once, whatever they are doing. Repeatable; never rejects. */
  kill: () => Promise<void>;
}

const POLL_MS = 50;

/**
 * A hang-up and a polite request first; after `graceMs` they are killed, again and again, for `killMs`. How many live on
 * then: what hangs in the kernel, and what cannot be held.
 */
export async function endPrograms(
  programs: Programs[],
  { graceMs = 2_000, killMs = 4_000 } = {},
): Promise<number> {
  const startedAt = performance.now();
  const asked = new Set<number>();
  let isKilled = false;
  for (; ; await delay(POLL_MS)) {
    const left = new Set((await Promise.all(programs.map((one) => one.find()))).flat());
    const spentMs = performance.now() - startedAt;
    // A look takes a while, and misses who is born and gone meanwhile: only what was killed is over.
    if ((left.size === 0 && isKilled) || spentMs > graceMs + killMs) return left.size;
    if (left.size === 0 || spentMs >= graceMs) {
      isKilled = true;
      await Promise.all(programs.map((one) => one.kill()));
      continue;
    }
    // SIGCONT: a stopped process does not hear the others before it.
    for (const pid of left) if (!asked.has(pid)) sendSignals(pid, ['SIGHUP', 'SIGTERM', 'SIGCONT']);
    for (const pid of left) asked.add(pid);
  }
}

export function sendSignals(pid: number, signals: NodeJS.Signals[]): void {
  try {
    for (const signal of signals) process.kill(pid, signal);
  } catch {
    // It ended in between, or is not ours; the next look tells.
  }
}
