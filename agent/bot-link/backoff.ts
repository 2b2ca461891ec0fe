// How long to wait before trying again. Pure, but for the dice.

/** Doubles from `firstMs` to `maxMs`; half of it is random, so that many agents do not come back at once. */
export function backoffMs(attempt: number, firstMs: number, maxMs: number, random = Math.random): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 20));
  return ceiling / 2 + (ceiling / 2) * random();
}
