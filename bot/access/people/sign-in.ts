// Signing in with a forge, and out again: /login and /logout. Knows no workspace, and keeps nothing of the forge's but who it is.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { isFromOrigin, type Route } from '../../http/routes.ts';
import {
  attemptCookie,
  beginAttempt,
  dropAttempt,
  endAttempt,
  endingAttemptCookie,
  forgePath,
  isOf,
  parseLocalPath,
  readAttempt,
  SIGN_IN_PAGE,
} from './sign-in-attempts.ts';
import { SignInError, type Forge, type Person } from '../../forges/forge.ts';
import { endSettingsSession, hasSettingsCookie } from '../credentials/settings-sessions.ts';
import { describeLinks, disconnectRoute } from './links-page.ts';
import { codeScriptRoute, redirect, sendPage, type CalmPage, type Link } from './sign-in-pages.ts';
import {
  cookieOf,
  endAllSessions,
  endingCookie,
  endSession,
  isFullSignIn,
  readSession,
  startSession,
  type Session,
} from './sessions.ts';
import { recordOwn } from '../store/audit.ts';
import { findUserName, meetPerson } from '../store/people.ts';
import type { Executor } from '../../database/types.ts';

/** Where a sign-in leads that began nowhere. */
const HOME = SIGN_IN_PAGE;

/** Where people prove who they are. */
export type SignInForge = Pick<Forge, 'name' | 'title' | 'signIn'>;

export interface SignInOptions {
  db: Executor;
  /** The bot as browsers reach it, without a slash at the end. */
  baseUrl: string;
  /** Those of the vault; a sign-in under way is signed with the first. Without any only this very process takes it back. */
  keys: Buffer[];
  /** With none of them nobody signs in; sessions that codes made can still end. */
  forges: readonly SignInForge[];
  log: Pick<Logger, 'warn'>;
  /** What brings a new link, as people type it. */
  openCommand: string;
}

/** A sign-in at one forge. */
type Visit = SignInOptions & { forge: SignInForge };

/**
 * `GET /login` says who is signed in, or where to; `GET /login/<forge>?returnTo=<local path>` and its callback;
 * `POST /logout[/everywhere]`.
 */
export function signInRoutes(given: SignInOptions): Route[] {
  const options = { ...given, keys: given.keys.length > 0 ? given.keys : [randomBytes(32)] };
  return [
    codeScriptRoute,
    { method: 'GET', path: HOME, handle: (req, res) => showPerson(options, req, res) },
    { method: 'POST', path: '/logout', handle: (req, res) => signOut(options, req, res, leave) },
    {
      method: 'POST',
      path: '/logout/everywhere',
      handle: (req, res) => signOutEverywhere(options, req, res),
    },
    disconnectRoute(options),
    ...options.forges.flatMap((forge) => forgeRoutes({ ...options, forge })),
  ];
}

function forgeRoutes(visit: Visit): Route[] {
  const { name } = visit.forge;
  return [
    { method: 'GET', path: forgePath(name), handle: (req, res) => begin(visit, req, res) },
    { method: 'GET', path: callbackOf(name), handle: (req, res) => finish(visit, req, res) },
  ];
}

const callbackOf = (forge: string): string => `${forgePath(forge)}/callback`;

async function begin(visit: Visit, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { baseUrl, forge } = visit;
  const returnTo = parseLocalPath(baseUrl, queryOf(visit, req).get('returnTo') ?? HOME);
  if (returnTo === undefined)
    return sendPage(res, { ...leadsElsewhere, next: linkTo(forge, 'Sign in without it') });
  const attempt = beginAttempt(returnTo);
  res.setHeader('set-cookie', attemptCookie(visit, attempt));
  redirect(res, await forge.signIn.begin(atOurs(visit, attempt)));
}

