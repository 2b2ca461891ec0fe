// The token of each workspace that the Slack app is installed in: read, and renewed in time where tokens rotate.
import type { Logger } from 'pino';
import type { Vault } from '../../../access/vault.ts';
import { messageOf, ProviderError } from '../../../errors.ts';
import { isRefusal, lostToken, type SlackClients } from '../calls.ts';
import type { SlackConfig, SlackInstall } from '../config.ts';
import * as store from './store.ts';
import type { Installation } from './store.ts';
import type { Executor } from '../../../database/types.ts';

export interface Installing {
  db: Executor;
  config: SlackConfig;
  baseUrl: string;
  install: SlackInstall;
  vault: Vault;
  /** Calls that need no token. */
  client: SlackClients;
  /** Where no new token could be had, and until when it is not tried again. */
  refused: Map<string, number>;
  log: Logger;
}

/** Slack's tokens live for twelve hours where they rotate, and an old one lives on beside the new one. */
const RENEW_BEFORE_MS = 2 * 60 * 60_000;

const TRY_AGAIN_MS = 10 * 60_000;

const isOld = ({ expiresAt, refreshToken }: Installation): boolean =>
  expiresAt !== undefined && refreshToken !== undefined && expiresAt - Date.now() < RENEW_BEFORE_MS;

const isOver = ({ expiresAt }: Installation): boolean => expiresAt !== undefined && expiresAt <= Date.now();

export async function findToken(installing: Installing, team: string): Promise<string> {
  const { db, vault, log, refused } = installing;
  const found = await store.findInstallation(db, vault, team);
  if (!found) throw lostToken('not_installed');
  const isHopeless = !isOver(found) && (refused.get(team) ?? 0) > Date.now();
  if (!isOld(found) || isHopeless) return found.token;
  try {
    return await renewToken(installing, team);
  } catch (error) {
    refused.set(team, Date.now() + TRY_AGAIN_MS);
    log.warn({ team, error: messageOf(error) }, 'a new token of Slack’s could not be had');
    if (isOver(found)) throw error;
    return found.token;
  }
}

/** Under a lock of the row: of several bots one asks, and each answer makes the refresh token before it worthless. */
function renewToken(installing: Installing, team: string): Promise<string> {
  const { db, vault } = installing;
  return db.transaction(async (tx) => {
    const found = await store.findInstallation(tx, vault, team, { isLocked: true });
    if (!found) throw lostToken('not_installed');
    if (!isOld(found)) return found.token;
    const next = await askForToken(installing, found);
    await store.replaceInstallation(tx, vault, team, next);
    return next.token;
  });
}

async function askForToken(
  { client, install }: Installing,
  { refreshToken = '' }: Installation,
): Promise<Installation> {
  const { clientId: client_id, clientSecret: client_secret } = install;
  try {
    return readGrant(
      await client.run('renew token', undefined, (api) =>
        api.oauth.v2.access({
          client_id,
          client_secret,
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
        }),
      ),
    );
  } catch (error) {
    // Somebody else used it, or it was taken back: only a person can mend that.
    if (isRefusal(error, ['invalid_refresh_token', 'token_revoked'])) throw lostToken('token_expired');
    throw error;
  }
}

interface Grant {
  access_token?: string;
  refresh_token?: string;
  expires_in?: number;
}

export function readGrant({
  access_token: token,
  refresh_token: refreshToken,
  expires_in: life,
}: Grant): Installation {
  if (!token)
    throw new ProviderError({ provider: 'slack', operation: 'get token', retryable: false }, 'no token came');
  return {
    token,
    ...(refreshToken ? { refreshToken } : {}),
    ...(life ? { expiresAt: Date.now() + life * 1000 } : {}),
  };
}
