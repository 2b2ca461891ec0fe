// A sign-in between its beginning and its end: bound to one browser, ended once, led back to our own pages only.
// Knows no forge but its name, and no person.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readCookie, setCookie } from './cookies.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { endSignIn, insertSignIn } from '../store/sessions.ts';
import type { Executor } from '../../database/types.ts';

const COOKIE = 'sam-sign-in';
const LIFE_SECONDS = 600;
const MAX_PATH_LENGTH = 1000;

/**
 * A sign-in that has begun. Its secret is in the browser alone, its hash in a row; `state` and `verifier` (PKCE's) derive
 * from it, so that neither the database nor the address that the forge is called with can finish it.
 */
export interface Attempt {
  secret: string;
  state: string;
  verifier: string;
}

/** `returnTo`: a path from `parseLocalPath`. */
export async function beginAttempt(db: Executor, returnTo: string): Promise<Attempt> {
  const secret = newSecret();
  await insertSignIn(db, { hash: hashSecret(secret), returnTo, lifeSeconds: LIFE_SECONDS });
  return attemptOf(secret);
}

/** This browser's; undefined: it began none, or too long ago. The row is not asked. */
export function readAttempt(baseUrl: string, cookieHeader: string | undefined): Attempt | undefined {
  const secret = readCookie(baseUrl, COOKIE, cookieHeader);
  return secret === undefined ? undefined : attemptOf(secret);
}

/** The path where it leads; undefined: it has ended already, or is older than 10 minutes by the database's clock. */
export const endAttempt = async (db: Executor, attempt: Attempt): Promise<string | undefined> =>
  (await endSignIn(db, hashSecret(attempt.secret)))?.returnTo;

/** Whether what came back from a forge belongs to this attempt. */
export function isOf(attempt: Attempt, state: string | null): boolean {
  const [wanted, given] = [Buffer.from(attempt.state), Buffer.from(state ?? '')];
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}

export const attemptCookie = (baseUrl: string, attempt: Attempt): string =>
  setCookie(baseUrl, COOKIE, attempt.secret, LIFE_SECONDS);

/** Makes the browser forget its attempt. */
export const endingAttemptCookie = (baseUrl: string): string => setCookie(baseUrl, COOKIE, '', 0);

/** Where people sign in: a forge, or with several of them the page that lets them choose. */
export const SIGN_IN_PAGE = '/login';

export const forgePath = (forge: string, returnTo?: string): string =>
  `${SIGN_IN_PAGE}/${forge}${returnTo === undefined ? '' : `?returnTo=${encodeURIComponent(returnTo)}`}`;

/**
 * Where a sign-in begins that leads to `returnTo`, a local path; undefined: nobody can sign in. Whoever wants more of a person
 * than to sign them in (to link another identity, to go on with a command) leads them to a path of its own, and keeps what it
 * is about by itself.
 */
export function signInPath(forges: readonly { name: string }[], returnTo: string): string | undefined {
  const [forge, ...others] = forges;
  if (!forge) return undefined;
  return others.length === 0
    ? forgePath(forge.name, returnTo)
    : `${SIGN_IN_PAGE}?returnTo=${encodeURIComponent(returnTo)}`;
}

/**
 * The path, query and fragment of `text` if it is a path of ours; undefined for whatever leads elsewhere. It is compared as
 * a browser reads it: `//host`, `/\host` and a tab between the slashes are other hosts.
 */
export function parseLocalPath(baseUrl: string, text: string): string | undefined {
  if (!text.startsWith('/') || text.length > MAX_PATH_LENGTH) return undefined;
  const { origin } = new URL(baseUrl);
  const url = URL.parse(text, origin);
  if (!url || url.origin !== origin || url.pathname.startsWith('//')) return undefined;
  return url.pathname + url.search + url.hash;
}

const attemptOf = (secret: string): Attempt => ({
  secret,
  state: derive(secret, 'state'),
  verifier: derive(secret, 'verifier'),
});

const derive = (secret: string, purpose: string): string =>
  createHmac('sha256', secret).update(purpose).digest('base64url');