async function finish(visit: Visit, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { db, baseUrl, forge } = visit;
  const notFromHere = { ...unfinished, next: linkTo(forge, 'Sign in again') };
  const query = queryOf(visit, req);
  const attempt = readAttempt(visit, req.headers.cookie);
  // What belongs to no attempt of this browser ends none: another site may have sent it here.
  if (!attempt || !isOf(attempt, query.get('state'))) return sendPage(res, notFromHere);
  const isFirst = await endAttempt(db, attempt);
  res.setHeader('set-cookie', endingAttemptCookie(baseUrl));
  if (!isFirst) return sendPage(res, notFromHere);
  const { returnTo } = attempt;
  const person = await askForge(visit, query, attempt);
  if ('status' in person) {
    await dropAttempt(db, attempt);
    return sendPage(res, { ...person, next: linkTo(forge, 'Sign in again', returnTo) });
  }
  const session = await signIn(visit, person, req.headers.cookie);
  res.setHeader('set-cookie', [cookieOf(baseUrl, session), endingAttemptCookie(baseUrl)]);
  redirect(res, `${new URL(baseUrl).origin}${returnTo}`);
}

/** The attempt, with where it comes back to. */
const atOurs = ({ baseUrl, forge }: Visit, { state, verifier }: { state: string; verifier: string }) => ({
  state,
  verifier,
  callback: `${baseUrl}${callbackOf(forge.name)}`,
});

/** Who it is, or the page that says why nobody knows. */
async function askForge(
  visit: Visit,
  query: URLSearchParams,
  attempt: { state: string; verifier: string },
): Promise<Person | CalmPage> {
  const { log, forge } = visit;
  const code = query.get('code');
  if (!code) return describeRefusal(forge, query.get('error') ?? '');
  try {
    return await forge.signIn.complete(code, atOurs(visit, attempt));
  } catch (error) {
    if (!(error instanceof SignInError)) throw error;
    log.warn({ reason: error.reason }, `a sign-in failed at ${forge.title}`);
    return error.isRefusal ? refused(forge) : silent(forge);
  }
}

/** The browser's session from before ends with it: nobody who knew its cookie is signed in now. */
async function signIn(
  { db, baseUrl, forge }: Visit,
  { id, login }: Person,
  cookieHeader: string | undefined,
): Promise<Session> {
  const before = await readSession(db, baseUrl, cookieHeader);
  return db.transaction(async (tx) => {
    const user = await meetPerson(tx, { source: forge.name, externalId: id, login });
    if (before) await endSession(tx, before);
    await recordOwn(tx, user.id, 'sign-in', forge.name);
    return startSession(tx, user.id);
  });
}

async function signOut(
  { db, baseUrl }: SignInOptions,
  req: IncomingMessage,
  res: ServerResponse,
  end: (tx: Executor, session: Session) => Promise<void>,
): Promise<void> {
  if (!isFromOrigin(req, new URL(baseUrl).origin)) return sendPage(res, notOurPage);
  const session = await readSession(db, baseUrl, req.headers.cookie);
  if (session) await db.transaction((tx) => end(tx, session));
  const { cookie } = req.headers;
  const others = hasSettingsCookie(baseUrl, cookie) ? [await endSettingsSession(db, baseUrl, cookie)] : [];
  res.setHeader('set-cookie', [endingCookie(baseUrl), ...others]);
  redirect(res, `${baseUrl}${HOME}`);
}

/** Whoever has only a code has what it opens, and no say in the rest. */
async function signOutEverywhere(
  options: SignInOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { db, baseUrl, forges } = options;
  const session = await readSession(db, baseUrl, req.headers.cookie);
  const isOurs = isFromOrigin(req, new URL(baseUrl).origin);
  if (isOurs && session && !isFullSignIn(session))
    return sendPage(res, { ...notSignedIn, choices: forges.map((forge) => signInAt(forge)) });
  return signOut(options, req, res, leaveEverywhere);
}

async function leave(tx: Executor, session: Session): Promise<void> {
  await endSession(tx, session);
  await recordOwn(tx, session.user, 'sign-out');
}

async function leaveEverywhere(tx: Executor, { user }: Session): Promise<void> {
  await endAllSessions(tx, user);
  await recordOwn(tx, user, 'sign-out-everywhere');
}

async function showPerson(options: SignInOptions, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { db, baseUrl, forges, openCommand } = options;
  const asked = queryOf(options, req).get('returnTo');
  const returnTo = asked === null ? undefined : parseLocalPath(baseUrl, asked);
  // Whoever is led here has to choose, whoever they are in this browser so far.
  if (forges.length > 1 && returnTo !== undefined) return sendPage(res, nobodyYet(forges, returnTo));
  const session = await readSession(db, baseUrl, req.headers.cookie);
  if (!session) return sendPage(res, forges.length > 0 ? nobodyYet(forges) : nobody(openCommand));
  const name = (await findUserName(db, session.user)) ?? session.user;
  if (!isFullSignIn(session)) return sendPage(res, letInAs(name, forges));
  const links = await describeLinks(options, session.user);
  const page = signedInAs(name);
  sendPage(res, { ...page, text: page.text + links.text, posts: [...page.posts, ...links.posts] });
}

