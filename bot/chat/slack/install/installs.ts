// Whose token is used where: that of the configuration, or of whoever installed the app; installed, rotated, taken back.
// Knows no command and no card.
import type { Logger } from 'pino';
import type { Vault } from '../../../access/vault.ts';
import { messageOf } from '../../../errors.ts';
import type { Route } from '../../../http/routes.ts';
import { createClients, lostToken, type TokenFor } from '../calls.ts';
import type { SlackConfig } from '../config.ts';
import * as store from './store.ts';
import { findToken, type Installing, readGrant } from './tokens.ts';
import type { Executor } from '../../../database/types.ts';
import { comeBack, type Left } from '../../../workspaces/departures.ts';
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readCookie, setCookie } from '../../../access/people/cookies.ts';
import { hashSecret, newSecret } from '../../../access/secrets.ts';
import { redirect, sendPage, type CalmPage } from '../../../access/people/sign-in-pages.ts';
import { readScopes } from './manifest.ts';

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
  /** Slack said that the app was taken away there, and when. False: it was installed again since. */
  forget(tx: Executor, team: string, at: Date): Promise<boolean>;
}

export function createInstalls(options: InstallOptions): Installs {
  const { config, baseUrl, vault } = options;
  const { install, botToken } = config;
  if (!install || !vault)
    return {
      tokenFor: () => (botToken ? Promise.resolve(botToken) : Promise.reject(lostToken('not_installed'))),
      remedy: 'Reinstall the app (its page at Slack, OAuth & Permissions), set SLACK_BOT_TOKEN, start again.',
      routes: [],
      check: () => Promise.resolve(),
      forget: () => Promise.resolve(true),
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
    forget: store.dropInstallation,
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

const START = '/slack/install';
const BACK = '/slack/oauth_redirect';
const COOKIE = 'sam-slack-install';
const LIFE_SECONDS = 600;

export const installRoutes = (installing: Installing): Route[] => [
  { method: 'GET', path: START, handle: (_req, res) => begin(installing, res) },
  { method: 'GET', path: BACK, handle: (req, res) => finish(installing, req, res) },
];

/** The state is signed, and worth something only in this browser, once. */
async function begin({ baseUrl, config, install }: Installing, res: ServerResponse): Promise<void> {
  const nonce = newSecret();
  const body = `${nonce}.${Math.floor(Date.now() / 1000) + LIFE_SECONDS}`;
  const to = new URL('/oauth/v2/authorize', config.apiUrl);
  to.search = new URLSearchParams({
    client_id: install.clientId,
    scope: (await readScopes()).join(','),
    redirect_uri: `${baseUrl}${BACK}`,
    state: `${body}.${sign(install.stateSecret, body)}`,
  }).toString();
  res.setHeader('set-cookie', setCookie(baseUrl, COOKIE, nonce, LIFE_SECONDS));
  redirect(res, to.href);
}

const sign = (secret: string, body: string): string =>
  createHmac('sha256', secret).update(`sam slack install\0${body}`).digest('base64url');

async function finish(installing: Installing, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { baseUrl } = installing;
  const query = URL.parse(req.url ?? '', baseUrl)?.searchParams;
  const nonce = readCookie(baseUrl, COOKIE, req.headers.cookie);
  const isOurs = await spend(installing, query?.get('state') ?? '', nonce);
  res.setHeader('set-cookie', setCookie(baseUrl, COOKIE, '', 0));
  if (!isOurs) return sendPage(res, notAsked);
  const code = query?.get('code');
  sendPage(res, code ? await exchange(installing, code) : refused);
}

async function spend(
  { db, install }: Installing,
  state: string,
  nonce: string | undefined,
): Promise<boolean> {
  const [given = '', until = '', signature = ''] = state.split('.');
  const wanted = Buffer.from(sign(install.stateSecret, `${given}.${until}`));
  const got = Buffer.from(signature);
  const isSigned = wanted.length === got.length && timingSafeEqual(wanted, got);
  if (!isSigned || given !== nonce || Number(until) * 1000 < Date.now()) return false;
  return store.spendState(db, hashSecret(`slack-install:${given}`), new Date(Number(until) * 1000));
}

async function exchange(installing: Installing, code: string): Promise<CalmPage> {
  const { client, install, baseUrl, db, vault, log, config } = installing;
  try {
    const grant = await client.run('install', undefined, (api) =>
      api.oauth.v2.access({
        client_id: install.clientId,
        client_secret: install.clientSecret,
        code,
        redirect_uri: `${baseUrl}${BACK}`,
      }),
    );
    // Installed for an organisation it has one token for all of its workspaces.
    const where = grant.is_enterprise_install ? grant.enterprise : grant.team;
    if (!where?.id) return failed;
    const team = where.id;
    const installation = readGrant(grant);
    await db.transaction(async (tx) => {
      await store.keepInstallation(tx, vault, team, installation);
      await comeBack(tx, leftAt(team));
    });
    log.info({ team }, 'Slack: installed');
    return done(where.name ?? team, config.command);
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'Slack: an installation did not work');
    return failed;
  }
}

/** All that was asked for in that workspace of Slack's, or that organisation. */
export const leftAt = (team: string): Left => ({
  front: 'slack',
  place: team,
  where: 'Slack',
  at: { chat: { front: 'slack', place: team } },
});

const again = { label: 'Try again', href: START };

const done = (where: string, command: string): CalmPage => ({
  status: 200,
  title: `Sam is in ${where}`,
  text: 'Everyone there can talk to it now; what each of them may do is what they may do on GitHub. In Slack, this says who you are there:',
  command: `${command} connect`,
});

const refused: CalmPage = {
  status: 200,
  title: 'Nothing was installed',
  text: 'At Slack somebody said no, or may not install apps there. Whoever administers the workspace can.',
  next: again,
};

const notAsked: CalmPage = {
  status: 403,
  title: 'This installation was not begun here',
  text: 'It works once, within ten minutes, in the browser where it was begun.',
  next: again,
};

const failed: CalmPage = {
  status: 502,
  title: 'Slack did not give us a token',
  text: 'The log of the bot says why. Nothing was installed.',
  next: again,
};
