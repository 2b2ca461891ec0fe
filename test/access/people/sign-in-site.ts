// A bot's routes for people, with a fake GitHub to sign in at, and browsers that keep cookies and follow nothing by themselves.
import { randomBytes } from 'node:crypto';
import { createKeys, type Keys } from '../../../bot/access/keys.ts';
import { makeSigningKey } from '../../../bot/access/keys.ts';
import { createLinkSigner, type LinkSigner } from '../../../bot/access/links.ts';
import { createCredentials } from '../../../bot/access/credentials/credentials.ts';
import { credentialRoutes } from '../../../bot/access/credentials/credential-routes.ts';
import { settingsRoutes } from '../../../bot/access/credentials/settings-pages.ts';
import { signInRoutes } from '../../../bot/access/people/sign-in.ts';
import { ticketRoutes } from '../../../bot/access/terminal-token.ts';
import { createSignIn } from '../../../bot/forges/github/github.ts';
import type { Route, Upgrade } from '../../../bot/http/routes.ts';
import { pageRoutes } from '../../../bot/http/pages.ts';
import type { PageFiles } from '../../../bot/http/page-bundle.ts';
import { providers, traitsIn } from '../../../bot/providers/index.ts';
import { startFakeGitHub, type FakeGitHub } from '../../fakes/github/github.ts';
import { serveRoutes, type TestServer } from '../http-server.ts';
import { openRows, type Rows } from '../rows.ts';
import { meetPerson } from '../../../bot/access/store/people.ts';

const CLIENT = { clientId: 'Iv23signin', clientSecret: 'the client secret of a sign-in' };

export interface SignInSite {
  origin: string;
  github: FakeGitHub;
  rows: Rows;
  signer: LinkSigner;
  /** What the bot logged. */
  log: object[];
  /** The person behind a GitHub account. */
  userOf(login: string): Promise<string>;
  browser(): TestBrowser;
  close(): Promise<void>;
}

export interface SiteOptions {
  page?: PageFiles;
  /** What the bot believes to be its address; where it listens, unless told. */
  baseUrl?: string;
  withoutSignIn?: boolean;
  /** Where tickets lead, for tests that go all the way. */
  terminals?: (keys: Keys, origin: string) => Upgrade[];
}

const emptyPage: PageFiles = {
  html: '<!doctype html><title>Terminal</title>',
  headers: () => ({ 'content-type': 'text/html; charset=utf-8' }),
  assets: new Map(),
};

/** ann and bob have accounts at GitHub. */
export async function startSignInSite(options: SiteOptions = {}): Promise<SignInSite> {
  const rows = await openRows();
  const github = await startFakeGitHub({
    ...CLIENT,
    appId: 7,
    appSlug: 'sam-app',
    publicKey: 'any',
    webhookSecret: 'the webhook secret of a test',
  });
  for (const login of ['ann', 'bob']) github.addUser(login);
  const signer = createLinkSigner([Buffer.alloc(32, 1)]);
  const log: object[] = [];
  const server: TestServer = await serveRoutes(async (origin) => {
    const { baseUrl = origin } = options;
    github.app.callbackUrls = [`${baseUrl}/login/github/callback`];
    const keys = await createKeys({ pems: [makeSigningKey()], issuer: baseUrl });
    const upgrades = options.terminals?.(keys, origin) ?? [];
    return { routes: makeRoutes(baseUrl, keys), upgrades };
  });
  function makeRoutes(baseUrl: string, keys: Keys): Route[] {
    const { db } = rows;
    const credentials = createCredentials(db, [Buffer.alloc(32, 1)]);
    const signIn = createSignIn({ url: github.url, apiUrl: github.apiUrl, ...CLIENT });
    const forges = options.withoutSignIn ? [] : [{ name: 'github', title: 'GitHub', signIn }];
    return [
      ...pageRoutes(options.page ?? emptyPage, [], { db, baseUrl, signer, openCommand: '/sam open' }),
      ...ticketRoutes({ db, keys, baseUrl, traitsOf: traitsIn(providers), forges }),
      ...credentialRoutes({ db, baseUrl, credentials }),
      ...settingsRoutes({ db, baseUrl, credentials, forges, command: '/sam connect claude' }),
      ...signInRoutes({
        db,
        baseUrl,
        keys: [Buffer.alloc(32, 1)],
        forges,
        openCommand: '/sam open',
        log: { warn: (what: unknown) => void log.push(what as object) },
      }),
    ];
  }
  return {
    origin: server.origin,
    github,
    rows,
    signer,
    log,
    userOf: async (login) => {
      const { id } = github.account(login);
      return (await meetPerson(rows.db, { source: 'github', externalId: String(id), login })).id;
    },
    browser: () => createBrowser(server.origin),
    close: async () => {
      await server.close();
      await github.stop();
      await rows.close();
    },
  };
}

