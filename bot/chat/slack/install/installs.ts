// Whose token is used where: that of the configuration, or of whoever installed the app; installed, rotated, taken back.
// Knows no command and no card.
import type { Logger } from 'pino';
import type { Vault } from '../../../access/vault.ts';
import { messageOf } from '../../../errors.ts';
import type { Route } from '../../../http/routes.ts';
import { createClients, lostToken, type TokenFor } from '../calls.ts';
import type { SlackConfig } from '../config.ts';
import { installRoutes } from './pages.ts';
import * as store from './store.ts';
import { findToken, type Installing } from './tokens.ts';
import type { Executor } from '../../../database/types.ts';

export interface InstallOptions {
  db: Executor;
  config: SlackConfig;
  baseUrl: string;
  /** Needed where the app may be installed in many workspaces. */
  vault?: Vault;
  log: Logger;
}

export interface Installs {
  tokenFor: TokenFor;
  /** What brings a token back that Slack does not take any more; a sentence for the log. */
  remedy: string;
  routes: Route[];
  /** Looks through the stored tokens at the start; says in the log what to do about those that cannot be read. Never throws. */
  check(): Promise<void>;
  /** Slack said that the app was taken away there, and when. */
  forget(team: string, at: Date): Promise<void>;
}

export function createInstalls(options: InstallOptions): Installs {
  const { config, baseUrl, db, vault } = options;
  const { install, botToken } = config;
  if (!install || !vault)
    return {
      tokenFor: () => (botToken ? Promise.resolve(botToken) : Promise.reject(lostToken('not_installed'))),
      remedy: 'Reinstall the app (its page at Slack, OAuth & Permissions), set SLACK_BOT_TOKEN, start again.',
      routes: [],
      check: () => Promise.resolve(),
      forget: () => Promise.resolve(),
    };
  const installing: Installing = {
    refused: new Map(),
    ...options,
    install,
    vault,
    client: createClients(config.apiUrl, options.log),
  };
  const remedy = `Install the app there again: ${baseUrl}/slack/install`;
  return {
    tokenFor: (team) => findToken(installing, team),
    remedy,
    routes: installRoutes(installing),
    check: () => check(installing, remedy),
    forget: (team, at) => store.dropInstallation(db, team, at),
  };
}

async function check({ db, vault, log }: Installing, remedy: string): Promise<void> {
  try {
    const teams = await store.resealInstallations(db, vault);
    if (teams.length > 0)
      log.error(
        { teams },
        `ENCRYPTION_KEY is not the one that sealed the Slack tokens of these workspaces, so nothing can be said there. Set the earlier key behind it (ENCRYPTION_KEY=new,old) and start again. If that one is lost: ${remedy}`,
      );
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'the Slack tokens could not be looked through');
  }
}
