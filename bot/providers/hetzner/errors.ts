// What Hetzner refused, as sentences. Knows no call; keeps nothing of an error but what was checked.
import { ProviderError } from '../../errors.ts';

export interface Refusal {
  /** 0: no answer came. */
  status: number;
  /** Hetzner's own, or that of the system if no answer came. */
  code: string;
  /** What Hetzner says about it; shown only if we have no sentence of our own. */
  detail: string;
  retryAfterMs: number | undefined;
  /** Losing the answer does no harm: the call reads, or may be repeated as it is. */
  isSafe: boolean;
}

interface Verdict {
  retryable: boolean;
  message: string;
  /** Although it was refused, something may be there. */
  isUnclear?: boolean;
  isQuota?: true;
  retryAfterMs?: number;
}

const TOKEN = 'Put an API token of the project with "Read & Write" into HCLOUD_TOKEN.';

/** https://docs.hetzner.cloud/reference/cloud#errors. Codes, not statuses: several share one. */
const VERDICTS: Record<string, Verdict> = {
  unauthorized: { retryable: false, message: `Hetzner does not accept the token. ${TOKEN}` },
  token_readonly: { retryable: false, message: `the token may only read. ${TOKEN}` },
  forbidden: { retryable: false, message: `the token may not do this. ${TOKEN}` },
  resource_limit_exceeded: {
    retryable: false,
    isQuota: true,
    message:
      'the Hetzner project has reached its limit of servers or addresses. Delete what nobody needs, or ask for a ' +
      'higher limit in the Hetzner Console under Limits.',
  },
  uniqueness_error: { retryable: true, message: 'something of this name already exists.', isUnclear: true },
  locked: {
    retryable: true,
    message: 'the server is locked while something else is being done to it.',
    retryAfterMs: 3_000,
  },
  conflict: { retryable: true, message: 'somebody else changed it at the same moment.' },
  protected: {
    retryable: false,
    message: 'the server is protected. Take its protection away in the Hetzner Console.',
  },
  rate_limit_exceeded: { retryable: true, message: 'too many calls in this hour.' },
  maintenance: { retryable: true, message: 'Hetzner is under maintenance.' },
};

/** Codes that say that there is no such thing. */
export const NOT_FOUND: ReadonlySet<string> = new Set(['not_found']);

/** Codes that say that another location may do. */
export const NO_ROOM: ReadonlySet<string> = new Set([
  'resource_unavailable',
  'placement_error',
  'no_space_left_in_location',
]);

/** The request never left this machine. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH']);

const TOO_LATE = new Set(['ECONNABORTED', 'ETIMEDOUT', 'ERR_CANCELED']);

export function fault(
  operation: string,
  { retryable, hadNoEffect = true, retryAfterMs }: Pick<ProviderError, 'retryable'> & FaultOptions,
  message: string,
): ProviderError {
  return new ProviderError({ provider: 'hetzner', operation, retryable, hadNoEffect, retryAfterMs }, message);
}

interface FaultOptions {
  hadNoEffect?: boolean;
  retryAfterMs?: number | undefined;
}

/** An error that came of a call, with the code for those who know more about it. */
export class CallError extends ProviderError {
  readonly code: string;
  constructor(fault: ConstructorParameters<typeof ProviderError>[0] & { code: string }, message: string) {
    super(fault, message);
    this.code = fault.code;
  }
}

export function toFault(operation: string, refusal: Refusal): CallError {
  const { retryable, message, isUnclear = false, isQuota, retryAfterMs } = judge(refusal);
  return new CallError(
    {
      provider: 'hetzner',
      operation,
      code: refusal.code,
      retryable,
      isQuota,
      hadNoEffect: refusal.isSafe || (isRefused(refusal) && !isUnclear),
      retryAfterMs: refusal.retryAfterMs ?? retryAfterMs,
    },
    message,
  );
}

/** A 4xx is a "no". Whatever stands between us and Hetzner may have passed the call on and lost the answer. */
const isRefused = ({ status, code }: Refusal): boolean =>
  NOT_SENT.has(code) || (status >= 400 && status < 500 && status !== 408);

function judge({ status, code, detail }: Refusal): Verdict {
  if (status === 0) return { retryable: true, message: describeSilence(code) };
  const known = Object.hasOwn(VERDICTS, code) ? VERDICTS[code] : undefined;
  if (known) return known;
  if (status === 401) return VERDICTS['unauthorized'] as Verdict;
  if (status === 429) return VERDICTS['rate_limit_exceeded'] as Verdict;
  const retryable = status < 400 || status >= 500 || status === 408 || status === 423;
  return { retryable, message: `Hetzner answered ${status} ${code}${detail && `: ${detail}`}` };
}

function describeSilence(code: string): string {
  if (NOT_SENT.has(code)) return `Hetzner cannot be reached (${code}).`;
  if (TOO_LATE.has(code)) return 'no answer from Hetzner in time.';
  return `the connection to Hetzner broke (${code}).`;
}
