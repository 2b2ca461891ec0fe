// How a browser gets the cookie of a port's host: whoever is signed in at BASE_URL is sent back with a code, good once, for the browser
// that asked. Reads no program.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { nameOn, readCookie, setCookie } from '../access/people/cookies.ts';
import { admit, cookieOf, readSession, sessionCookieName, type Session } from '../access/people/sessions.ts';
import { parseLocalPath, signInPath } from '../access/people/sign-in-attempts.ts';
import { codeRoute, noSuchWorkspace, redirect, sendPage } from '../access/people/sign-in-pages.ts';
import { spendCode } from '../access/links.ts';
import { BROWSER, record } from '../access/store/audit.ts';
import { hashSecret, newSecret } from '../access/secrets.ts';
import type { Executor } from '../database/types.ts';
import type { Forge } from '../forges/forge.ts';
import type { Route } from '../http/routes.ts';
import type { PortAddresses, PortName } from './addresses.ts';
import { closedPage, enteredBefore, silentForge, signInPage, stoppedPage } from './pages.ts';
import { findPort, insertPortCode, spendPortCode } from './ports-store.ts';
import type { PortSight } from './visitors.ts';

const COOKIE = 'sam-port';
const STATE_COOKIE = 'sam-port-state';
const COOKIE_LIFE_SECONDS = 24 * 3600;
const CODE_LIFE_SECONDS = 60;
/** A sign-in may lie between. */
const STATE_LIFE_SECONDS = 3600;
/** What a cookie of this name is worth is asked of the rows; more of them somebody else has put there. */
const MAX_COOKIES = 4;
/** On a port's host: ours, and no program's. */
export const ENTER_PATH = '/__sam/enter';

export interface EnteringOptions {
  db: Executor;
  baseUrl: string;
  addresses: PortAddresses;
  forges: readonly Forge[];
  sight: PortSight;
  /** As people type them. */
  commands: { open: string; start: string; port: string };
}

/** On a port's host: no program sees or sets these. */
export const ownCookies = (baseUrl: string): string[] => [
  nameOn(baseUrl, COOKIE),
  nameOn(baseUrl, STATE_COOKIE),
  sessionCookieName(baseUrl),
];

/** Hashes of what this browser has for the port. */
export function readPortCookies(baseUrl: string, header: string | undefined): string[] {
  const name = nameOn(baseUrl, COOKIE);
  const values = (header ?? '').split(';').flatMap((pair) => {
    const [key, value] = pair.split('=', 2);
    return key?.trim() === name && value?.trim() ? [value.trim()] : [];
  });
  return values.slice(0, MAX_COOKIES).map(hashSecret);
}

/** From a port's host to our own page, with where it comes back to. */
export function sendAway(
  { baseUrl }: EnteringOptions,
  req: IncomingMessage,
  res: ServerResponse,
  name: PortName,
): void {
  const state = readCookie(baseUrl, STATE_COOKIE, req.headers.cookie) ?? newSecret();
  res.setHeader('set-cookie', setCookie(baseUrl, STATE_COOKIE, state, STATE_LIFE_SECONDS));
  const query = new URLSearchParams({ state: hashSecret(state), to: req.url ?? '/' });
  const path = `${portPath(name)}?${query.toString()}`;
  redirect(
    res,
    `${baseUrl}${parseLocalPath(baseUrl, path) ?? `${portPath(name)}?state=${hashSecret(state)}`}`,
  );
}

/** On our own host. */
const portPath = ({ workspace, port }: PortName): string => `/ports/${workspace}/${port}`;

/** `BASE_URL/ports/<workspace>/<port>`: signed in, it leads on; and with the code of a link too. */
export function enteringRoutes(options: EnteringOptions): Route[] {
  const path = '/ports/:workspace/:port';
  return [
    { method: 'GET', path, handle: (req, res, params) => lead(options, req, res, nameIn(params)) },
    codeRoute(options.baseUrl, path, (code, req, res) => takeCode(options, code, req, res)),
  ];
}

/** Undefined: no port has that name. */
function nameIn(params: Record<string, string>): PortName | undefined {
  const { workspace = '', port: digits = '' } = params;
  const port = /^[1-9]\d{0,4}$/.test(digits) ? Number(digits) : 0;
  const isName = /^ws-[a-z2-7]{12}$/.test(workspace) && port >= 1 && port <= 65_535;
  return isName ? { workspace, port } : undefined;
}

