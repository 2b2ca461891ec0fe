// Browser sessions: a random cookie whose hash is a row. Knows how one begins and ends, not how a person proves who they are.
import type { BrowserSession, Executor } from '../../database/types.ts';
import { nameOn, readCookie, setCookie } from './cookies.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { revokeUser } from '../store/expiry.ts';
import { deleteSession, findSession, insertSession, widenSession } from '../store/sessions.ts';

const COOKIE = 'sam';
const SIGN_IN_LIFE_SECONDS = 30 * 24 * 3600;
const CODE_LIFE_SECONDS = 24 * 3600;

/** A session and the cookie's value that it was found by. */
export interface Session {
  user: string;
  /** Null: a full sign-in. Else it opens these alone, each while its `access` is still this one. */
  workspaces: BrowserSession['workspaces'];
  secret: string;
}

/** Whoever this browser is; undefined: nobody, or a session that has ended. */
export async function readSession(
  db: Executor,
  baseUrl: string,
  cookieHeader: string | undefined,
): Promise<Session | undefined> {
  const secret = readCookie(baseUrl, COOKIE, cookieHeader);
  if (!secret) return undefined;
  const row = await findSession(db, hashSecret(secret));
  return row && { user: row.userId, workspaces: row.workspaces, secret };
}

/** As a browser that is signed in sends it. */
export const sessionCookieName = (baseUrl: string): string => nameOn(baseUrl, COOKIE);

/** Whether this browser brings a session's cookie, of a session that may have ended. */
export const hasSessionCookie = (baseUrl: string, cookieHeader: string | undefined): boolean =>
  readCookie(baseUrl, COOKIE, cookieHeader) !== undefined;

/** Whether a person proved who they are, and not only that they were given a code. */
export const isFullSignIn = ({ workspaces }: Pick<Session, 'workspaces'>): boolean => workspaces === null;

/** After a full sign-in. Always a new secret: one that somebody put into this browser before is worth nothing after. */
export async function startSession(db: Executor, user: string): Promise<Session> {
  const secret = newSecret();
  await insertSession(db, {
    hash: hashSecret(secret),
    user,
    workspaces: null,
    lifeSeconds: SIGN_IN_LIFE_SECONDS,
  });
  return { user, workspaces: null, secret };
}

/**
 * After a code was spent: the same person's session opens one more workspace, or a new one begins. A session of anybody
 * else never grows: the caller has seen that the code is not theirs.
 */
export async function admit(
  db: Executor,
  user: string,
  workspace: { id: string; access: number },
  session: Session | undefined,
): Promise<Session> {
  if (session && session.user === user) {
    const hash = hashSecret(session.secret);
    if (await widenSession(db, hash, workspace, CODE_LIFE_SECONDS)) {
      const others = session.workspaces?.filter((known) => known.id !== workspace.id);
      return { ...session, workspaces: others ? [...others, workspace] : null };
    }
  }
  const secret = newSecret();
  const workspaces = [workspace];
  await insertSession(db, {
    hash: hashSecret(secret),
    user,
    workspaces,
    lifeSeconds: CODE_LIFE_SECONDS,
  });
  return { user, workspaces, secret };
}

/** Forgets this browser. */
export const endSession = (db: Executor, session: Session): Promise<void> =>
  deleteSession(db, hashSecret(session.secret));

/** Signs a person out everywhere: browsers, links, chats, and the terminals that are open. Forges know them still. */
export const endAllSessions = (db: Executor, user: string): Promise<void> => revokeUser(db, user);

/** The Set-Cookie header of a session. */
export function cookieOf(baseUrl: string, session: Session): string {
  const life = session.workspaces ? CODE_LIFE_SECONDS : SIGN_IN_LIFE_SECONDS;
  return setCookie(baseUrl, COOKIE, session.secret, life);
}

/** The Set-Cookie header that makes a browser forget. */
export const endingCookie = (baseUrl: string): string => setCookie(baseUrl, COOKIE, '', 0);
