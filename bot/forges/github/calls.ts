// What an answer of GitHub's API that is not 2xx means: whether to try again and when. Knows no operation.
import { ProviderError } from '../../errors.ts';
import { MissingPermission, permissionWanted } from './missing-permissions.ts';

interface Refused {
  status: number;
  message: string;
  response?: { headers?: Record<string, string | number | undefined> };
}

const isRefused = (error: unknown): error is Refused =>
  error instanceof Error && 'status' in error && typeof error.status === 'number';

/**
 * Runs the call. Throws ProviderError without the request, which holds a token; with when GitHub wants to be asked again.
 * Where the App was not given a permission it is a MissingPermission.
 */
export async function call<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isRefused(error) || error instanceof ProviderError) throw error;
    throw asProviderError(operation, error);
  }
}

/** The same, with `fallback` where GitHub says that it is not there (404, 410). */
export async function callOr<Result, Fallback>(
  operation: string,
  work: () => Promise<Result>,
  fallback: Fallback,
): Promise<Result | Fallback> {
  try {
    return await call(operation, work);
  } catch (error) {
    if (isGone(error)) return fallback;
    throw error;
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof ProviderError && /^(404|410)$/.test(String(error.cause));

function asProviderError(operation: string, error: Refused): ProviderError {
  const headers = error.response?.headers ?? {};
  const waitMs = waitOf(error, headers);
  const accepted = headers['x-accepted-github-permissions'];
  const missing = permissionWanted(error.status, error.message, accepted?.toString());
  if (missing && waitMs === undefined) return new MissingPermission(operation, missing);
  return new ProviderError(
    {
      provider: 'github',
      operation,
      retryable: waitMs !== undefined || error.status >= 500 || error.status === 429,
      retryAfterMs: waitMs,
    },
    `${error.status} ${error.message.slice(0, 200)}`,
    { cause: error.status },
  );
}

/** Both limits: the primary one names the time of its reset, the secondary one a span. */
function waitOf(
  { status }: Refused,
  headers: Record<string, string | number | undefined>,
): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const after = Number(headers['retry-after']);
  if (after > 0) return after * 1000;
  const reset = Number(headers['x-ratelimit-reset']) * 1000;
  if (String(headers['x-ratelimit-remaining']) !== '0' || !reset) return undefined;
  return Math.max(1000, reset - Date.now());
}
