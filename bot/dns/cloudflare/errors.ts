// What Cloudflare refused, as sentences. Knows no record; keeps nothing of the SDK's errors but what was checked.
import { APIConnectionTimeoutError, APIError, APIUserAbortError } from 'cloudflare';
import { ProviderError } from '../../errors.ts';

/** An identical record is there; https://github.com/simplesurance/cfdns/pull/17 saw 81057 before. */
const DUPLICATE = new Set([81_057, 81_058]);
const GONE = 81_044;

const TOKEN =
  'Put an API token with "Zone / DNS / Edit" and "Zone / SSL and Certificates / Edit" for the zone into ' +
  'CLOUDFLARE_API_TOKEN, and the id of that zone into CLOUDFLARE_ZONE_ID.';

export const isDuplicate = (error: unknown): boolean => codesOf(error).some((code) => DUPLICATE.has(code));

export const isGone = (error: unknown): boolean =>
  error instanceof APIError && (codesOf(error).includes(GONE) || (error.status === 404 && isAnswer(error)));

export function fault(
  operation: string,
  options: { retryable: boolean; hadNoEffect?: boolean; retryAfterMs?: number | undefined },
  message: string,
): ProviderError {
  return new ProviderError({ provider: 'cloudflare', operation, hadNoEffect: true, ...options }, message);
}

/** Never with the original as cause: it came from a request that holds the token. */
export function toFault(operation: string, error: unknown, secrets: string[]): unknown {
  if (isTooLate(error))
    return fault(operation, { retryable: true, hadNoEffect: false }, 'no answer from Cloudflare in time.');
  if (error instanceof APIError) return describe(operation, error, secrets);
  if (error instanceof ProviderError || !isTransport(error)) return error;
  return fault(operation, { retryable: true, hadNoEffect: false }, 'Cloudflare sent no answer we can read.');
}

function describe(operation: string, error: APIError, secrets: string[]): ProviderError {
  const { status } = error;
  if (status === undefined)
    return fault(
      operation,
      { retryable: true, hadNoEffect: false },
      'the connection to Cloudflare failed or broke.',
    );
  if (status === 401 || status === 403)
    return fault(operation, { retryable: false }, `Cloudflare does not accept the token. ${TOKEN}`);
  if (status === 429)
    return fault(
      operation,
      { retryable: true, retryAfterMs: retryAfterMs(error) },
      'too many calls to Cloudflare in five minutes.',
    );
  const isRefusal = status >= 400 && status < 500 && status !== 408;
  const said = error.errors?.[0];
  const detail = said ? ` ${said.code ?? ''}: ${scrub(said.message ?? '', secrets)}` : '';
  return fault(
    operation,
    { retryable: !isRefusal, hadNoEffect: isRefusal, retryAfterMs: retryAfterMs(error) },
    `Cloudflare answered ${status}${detail}`,
  );
}

const isTooLate = (error: unknown): boolean =>
  error instanceof APIUserAbortError ||
  error instanceof APIConnectionTimeoutError ||
  (error instanceof DOMException && error.name === 'TimeoutError');

/** An answer of the API, and not of something in between. */
const isAnswer = (error: APIError): boolean => codesOf(error).length > 0;

const codesOf = (error: unknown): number[] =>
  error instanceof APIError && Array.isArray(error.errors)
    ? error.errors.flatMap(({ code }) => code ?? [])
    : [];

/** What fetch and JSON.parse throw while the SDK reads an answer. */
const isTransport = (error: unknown): boolean =>
  error instanceof SyntaxError ||
  error instanceof DOMException ||
  (error instanceof TypeError && /fetch|terminated|network/i.test(error.message));

function retryAfterMs({ headers }: APIError): number | undefined {
  const seconds = Number(headers?.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(3_600, seconds) * 1_000 : undefined;
}

function scrub(text: string, secrets: string[]): string {
  const open = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[…]'), text);
  return open
    .replace(/\p{C}+|\s+/gu, ' ')
    .trim()
    .slice(0, 200);
}