async function lead(
  options: EnteringOptions,
  req: IncomingMessage,
  res: ServerResponse,
  name: PortName | undefined,
): Promise<void> {
  const { db, baseUrl, sight, commands } = options;
  const session = await readSession(db, baseUrl, req.headers.cookie);
  if (!session) return askWho(options, req, res);
  const place = name && (await findPort(db, name));
  const seen = place && (await sight(session, place));
  if (!place || !seen || seen.is === 'none') return sendPage(res, noSuchWorkspace(commands.open));
  switch (seen.is) {
    case 'ended':
      return askWho(options, req, res);
    case 'stopped':
      return sendPage(res, stoppedPage(place.workspace, commands.start));
    case 'closed':
      return sendPage(res, closedPage(name.port, commands.port));
    case 'unknown':
      return sendPage(res, silentForge(seen.title));
    case 'open':
      return sendBack(options, req, res, { name, session });
    default:
      return seen satisfies never;
  }
}

/** The same for every address. */
function askWho(
  { baseUrl, forges, commands }: EnteringOptions,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const path = parseLocalPath(baseUrl, req.url ?? '/') ?? '/';
  sendPage(res, signInPage(signInPath(forges, path), commands.open));
}

async function sendBack(
  { db, addresses }: EnteringOptions,
  req: IncomingMessage,
  res: ServerResponse,
  { name, session }: { name: PortName; session: Session },
): Promise<void> {
  const origin = addresses.origin(name);
  const query = URL.parse(req.url ?? '/', origin)?.searchParams;
  const to = query?.get('to') ?? '/';
  const state = query?.get('state') ?? '';
  // Whoever comes from elsewhere than that host begins there.
  if (!/^[0-9a-f]{64}$/.test(state)) return redirect(res, `${origin}${pathOn(origin, to)}`);
  const code = newSecret();
  await insertPortCode(db, {
    ...name,
    hash: hashSecret(code),
    session: hashSecret(session.secret),
    state,
    lifeSeconds: CODE_LIFE_SECONDS,
  });
  const back = new URLSearchParams({ code, to: pathOn(origin, to) });
  redirect(res, `${origin}${ENTER_PATH}?${back.toString()}`);
}

/** A path of that very host, as a browser reads it; whatever leads elsewhere is its front page. */
function pathOn(origin: string, to: string): string {
  const url = to.startsWith('/') ? URL.parse(to, origin) : null;
  const isThere =
    url?.origin === origin && !url.pathname.startsWith('//') && !url.pathname.startsWith('/__sam/');
  return isThere ? url.pathname + url.search : '/';
}

/** On a port's host: the code becomes its cookie, and the browser goes where it wanted to. */
export async function enter(
  { db, baseUrl, addresses }: EnteringOptions,
  req: IncomingMessage,
  res: ServerResponse,
  name: PortName,
): Promise<void> {
  const origin = addresses.origin(name);
  const query = URL.parse(req.url ?? '/', origin)?.searchParams;
  const state = readCookie(baseUrl, STATE_COOKIE, req.headers.cookie) ?? '';
  const cookie = newSecret();
  const isIn = await spendPortCode(db, name, {
    code: hashSecret(query?.get('code') ?? ''),
    state: hashSecret(state),
    cookie: hashSecret(cookie),
    lifeSeconds: COOKIE_LIFE_SECONDS,
  });
  const to = pathOn(origin, query?.get('to') ?? '/');
  if (!isIn) return sendPage(res, enteredBefore(to));
  res.setHeader('set-cookie', [
    setCookie(baseUrl, COOKIE, cookie, COOKIE_LIFE_SECONDS),
    setCookie(baseUrl, STATE_COOKIE, '', 0),
  ]);
  redirect(res, `${origin}${to}`);
}

/** What a link brought in its fragment; where it leads then. */
async function takeCode(
  { db, baseUrl }: EnteringOptions,
  code: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<string> {
  const path = (URL.parse(req.url ?? '/', baseUrl)?.pathname ?? '/').replace(/\/code$/, '');
  const [, , workspace = '', port = ''] = path.split('/');
  const name = nameIn({ workspace, port });
  if (!name) return path;
  const session = await readSession(db, baseUrl, req.headers.cookie);
  const entered = await db.transaction(async (tx) => {
    const spent = await spendCode(tx, code, name.workspace, session?.user);
    if (typeof spent === 'string') return undefined;
    const { user: actor } = spent;
    const about = { workspace: name.workspace, target: String(name.port) };
    await record(tx, { actor, front: BROWSER, action: 'link-spent', ...about, right: 'self', result: 'ok' });
    return admit(tx, spent.user, { id: name.workspace, access: spent.access }, session);
  });
  if (entered) res.setHeader('set-cookie', cookieOf(baseUrl, entered));
  return path;
}
