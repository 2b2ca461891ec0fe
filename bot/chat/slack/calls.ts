// Slack's Web API and response_urls as calls that are tried once; what their errors mean. Knows no command and no card.
import { LogLevel, webApi, type Logger as SlackLogger } from '@slack/bolt';
import type { Logger } from 'pino';
import { messageOf, ProviderError } from '../../errors.ts';
import type { SlackMessage } from './render.ts';
import type { SlackConfig } from './config.ts';

export type SlackClient = webApi.WebClient;

export interface SlackCalls {
  /** Throws ProviderError, without the request; `isRefusal` tells why. */
  call<Result>(
    team: string,
    operation: string,
    work: (client: SlackClient) => Promise<Result>,
  ): Promise<Result>;
  /** Shows it to whoever the address is for, alone. False: the address is used up, too old, or not Slack's. */
  respond(url: string, message: SlackMessage): Promise<boolean>;
}

/** Whose token is used for a workspace of Slack's. Throws where the app is not installed. */
export type TokenFor = (team: string) => Promise<string>;

const TIMEOUT_MS = 10_000;
/** Refusals that pass by themselves. */
const PASSING = [
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'ratelimited',
  'team_added_to_org',
];

/** Slack does not take the token, now or later: only a person can mend that. */
export const LOST_TOKEN = [
  'not_installed',
  'token_revoked',
  'token_expired',
  'invalid_auth',
  'account_inactive',
  'not_authed',
  // Ours: its row cannot be opened.
  'unreadable_token',
] as const;

export interface SlackClients {
  /** `token` undefined: for calls that need none. Throws ProviderError. */
  run<Result>(
    operation: string,
    token: string | undefined,
    work: (client: SlackClient) => Promise<Result>,
  ): Promise<Result>;
}

/** More than that many are of tokens that were renewed since. */
const MAX_CLIENTS = 500;

/** Each call is tried once: the row that wanted it remembers, and tries again. */
export function createClients(apiUrl: string, log: Logger): SlackClients {
  const logger = quietLogger(log);
  const clients = new Map<string, SlackClient>();
  const clientFor = (token: string | undefined): SlackClient => {
    if (clients.size > MAX_CLIENTS) clients.clear();
    const client =
      clients.get(token ?? '') ??
      new webApi.WebClient(token, {
        slackApiUrl: apiUrl,
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
        timeout: TIMEOUT_MS,
        logger,
      });
    clients.set(token ?? '', client);
    return client;
  };
  return {
    async run(operation, token, work) {
      try {
        return await work(clientFor(token));
      } catch (error) {
        throw asProviderError(operation, error);
      }
    },
  };
}

export interface CallOptions {
  config: Pick<SlackConfig, 'apiUrl'>;
  log: Logger;
  tokenFor: TokenFor;
  /** What brings a lost token back; a sentence for the log. */
  remedy: string;
  /** How long a token that Slack did not take is left alone. */
  lostTokenMs: number;
}

export function createSlackCalls({ config, log, tokenFor, remedy, lostTokenMs }: CallOptions): SlackCalls {
  const clients = createClients(config.apiUrl, log);
  const lost = createLost({ log, remedy, lostTokenMs });
  return {
    async call(team, operation, work) {
      const token = await lost.watch(team, () => tokenFor(team));
      return lost.watch(team, () => clients.run(operation, token, work), token);
    },
    respond: (url, message) =>
      isSlacks(config.apiUrl, url) ? respond(url, message) : Promise.resolve(false),
  };
}

/** Whoever needs a lost token waits; Slack is asked now and then, and the log says once what to do. */
function createLost({ log, remedy, lostTokenMs }: Pick<CallOptions, 'log' | 'remedy' | 'lostTokenMs'>) {
  const lost = new Map<string, { token: string | undefined; until: number; code: string }>();
  return {
    async watch<Result>(team: string, work: () => Promise<Result>, token?: string): Promise<Result> {
      const known = lost.get(team);
      // Another token is another try.
      if (known && token !== undefined && known.token === token && known.until > Date.now())
        throw lostToken(known.code, known.until - Date.now());
      try {
        const result = await work();
        if (token !== undefined) lost.delete(team);
        return result;
      } catch (error) {
        if (!isRefusal(error, LOST_TOKEN)) throw error;
        const code = String((error as ProviderError).cause);
        if (!known || known.token !== token)
          log.error({ team, says: code }, `${whyLost(code)}, so cards wait. ${remedy}`);
        lost.set(team, { token, until: Date.now() + lostTokenMs, code });
        throw lostToken(code, lostTokenMs);
      }
    },
  };
}

