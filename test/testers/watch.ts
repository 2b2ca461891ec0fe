// Waiting for a condition, looked at again whenever something happened, with a deadline that says what was missing.
import { setTimeout as delay } from 'node:timers/promises';
import { PATIENCE_MS } from '../until.ts';

export function createWatch() {
  const waiting = new Set<() => void>();
  return {
    changed() {
      for (const look of waiting) look();
    },
    /** The first truthy value of `find`. */
    until<Value>(
      find: () => Value | undefined | false,
      what: () => string,
      deadlineMs = PATIENCE_MS,
    ): Promise<Value> {
      const { promise, resolve, reject } = Promise.withResolvers<Value>();
      const timer = setTimeout(() => {
        waiting.delete(look);
        reject(new Error(`waited in vain for ${what()}`));
      }, deadlineMs);
      const look = () => {
        const value = find();
        if (!value) return;
        waiting.delete(look);
        clearTimeout(timer);
        resolve(value);
      };
      waiting.add(look);
      look();
      return promise;
    },
  };
}

/** For what tells nobody when it changes: files and processes. */
export async function eventually<Value>(
  find: () => Value | undefined | false | Promise<Value | undefined | false>,
  what: string,
  deadlineMs = PATIENCE_MS,
): Promise<Value> {
  for (const startedAt = performance.now(); performance.now() - startedAt < deadlineMs; await delay(20)) {
    const value = await find();
    if (value) return value;
  }
  throw new Error(`waited in vain for ${what}`);
}
