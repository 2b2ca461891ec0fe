// How long things may take. Every deadline derives from one base, so that none can outlive the one it waits for.

/** All in milliseconds. */
export interface Timing {
  /** The longest a call to a provider may take before we give up on its answer. */
  callTimeoutMs: number;
  /** A create that got no answer may still land for this long; only then is absence believed. */
  quietMs: number;
  /** How long a provider may go on failing to make a server: some tries, each with its quiet period. */
  creatingMs: number;
  bootMs: number;
  /** How long a machine that missed that is kept: it may call all the same. A bootstrap token lives no longer than both. */
  rescueMs: number;
  /** Longer than making and booting together: the node's own failure says more than "not in time". */
  provisioningMs: number;
  preparingMs: number;
  stoppingMs: number;
  /** How long the agent may look for work that a delete would lose, and then delete. */
  deletingMs: number;
  /** How much longer it may take when the agent saves work before; less than its own limit for a push. */
  savingMs: number;
  /** An unknown server younger than this is left alone by the sweep. */
  graceMs: number;
  /** How often nodes are asked whether they are there. */
  heartbeatMs: number;
  /** Silence after which a node counts as unhealthy: three missed heartbeats. */
  silenceMs: number;
  /** How long before its expiry a workspace says so. */
  warningMs: number;
  /** Between saying what an automatic deletion would lose, and deleting. */
  lastCallMs: number;
  /** How soon a pass looks again while the outside world has to move; see `nextLook`. */
  lookAgainMs: number;
  /** The same, right after it was asked to do something. */
  lookSoonMs: number;
  /** After the first error of a row; doubles with each further one. */
  firstRetryMs: number;
  longestRetryMs: number;
  /** Between two edits of a card, in the long run: vendors count them. */
  cardPaceMs: number;
  /** How old what was read of a repository's settings may be. */
  settingsKeptMs: number;
  /** How long a turn may wait for its agent to begin it: a coding agent is brought first. */
  turnStartMs: number;
  /** How much later than it should a turn may be said to have ended. */
  turnEndMs: number;
}

/** `baseMs` is 30 s; tests take less. */
export function timingFrom(baseMs = 30_000): Timing {
  return {
    callTimeoutMs: baseMs,
    quietMs: 4 * baseMs,
    creatingMs: 12 * baseMs,
    bootMs: 24 * baseMs,
    rescueMs: 6 * baseMs,
    provisioningMs: 40 * baseMs,
    preparingMs: 60 * baseMs,
    stoppingMs: 4 * baseMs,
    deletingMs: 4 * baseMs,
    savingMs: 20 * baseMs,
    graceMs: 20 * baseMs,
    heartbeatMs: baseMs / 2,
    silenceMs: 1.5 * baseMs,
    warningMs: 60 * baseMs,
    lastCallMs: 2880 * baseMs,
    lookAgainMs: baseMs / 10,
    lookSoonMs: baseMs / 60,
    firstRetryMs: baseMs / 30,
    longestRetryMs: 2 * baseMs,
    cardPaceMs: 0.4 * baseMs,
    settingsKeptMs: 2 * baseMs,
    turnStartMs: 30 * baseMs,
    turnEndMs: 4 * baseMs,
  };
}

/**
 * When to look again at what has to move: soon at first, then after a quarter of the time it has taken already, and at last
 * ten times as seldom. A provider's calls are counted, and something that hangs must not use them up.
 */
export function nextLook(since: Date, now: Date, { lookAgainMs }: Timing, firstMs = lookAgainMs): Date {
  const pauseMs = (now.getTime() - since.getTime()) / 4;
  return later(now, Math.min(10 * lookAgainMs, Math.max(firstMs, pauseMs)));
}

export const later = (from: Date, ms: number): Date => new Date(from.getTime() + ms);
export const isPast = (moment: Date, now: Date): boolean => moment.getTime() <= now.getTime();

/** How long to wait after the n-th error in a row: 1 s, 2 s, 4 s … 60 s. */
export const backoffMs = (attempts: number, { firstRetryMs, longestRetryMs }: Timing): number =>
  Math.min(longestRetryMs, firstRetryMs * 2 ** Math.max(0, attempts - 1));