const whyLost = (code: string): string =>
  code === 'unreadable_token'
    ? 'The token for that workspace was sealed with another ENCRYPTION_KEY'
    : 'Slack does not let us speak there';

/** It waits for a person; the row that wanted it comes back. */
export const lostToken = (code: string, retryAfterMs = 60_000): ProviderError =>
  fault('use token', code, { retryable: true, retryAfterMs }, code);

/** `hooks.` of where the API is; a Slack of a test has one address for all. */
function isSlacks(apiUrl: string, url: string): boolean {
  const [api, hook] = [new URL(apiUrl), URL.parse(url)];
  return (
    hook?.origin === `https://hooks.${api.host}` || (api.protocol === 'http:' && hook?.origin === api.origin)
  );
}

async function respond(url: string, message: SlackMessage): Promise<boolean> {
  const body = {
    response_type: 'ephemeral',
    replace_original: false,
    unfurl_links: false,
    unfurl_media: false,
  };
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...message, ...body }),
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw fault('respond', messageOf(cause), { retryable: true });
  });
  const text = await response.text();
  if (response.status === 429)
    throw fault('respond', 'ratelimited', {
      retryable: true,
      retryAfterMs: waitOf(response.headers.get('retry-after')),
    });
  if (response.status >= 500) throw fault('respond', String(response.status), { retryable: true });
  return response.ok && !text.includes('"ok":false');
}

const waitOf = (seconds: string | null): number => (Number(seconds) > 0 ? Number(seconds) * 1000 : 30_000);

const fault = (
  operation: string,
  message: string,
  more: { retryable: boolean; retryAfterMs?: number },
  cause?: string,
): ProviderError =>
  new ProviderError({ provider: 'slack', operation, ...more }, message.slice(0, 200), cause ? { cause } : {});

function asProviderError(operation: string, error: unknown): Error {
  if (error instanceof webApi.WebAPIRateLimitedError)
    return fault(
      operation,
      'ratelimited',
      { retryable: true, retryAfterMs: error.retryAfter * 1000 },
      'ratelimited',
    );
  if (error instanceof webApi.WebAPIPlatformError) {
    const code = error.data.error;
    return fault(operation, code, { retryable: PASSING.includes(code) }, code);
  }
  if (error instanceof webApi.WebAPIHTTPError)
    return fault(operation, `${error.statusCode}`, { retryable: error.statusCode >= 500 });
  if (error instanceof webApi.WebAPIRequestError)
    return fault(operation, messageOf(error.original), { retryable: true });
  return error instanceof Error ? error : new Error(String(error));
}

/** Whether Slack said one of these codes. */
export const isRefusal = (error: unknown, codes: readonly string[]): boolean =>
  error instanceof ProviderError && error.provider === 'slack' && codes.includes(String(error.cause));

/** The bot cannot speak there, now or later. */
export const CLOSED_ROOM = [
  'not_in_channel',
  'channel_not_found',
  'is_archived',
  'user_not_in_channel',
  'restricted_action',
  'restricted_action_read_only_channel',
  'messages_tab_disabled',
] as const;

/** The bot cannot speak with that person alone, now or later. */
export const UNREACHABLE = [...CLOSED_ROOM, 'user_not_found', 'user_disabled', 'cannot_dm_bot'] as const;

/** The SDK's own words, cut short: payloads hold what people said. */
export function quietLogger(log: Logger): SlackLogger {
  const say = (level: 'warn' | 'error') => (first: unknown) =>
    log[level]({ says: messageOf(first).slice(0, 300) }, 'Slack’s SDK has a word');
  return {
    debug: () => {},
    info: () => {},
    warn: say('warn'),
    error: say('error'),
    setLevel: () => {},
    getLevel: () => LogLevel.WARN,
    setName: () => {},
  };
}
