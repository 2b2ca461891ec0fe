// The errors that have a meaning. Everything else that is thrown is a bug, and people see only a reference to the log.
import type { RefusalCodes, Said } from './codes.ts';

/** Something a person can mend. What is said of it is made of code and details where it is shown: chat/wording.ts. */
export class UserError<Code extends keyof RefusalCodes = keyof RefusalCodes> extends Error {
  override readonly name = 'UserError';
  readonly code: Code;
  readonly details: RefusalCodes[Code];
  constructor(code: Code, details: RefusalCodes[Code], options?: ErrorOptions) {
    super(code, options);
    this.code = code;
    this.details = details;
  }
  get said(): Said<RefusalCodes> {
    return { code: this.code, details: this.details } as Said<RefusalCodes>;
  }
}

/** The account may have no more; or it shows no trace of this installation, not even of that machine. */
type Cure = { kind: 'quota' } | { kind: 'account'; machine: string };

/** A call to a cloud that did not work. The row keeps it; `retryable` decides between backoff and `failed`. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly provider: string;
  readonly operation: string;
  readonly retryable: boolean;
  /** How long the provider asks us to wait, in ms. */
  readonly retryAfterMs: number | undefined;
  /**
   * Certainly nothing came of the call, now or later, and nothing of its name is there because of it: the same call
   * may be repeated without a look or a quiet period. False in doubt, and for "already exists".
   */
  readonly hadNoEffect: boolean;
  /** What of it people can mend, and have to be told how. */
  readonly cure: Cure | undefined;
  constructor(
    fault: {
      provider: string;
      operation: string;
      retryable: boolean;
      retryAfterMs?: number | undefined;
      hadNoEffect?: boolean;
      cure?: Cure | undefined;
    },
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${fault.provider}: ${fault.operation}: ${message}`, options);
    this.provider = fault.provider;
    this.operation = fault.operation;
    this.retryable = fault.retryable;
    this.retryAfterMs = fault.retryAfterMs;
    this.hadNoEffect = fault.hadNoEffect ?? false;
    this.cure = fault.cure;
  }
}

/** Sam cannot start, or not go on. `message` says what is wrong and what to do; main prints it alone and exits with 1. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** How long the provider asks us to wait; undefined: it did not say. */
export const waitMs = (error: unknown): number | undefined =>
  error instanceof ProviderError ? error.retryAfterMs : undefined;

const DAY_MS = 24 * 60 * 60_000;

/** Whether it makes no sense to try again what was asked for `since`: it was refused for good, or it is too old. */
export const isHopeless = (error: unknown, since: Date): boolean =>
  (error instanceof ProviderError && !error.retryable) || Date.now() - since.getTime() > DAY_MS;

/** What a statement was given: people's words, and more than a log should know. */
const PARAMETERS = /\nparams: [^]*$/;

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(PARAMETERS, '') : String(error);
}
