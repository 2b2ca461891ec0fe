// How calls are made: one name at a time, and each within its time. Knows no server.
import { setTimeout as delay } from 'node:timers/promises';
import { fault, toFault } from './errors.ts';

/** Work on one name waits for the work before it, however that ended. */
export function createTurns() {
  const last = new Map<string, Promise<unknown>>();
  return async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const mine = (last.get(name) ?? Promise.resolve()).then(work);
    const end = mine.then(
      () => undefined,
      () => undefined,
    );
    last.set(name, end);
    void end.then(() => last.get(name) === end && last.delete(name));
    return mine;
  };
}

/** What takes too long may still come to its end; only the wait for it ends. */
export async function bounded<T>(operation: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const timer = new AbortController();
  const tooLate = delay(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw fault(operation, true, `no answer within ${timeoutMs} ms.`);
  });
  try {
    return await Promise.race([work(), tooLate]);
  } catch (error) {
    throw toFault(operation, error);
  } finally {
    tooLate.catch(() => undefined);
    timer.abort();
  }
}
