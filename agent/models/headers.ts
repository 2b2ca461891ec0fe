// Which headers go on between a workspace and a model, by name: nothing else of either side reaches the other. Knows no key.
import type { IncomingHttpHeaders } from 'node:http';

/** What programs say of themselves and of what they want. No authorization, no cookie, no encoding: answers are read here too. */
const ASKED = new Set([
  'accept',
  'anthropic-beta',
  'anthropic-dangerous-direct-browser-access',
  'anthropic-version',
  'content-length',
  'content-type',
  'idempotency-key',
  'openai-beta',
  'originator',
  'session-id',
  'thread-id',
  'user-agent',
  'x-app',
  'x-claude-code-session-id',
  'x-client-request-id',
  'x-codex-beta-features',
  'x-codex-turn-state',
  'x-codex-window-id',
  'x-openai-internal-codex-responses-lite',
  'x-stainless-arch',
  'x-stainless-helper-method',
  'x-stainless-lang',
  'x-stainless-os',
  'x-stainless-package-version',
  'x-stainless-retry-count',
  'x-stainless-runtime',
  'x-stainless-runtime-version',
  'x-stainless-timeout',
]);

const limits = (prefix: string, names: string[], parts: string[]): string[] =>
  names.flatMap((name) => parts.map((part) => `${prefix}-${name}-${part}`));

const ANSWERED = new Set([
  'content-length',
  'content-type',
  'request-id',
  'retry-after',
  'retry-after-ms',
  'x-request-id',
  'x-should-retry',
  'openai-processing-ms',
  'openai-version',
  'x-codex-turn-state',
  ...limits(
    'anthropic-ratelimit',
    ['requests', 'tokens', 'input-tokens', 'output-tokens'],
    ['limit', 'remaining', 'reset'],
  ),
  ...limits('x-ratelimit', ['limit', 'remaining', 'reset'], ['requests', 'tokens']),
]);

const pick = (headers: IncomingHttpHeaders, names: ReadonlySet<string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      names.has(name) && value !== undefined ? [[name, String(value)]] : [],
    ),
  );

export const headersAsked = (headers: IncomingHttpHeaders): Record<string, string> => pick(headers, ASKED);

export const headersAnswered = (headers: IncomingHttpHeaders): Record<string, string> =>
  pick(headers, ANSWERED);
