// GET /setup, for a bot that has no GitHub App yet: makes one at GitHub and keeps its credentials. Gone once there is an App.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { readCookie, setCookie } from '../../access/people/cookies.ts';
import { codeRoute } from '../../access/people/sign-in-pages.ts';
import { isSameSecret, newSecret } from '../../access/secrets.ts';
import { messageOf } from '../../errors.ts';
import { ConversionError, convertCode, readManifest, type NewApp } from '../../forges/github/manifest.ts';
import { saveApp, savedAppPath } from '../../forges/github/saved-app.ts';
import type { Route } from '../../http/routes.ts';
import { randomBase32 } from '../../ids.ts';
import * as pages from './setup-pages.ts';

export interface SetupOptions {
  /** The bot as browsers and GitHub reach it. */
  baseUrl: string;
  /** github.com, or an Enterprise server. */
  server: { url: string; apiUrl: string };
  /** What must be mended before a start with GitHub on would go through. */
  obstacles: string[];
  dataDir: string;
  log: Pick<Logger, 'info' | 'warn'>;
}

export interface Setup {
  routes: Route[];
  /** The page with its code: for whoever started the bot, and nobody else. */
  url: string;
}

const PATH = '/setup';
const DONE = '/setup/done';
const COOKIE = 'sam-setup';
const LIFE_SECONDS = 60 * 60;
const ORGANIZATION = /^[a-z\d](?:[a-z\d-]{0,38})$/i;

interface OpenSetup extends SetupOptions {
  /** Undefined: spent. */
  code: string | undefined;
  /** The cookies of those who had it. */
  letIn: Set<string>;
}

export function createSetup(options: SetupOptions): Setup {
  const code = randomBase32(20);
  const setup: OpenSetup = { ...options, code, letIn: new Set() };
  return {
    url: `${options.baseUrl}${PATH}#${code}`,
    routes: [
      { method: 'GET', path: PATH, handle: (req, res) => show(setup, req, res) },
      codeRoute(options.baseUrl, PATH, (given, _req, res) => take(setup, given, res)),
      { method: 'GET', path: DONE, handle: (req, res) => finish(setup, req, res) },
    ],
  };
}

/** The code's 100 bits need no lock, which others could close for whoever has it. What comes back from GitHub belongs to this browser; the state alone, which GitHub knows, finishes nothing. */
function take(setup: OpenSetup, given: string, res: ServerResponse): string {
  if (setup.code === undefined || !isSameSecret(given, setup.code)) return PATH;
  const secret = newSecret();
  setup.letIn.add(secret);
  res.setHeader('set-cookie', setCookie(setup.baseUrl, COOKIE, secret, LIFE_SECONDS));
  return PATH;
}

/** The cookie of whoever had the code. No code, a wrong one and a spent one look the same. */
function secretOf(setup: OpenSetup, req: IncomingMessage): string | undefined {
  const secret = readCookie(setup.baseUrl, COOKIE, req.headers.cookie);
  return secret !== undefined && setup.code !== undefined && setup.letIn.has(secret) ? secret : undefined;
}

async function show(setup: OpenSetup, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const query = queryOf(setup, req);
  const secret = secretOf(setup, req);
  if (secret === undefined) return pages.sendNothing(res);
  if (setup.obstacles.length > 0) return pages.sendObstacles(res, setup.obstacles);
  const asked = query.get('org')?.trim() ?? '';
  const organization = ORGANIZATION.test(asked) ? asked : undefined;
  const where = organization ? `/organizations/${organization}` : '';
  pages.sendForm(res, {
    action: `${setup.server.url}${where}/settings/apps/new?state=${stateOf(secret)}`,
    manifest: await readManifest(setup.baseUrl, DONE),
    organization,
    isWrongOrganization: asked !== '' && !organization,
    host: new URL(setup.server.url).host,
    file: savedAppPath(setup.dataDir),
  });
}

async function finish(setup: OpenSetup, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const query = queryOf(setup, req);
  const secret = secretOf(setup, req);
  if (secret === undefined || !isSameSecret(query.get('state') ?? '', stateOf(secret)))
    return pages.sendNothing(res);
  const app = await convert(setup, query.get('code') ?? '');
  if (!('credentials' in app)) return pages.sendFailure(res, { ...app, again: PATH });
  await saveApp(setup.dataDir, app.credentials);
  setup.code = undefined;
  setup.log.info({ app: app.slug }, 'a GitHub App was made; it is used from the next start on');
  res.setHeader('set-cookie', setCookie(setup.baseUrl, COOKIE, '', 0));
  pages.sendSuccess(res, { ...app, file: savedAppPath(setup.dataDir) });
}

async function convert({ server, log }: OpenSetup, code: string): Promise<NewApp | { isFinal: boolean }> {
  if (!/^[\w-]{1,200}$/.test(code)) return { isFinal: true };
  try {
    return await convertCode(server.apiUrl, code);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    log.warn({ error: messageOf(error) }, 'no GitHub App was made');
    return { isFinal: error.isFinal };
  }
}

const stateOf = (secret: string): string =>
  createHash('sha256').update(`sam setup\0${secret}`).digest('base64url');

const queryOf = ({ baseUrl }: OpenSetup, req: IncomingMessage): URLSearchParams =>
  URL.parse(req.url ?? '', baseUrl)?.searchParams ?? new URLSearchParams();
