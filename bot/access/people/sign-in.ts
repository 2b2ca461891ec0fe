// Signing in with GitHub, and out again: /login and /logout. Knows no workspace, and keeps nothing of GitHub's but who it is.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { isFromOrigin, type Route } from '../../http/routes.ts';
import {
  attemptCookie,
  beginAttempt,
  endAttempt,
  endingAttemptCookie,
  isOf,
  parseLocalPath,
  readAttempt,
  signInPath,
} from './sign-in-attempts.ts';
import {
  createGitHubDoor,
  SignInError,
  type GitHubDoor,
  type GitHubPerson,
  type GitHubSignIn,
} from '../../forges/github/sign-in.ts';
import { redirect, sendPage, type CalmPage } from './sign-in-pages.ts';
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
import { findUserName, meetPerson, type Executor } from '../store.ts';

const CALLBACK = '/login/github/callback';
/** Where a sign-in leads that began nowhere. */
const HOME = '/login';

export interface SignInOptions {
  db: Executor;
  /** The bot as browsers reach it, without a slash at the end. */
  baseUrl: string;
  /** Without it nobody signs in; sessions that codes made can still end. */
  github?: GitHubSignIn;
  log: Pick<Logger, 'warn'>;
}

/** `GET /login` says who is signed in; `GET /login/github?returnTo=<local path>` and its callback; `POST /logout[/everywhere]`. */
export function signInRoutes(options: SignInOptions): Route[] {
  const { github, baseUrl } = options;
  return [
    { method: 'GET', path: HOME, handle: (req, res) => showPerson(options, req, res) },
    { method: 'POST', path: '/logout', handle: (req, res) => signOut(options, req, res, endSession) },
    {
      method: 'POST',
      path: '/logout/everywhere',
      handle: (req, res) => signOut(options, req, res, (db, { user }) => endAllSessions(db, user)),
    },
    ...(github ? gitHubRoutes(options, createGitHubDoor(github, `${baseUrl}${CALLBACK}`)) : []),
  ];
}

function gitHubRoutes(options: SignInOptions, door: GitHubDoor): Route[] {
  return [
    { method: 'GET', path: '/login/github', handle: (req, res) => begin(options, door, req, res) },
    { method: 'GET', path: CALLBACK, handle: (req, res) => finish(options, door, req, res) },
  ];
}

async function begin(
  options: SignInOptions,
  door: GitHubDoor,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { db, baseUrl } = options;
  const returnTo = parseLocalPath(baseUrl, queryOf(options, req).get('returnTo') ?? HOME);
  if (returnTo === undefined) return sendPage(res, leadsElsewhere);
  const attempt = await beginAttempt(db, returnTo);
  res.setHeader('set-cookie', attemptCookie(baseUrl, attempt));
  redirect(res, await door.addressFor(attempt));
}

async function finish(
  options: SignInOptions,
  door: GitHubDoor,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { db, baseUrl } = options;
  const query = queryOf(options, req);
  const attempt = readAttempt(baseUrl, req.headers.cookie);
  // What belongs to no attempt of this browser ends none: another site may have sent it here.
  if (!attempt || !isOf(attempt, query.get('state'))) return sendPage(res, notFromHere);
  const returnTo = await endAttempt(db, attempt);
  res.setHeader('set-cookie', endingAttemptCookie(baseUrl));
  if (returnTo === undefined) return sendPage(res, notFromHere);
  const person = await askGitHub(options, door, query, attempt);
  if ('status' in person) return sendPage(res, { ...person, next: again(returnTo) });
  const session = await signIn(options, person, req.headers.cookie);
  res.setHeader('set-cookie', [cookieOf(baseUrl, session), endingAttemptCookie(baseUrl)]);
  redirect(res, `${new URL(baseUrl).origin}${returnTo}`);
}

/** Who it is, or the page that says why nobody knows. */
async function askGitHub(
  { log }: SignInOptions,
  door: GitHubDoor,
  query: URLSearchParams,
  attempt: { state: string; verifier: string },
): Promise<GitHubPerson | CalmPage> {
  const code = query.get('code');
  if (!code) return describeRefusal(query.get('error') ?? '');
  try {
    return await door.identify(code, attempt);
  } catch (error) {
    if (!(error instanceof SignInError)) throw error;
    log.warn({ reason: error.reason }, 'a sign-in failed at GitHub');
    return error.isRefusal ? refusedByGitHub : gitHubSilent;
  }
}