export interface Answer {
  status: number;
  location: string | undefined;
  text: string;
  headers: Headers;
  setCookies: string[];
}

export interface TestBrowser {
  cookies: Map<string, string>;
  /** `to`: a path, or an address of the bot or of GitHub. */
  get(to: string): Promise<Answer>;
  post(
    to: string,
    options?: { origin?: string; json?: unknown; form?: Record<string, string> },
  ): Promise<Answer>;
  /** The text as it is, from our own page. */
  send(to: string, body: string): Promise<Answer>;
  delete(to: string, options?: { origin?: string }): Promise<Answer>;
  /** The whole way through GitHub; the address that it ends at. */
  signIn(returnTo?: string): Promise<string>;
  /** As far as GitHub's answer: the callback's address, not visited yet. */
  goToGitHub(returnTo?: string): Promise<string>;
}

/** The browser of somebody who has signed in; whom no other test knows, unless they are named. */
export async function signIn(site: SignInSite, login = `person-${randomBytes(4).toString('hex')}`) {
  site.github.addUser(login);
  site.github.signedInAs(login);
  const browser = site.browser();
  await browser.signIn();
  return Object.assign(browser, { login, user: await site.userOf(login) });
}

function createBrowser(origin: string): TestBrowser {
  const cookies = new Map<string, string>();
  const send = async (to: string, init: RequestInit): Promise<Answer> => {
    const url = new URL(to, origin);
    const isOurs = url.origin === origin;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(init.headers as Record<string, string>), ...(isOurs && cookie && { cookie }) };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    const setCookies = response.headers.getSetCookie();
    if (isOurs) for (const line of setCookies) keep(cookies, line);
    const location = response.headers.get('location') ?? undefined;
    const { status } = response;
    return { status, location, text: await response.text(), headers: response.headers, setCookies };
  };
  const get = (to: string) => send(to, {});
  const goToGitHub = async (returnTo?: string) => {
    const query = returnTo === undefined ? '' : `?returnTo=${encodeURIComponent(returnTo)}`;
    const begun = await get(`/login/github${query}`);
    return (await get(begun.location!)).location!;
  };
  return {
    cookies,
    get,
    goToGitHub,
    post: (to, { origin: from = origin, json, form } = {}) =>
      send(to, {
        method: 'POST',
        headers: { origin: from, ...(json !== undefined && { 'content-type': 'application/json' }) },
        ...(json !== undefined && { body: JSON.stringify(json) }),
        ...(form !== undefined && { body: new URLSearchParams(form) }),
      }),
    send: (to, body) => send(to, { method: 'POST', headers: { origin }, body }),
    delete: (to, { origin: from = origin } = {}) => send(to, { method: 'DELETE', headers: { origin: from } }),
    signIn: async (returnTo) => (await get(await goToGitHub(returnTo))).location!,
  };
}

function keep(cookies: Map<string, string>, line: string): void {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
  if (/Max-Age=0(;|$)/.test(line)) cookies.delete(name);
  else cookies.set(name, value);
}