const queryOf = ({ baseUrl }: SignInOptions, req: IncomingMessage): URLSearchParams =>
  URL.parse(req.url ?? '', baseUrl)?.searchParams ?? new URLSearchParams();

const linkTo = ({ name }: SignInForge, label: string, returnTo?: string): Link => ({
  label,
  href: forgePath(name, returnTo),
});

const leadsElsewhere: CalmPage = {
  status: 400,
  title: 'This link leads elsewhere',
  text: 'It asks to be sent to another site after the sign-in, which Sam does not do. Open the link that the chat gave you.',
};

const unfinished: CalmPage = {
  status: 400,
  title: 'This sign-in cannot be finished',
  text: 'It did not begin in this browser, was finished already, or took longer than ten minutes. Nothing happened.',
};

const refused = ({ title }: SignInForge): CalmPage => ({
  status: 400,
  title: `${title} did not confirm the sign-in`,
  text: `Its answer was no: the code was used already, or Sam’s App on ${title} is set up wrongly. Once more usually helps; if not, tell whoever runs Sam to look into its log.`,
});

// Not 502: proxies put a page of their own in its place.
const silent = ({ title }: SignInForge): CalmPage => ({
  status: 503,
  title: `${title} does not answer`,
  text: `Sam asked ${title} who you are and got no usable answer. Nothing is lost; try again in a minute.`,
});

const notOurPage: CalmPage = {
  status: 403,
  title: 'Nobody was signed out',
  text: 'Another site asked for it. To sign out, use the buttons of our own page.',
  next: { label: 'Go there', href: HOME },
};

const nobody = (command: string): CalmPage => ({
  status: 200,
  title: 'Nobody is signed in here',
  text: 'The links that the chat gives you open your terminals. This brings a new one there:',
  command,
});

const nobodyYet = (forges: readonly SignInForge[], returnTo?: string): CalmPage => ({
  status: 200,
  title: 'Nobody is signed in here',
  text: `Sign in to open your workspaces from links on ${forges.map(({ title }) => title).join(' or ')}.`,
  choices: forges.map((forge) => signInAt(forge, returnTo)),
});

const signInAt = (forge: SignInForge, returnTo?: string): Link =>
  linkTo(forge, `Sign in with ${forge.title}`, returnTo);

const notSignedIn: CalmPage = {
  status: 403,
  title: 'Nobody was signed out',
  text: 'A link from the chat let this browser in. To sign out everywhere, first say who you are.',
};

const signOutHere = { label: 'Sign out', action: '/logout' };

const signedInAs = (name: string) => ({
  status: 200,
  title: `Signed in as ${name}`,
  text: 'Signing out forgets this browser. Signing out everywhere forgets all of them, ends every link, disconnects your chats, and closes the terminals that are open.',
  posts: [signOutHere, { label: 'Sign out everywhere', action: '/logout/everywhere' }],
});

const letInAs = (name: string, forges: readonly SignInForge[]): CalmPage => ({
  status: 200,
  title: `A link from the chat let this browser in as ${name}`,
  text: 'Signing out forgets this browser. What you connected is shown, and signing out everywhere is done, after a sign-in.',
  posts: [signOutHere],
  choices: forges.map((forge) => signInAt(forge)),
});

/** `error`: what the forge said instead of a code. */
function describeRefusal(forge: SignInForge, error: string): CalmPage {
  if (error === 'access_denied')
    return {
      status: 403,
      title: 'You are not signed in',
      text: `On ${forge.title} you said no. Sam asks only who you are; without that it cannot show you your terminals.`,
    };
  if (error === 'redirect_uri_mismatch')
    return {
      status: 400,
      title: `${forge.title} does not know this address`,
      text: `Whoever runs Sam must add ${callbackOf(forge.name)} of this address to the callback URLs of its App on ${forge.title}.`,
    };
  return refused(forge);
}
