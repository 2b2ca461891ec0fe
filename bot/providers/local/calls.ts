// How calls are made: one name at a time, each within its time, and what their failures tell. Knows no server.
import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError } from '../../errors.ts';
import { BROKEN, codeOf } from './folders.ts';

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

export function fault(
  operation: string,
  retryable: boolean,
  message: string,
  options?: ErrorOptions,
): ProviderError {
  return new ProviderError({ provider: 'local', operation, retryable }, message, options);
}

/** A bug stays what it is: an error without a code of the system's. */
export function toFault(operation: string, error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof ProviderError || code === undefined) return error;
  const { message, isLasting = false } = describe(code, error as NodeJS.ErrnoException);
  // What makes servers may give up; what looks and what removes goes on until it knows.
  const retryable = !isLasting || !['create', 'start'].includes(operation);
  return fault(operation, retryable, message, { cause: error });
}

function describe(
  code: string,
  { path = 'the data folder', syscall = '' }: NodeJS.ErrnoException,
): { message: string; isLasting?: boolean } {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return { message: 'the disk is full. Free some space on the disk of DATA_DIR.' };
    case 'EAGAIN':
    case 'ENOMEM':
    case 'EMFILE':
    case 'ENFILE':
      return { message: `this machine has no room for another process or open file (${code}).` };
    case 'EACCES':
    case 'EPERM':
      return {
        message: `no permission for ${path}. It must belong to the user that the bot runs as.`,
        isLasting: true,
      };
    case 'EROFS':
      return { message: `${path} is on a disk that is mounted read-only.`, isLasting: true };
    case 'ENOENT':
      if (!syscall.startsWith('spawn')) break;
      return { message: `the agent's program is not there: ${path}.`, isLasting: true };
    case BROKEN:
      return { message: `${path} is damaged. Repair it, or delete its folder if nothing runs there.` };
  }
  return { message: `${syscall || 'a call'} failed for ${path} (${code}).` };
}