/** The browser's session from before ends with it: nobody who knew its cookie is signed in now. */
async function signIn(
  { db, baseUrl }: SignInOptions,
  { id, login }: GitHubPerson,
  cookieHeader: string | undefined,
): Promise<Session> {
  const before = await readSession(db, baseUrl, cookieHeader);
  return db.transaction(async (tx) => {
    const user = await meetPerson(tx, { source: 'github', externalId: id, login });
    if (before) await endSession(tx, before);
    return startSession(tx, user.id);
  });
}

async function signOut(
  { db, baseUrl }: SignInOptions,
  req: IncomingMessage,
  res: ServerResponse,
  end: (db: Executor, session: Session) => Promise<void>,
): Promise<void> {
  if (!isFromOrigin(req, new URL(baseUrl).origin)) return sendPage(res, notOurPage);
  const session = await readSession(db, baseUrl, req.headers.cookie);
  if (session) await end(db, session);
  res.setHeader('set-cookie', endingCookie(baseUrl));
  redirect(res, `${baseUrl}${HOME}`);
}

async function showPerson(
  { db, baseUrl, github }: SignInOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const session = await readSession(db, baseUrl, req.headers.cookie);
  if (!session) return sendPage(res, github ? nobodyYet : nobody);
  const name = (await findUserName(db, session.user)) ?? session.user;
  sendPage(res, isFullSignIn(session) ? signedInAs(name) : letInAs(name));
}

const queryOf = ({ baseUrl }: SignInOptions, req: IncomingMessage): URLSearchParams =>
  URL.parse(req.url ?? '', baseUrl)?.searchParams ?? new URLSearchParams();

const again = (returnTo: string): NonNullable<CalmPage['next']> => ({
  label: 'Sign in again',
  href: signInPath(returnTo),
});

const leadsElsewhere: CalmPage = {
  status: 400,
  title: 'This link leads elsewhere',
  text: 'It asks to be sent to another site after the sign-in, which Sam does not do. Open the link that the chat gave you.',
  next: { label: 'Sign in without it', href: '/login/github' },
};

const notFromHere: CalmPage = {
  status: 400,
  title: 'This sign-in cannot be finished',
  text: 'It did not begin in this browser, was finished already, or took longer than ten minutes. Nothing happened.',
  next: { label: 'Sign in again', href: '/login/github' },
};

const refusedByGitHub: CalmPage = {
  status: 400,
  title: 'GitHub did not confirm the sign-in',
  text: 'Its answer was no: the code was used already, or Sam’s App on GitHub is set up wrongly. Once more usually helps; if not, tell whoever runs Sam to look into its log.',
};

// Not 502: proxies put a page of their own in its place.
const gitHubSilent: CalmPage = {
  status: 503,
  title: 'GitHub does not answer',
  text: 'Sam asked GitHub who you are and got no usable answer. Nothing is lost; try again in a minute.',
};

const notOurPage: CalmPage = {
  status: 403,
  title: 'Nobody was signed out',
  text: 'Another site asked for it. To sign out, use the buttons of our own page.',
  next: { label: 'Go there', href: HOME },
};

const nobody: CalmPage = {
  status: 200,
  title: 'Nobody is signed in here',
  text: 'The links that the chat gives you open your terminals. This brings a new one there:',
  command: '/sam open',
};

const nobodyYet: CalmPage = {
  status: 200,
  title: 'Nobody is signed in here',
  text: 'Sign in to open your workspaces from links on GitHub.',
  next: { label: 'Sign in with GitHub', href: '/login/github' },
};

const posts = [
  { label: 'Sign out', action: '/logout' },
  { label: 'Sign out everywhere', action: '/logout/everywhere' },
];

const signedInAs = (name: string): CalmPage => ({
  status: 200,
  title: `Signed in as ${name}`,
  text: 'Signing out forgets this browser. Signing out everywhere forgets all of them, ends every link, and closes the terminals that are open.',
  posts,
});

const letInAs = (name: string): CalmPage => ({
  ...signedInAs(name),
  title: `A link from the chat let this browser in as ${name}`,
});

/** `error`: what GitHub said instead of a code. */
function describeRefusal(error: string): CalmPage {
  if (error === 'access_denied')
    return {
      status: 403,
      title: 'You are not signed in',
      text: 'On GitHub you said no. Sam asks only who you are; without that it cannot show you your terminals.',
    };
  if (error === 'redirect_uri_mismatch')
    return {
      status: 400,
      title: 'GitHub does not know this address',
      text: `Whoever runs Sam must add ${CALLBACK} of this address to the callback URLs of its App on GitHub.`,
    };
  return refusedByGitHub;
}
