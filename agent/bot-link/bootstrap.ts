// The node's identity and its token: one key for life, a token renewed at half of its own. Knows no workspace.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CompactSign, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { backoffMs } from './backoff.ts';
import { findJson, writeJson } from '../system/files.ts';
import { describeError, type Log } from '../log.ts';
import { parseBootstrap } from './messages.ts';
import type { Bootstrap } from '../protocol.ts';

const REQUEST_TIMEOUT_MS = 15_000;
const SLOW_RETRY_MS = 30_000;

export interface Credentials {
  /** The newest answer of the bot; its token may be used as it is. */
  current: () => Bootstrap;
  /** Asks for a new token, for as long as that takes. Calls at the same time share one request. */
  renew: () => Promise<Bootstrap>;
}

export interface CredentialsOptions {
  samUrl: string;
  node: string;
  bootstrapToken: string | undefined;
  dir: string;
  log: Log;
  /** Ends every waiting; the promises then reject. */
  signal: AbortSignal;
  /** How to wait, for tests. */
  wait?: (ms: number) => Promise<unknown>;
}

/** Blocks until the bot has answered once: with no token there is nothing an agent could do. */
export async function createCredentials(options: CredentialsOptions): Promise<Credentials> {
  const key = await loadKey(join(options.dir, 'agent-key.json'));
  const wait = options.wait ?? ((ms: number) => delay(ms, undefined, { signal: options.signal }));
  const ask = () => obtain({ ...options, key, wait });
  let current = await ask();
  let asking: Promise<Bootstrap> | undefined;
  const renew = () => {
    asking ??= ask()
      .then((answer) => (current = answer))
      .finally(() => (asking = undefined));
    return asking;
  };
  void renewAtHalfLife(() => current, renew, options);
  return { current: () => current, renew };
}

async function renewAtHalfLife(
  current: () => Bootstrap,
  renew: () => Promise<Bootstrap>,
  { signal, log }: CredentialsOptions,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await delay(current().settings.tokenLifeMs / 2, undefined, { signal });
      await renew();
      log.info('the node token is renewed');
    } catch (error) {
      if (!signal.aborted) log.error('renewing the node token broke', { error: describeError(error) });
    }
  }
}

/** The key lies in one file that is written once: a node that loses it can never prove who it is again. */
async function loadKey(path: string): Promise<JWK> {
  const kept = await findJson(path);
  if (kept !== undefined) return kept as JWK;
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const key = await exportJWK(privateKey);
  await writeJson(path, key);
  return key;
}

type Ask = CredentialsOptions & { key: JWK; wait: (ms: number) => Promise<unknown> };

async function obtain(ask: Ask): Promise<Bootstrap> {
  const boundPath = join(ask.dir, 'bound.json');
  for (let attempt = 0; ; attempt++) {
    const isBound = (await findJson(boundPath).catch(() => undefined)) === ask.node;
    const answer = await askBoth(ask, isBound);
    if (typeof answer === 'object') {
      if (!isBound) await rememberBound(ask, boundPath);
      return answer;
    }
    await ask.wait(answer === 'unknown' ? SLOW_RETRY_MS : backoffMs(attempt, 1_000, 30_000));
  }
}

/** Only an order of asking: a node that forgets it asks in vain once more. */
async function rememberBound({ node, log }: Ask, path: string): Promise<void> {
  await writeJson(path, node).catch((error: unknown) =>
    log.warn('that this node is bound was not saved', { error: describeError(error) }),
  );
}

/** `unknown`: the bot answered, and knows neither the token nor the key; `failed`: try again soon. */
async function askBoth(ask: Ask, isBound: boolean): Promise<Bootstrap | 'unknown' | 'failed'> {
  const ways = [redeem, askAgain];
  if (isBound) ways.reverse();
  try {
    for (const way of ways) {
      const answer = await way(ask);
      if (answer !== undefined) return answer;
    }
    ask.log.error('the bot does not know this node; still trying', { node: ask.node });
    return 'unknown';
  } catch (error) {
    if (ask.signal.aborted) throw error;
    ask.log.warn('the bot gave no token; trying again', { error: describeError(error) });
    return 'failed';
  }
}

async function redeem(ask: Ask): Promise<Bootstrap | undefined> {
  if (ask.bootstrapToken === undefined) return undefined;
  return post(ask, '/api/bootstrap', { authorization: `Bearer ${ask.bootstrapToken}` });
}

async function askAgain(ask: Ask): Promise<Bootstrap | undefined> {
  return post(ask, '/agent/token', {});
}

/** Undefined for a 404; throws on everything else that is not an answer. */
async function post(ask: Ask, path: string, headers: Record<string, string>): Promise<Bootstrap | undefined> {
  const response = await fetch(`${ask.samUrl}${path}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/jose' },
    body: await signRequest(ask.node, ask.key),
    signal: AbortSignal.any([ask.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    redirect: 'error',
  });
  const text = await response.text();
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${path}: the bot answered ${response.status}`);
  return parseBootstrap(text);
}

async function signRequest(node: string, key: JWK): Promise<string> {
  const { d: _secret, ...jwk } = key;
  const claims = JSON.stringify({ node, iat: Math.floor(Date.now() / 1000) });
  return new CompactSign(new TextEncoder().encode(claims))
    .setProtectedHeader({ alg: 'EdDSA', jwk })
    .sign(await importJWK(key, 'EdDSA'));
}
