// A sign-in between its beginning and its end: bound to one browser, ended once, led back to our own pages only.
// Knows no forge but its name, and no person.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readCookie, setCookie } from './cookies.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { deleteSignIn, insertSignIn } from '../store/sessions.ts';
import type { Executor } from '../../database/types.ts';

const COOKIE = 'sam-sign-in';
const LIFE_SECONDS = 600;
const MAX_PATH_LENGTH = 1000;

/**
 * A sign-in that has begun. All of it is in the browser, signed, so that whoever begins many of them costs nothing; `state` and
 * `verifier` (PKCE's) derive from its secret, so that the address that the forge is called with cannot finish it.
 */
export interface Attempt {
  secret: string;
  state: string;
  verifier: string;
  /** A path from `parseLocalPath`. */
  returnTo: string;
  /** Seconds since 1970. */
  until: number;
}

/** `keys`: those of the vault; the first signs, all verify. */
export interface AttemptKeys {
  baseUrl: string;
  keys: Buffer[];
}

export const beginAttempt = (returnTo: string): Attempt =>
  attemptOf(newSecret(), returnTo, Math.floor(Date.now() / 1_000) + LIFE_SECONDS);

/** This browser's; undefined: it began none, or too long ago, or somebody changed it. Whether it has ended is not asked. */
export function readAttempt(
  { baseUrl, keys }: AttemptKeys,
  cookieHeader: string | undefined,
): Attempt | undefined {
  const [secret = '', until = '', path = '', signature] =
    readCookie(baseUrl, COOKIE, cookieHeader)?.split('.') ?? [];
  const body = `${secret}.${until}.${path}`;
  const isOurs = signature !== undefined && keys.some((key) => isSame(sign(key, body), signature));
  if (!isOurs || Number(until) * 1_000 < Date.now()) return undefined;
  return attemptOf(secret, Buffer.from(path, 'base64url').toString(), Number(until));
}

/** Ends it. False: it has ended already. */
export const endAttempt = (db: Executor, { secret, until }: Attempt): Promise<boolean> =>
  insertSignIn(db, { hash: hashSecret(secret), until });

/** Nobody was signed in by it: nothing of it need be remembered. */
export const dropAttempt = (db: Executor, { secret }: Attempt): Promise<void> =>
  deleteSignIn(db, hashSecret(secret));

/** Whether what came back from a forge belongs to this attempt. */
export const isOf = (attempt: Attempt, state: string | null): boolean => isSame(attempt.state, state ?? '');

function isSame(wanted: string, given: string): boolean {
  const [one, other] = [Buffer.from(wanted), Buffer.from(given)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Throws where there is no key: without one nobody signs in. */
export function attemptCookie({ baseUrl, keys }: AttemptKeys, { secret, until, returnTo }: Attempt): string {
  const [newest] = keys;
  if (!newest) throw new Error('a sign-in needs a key');
  const body = `${secret}.${until}.${Buffer.from(returnTo).toString('base64url')}`;
  return setCookie(baseUrl, COOKIE, `${body}.${sign(newest, body)}`, LIFE_SECONDS);
}

const sign = (key: Buffer, body: string): string =>
  createHmac('sha256', key).update(`sam sign-in\0${body}`).digest('base64url');

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

const attemptOf = (secret: string, returnTo: string, until: number): Attempt => ({
  secret,
  returnTo,
  until,
  state: derive(secret, 'state'),
  verifier: derive(secret, 'verifier'),
});

const derive = (secret: string, purpose: string): string =>
  createHmac('sha256', secret).update(purpose).digest('base64url');
