// Who somebody is on their own page and in its calls: by a sign-in, or by a code that the chat showed them alone. Such a code lets
// in nowhere else: its cookie is another one, and no path but those asks for it.
import { setCookie, readCookie } from '../people/cookies.ts';
import { isFullSignIn, readSession } from '../people/sessions.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import * as store from './settings-store.ts';
import type { Executor } from '../../database/types.ts';

const COOKIE = 'sam-settings';
const CODE_LIFE_SECONDS = 5 * 60;
const SESSION_LIFE_SECONDS = 30 * 60;

export const SETTINGS_PAGE = '/settings';

/** `BASE_URL/settings#<code>`: for this person, once, for five minutes; to be shown to them alone. */
export async function createSettingsLink(db: Executor, baseUrl: string, user: string): Promise<string> {
  const code = newSecret();
  await store.insertSettings(db, {
    hash: hashSecret(code),
    purpose: 'settings',
    user,
    lifeSeconds: CODE_LIFE_SECONDS,
  });
  // The fragment: it reaches no server, no log and no previewer.
  return `${baseUrl}${SETTINGS_PAGE}#${code}`;
}

export interface SettingsPerson {
  user: string;
  /** A code let them in, and not a sign-in. */
  isByCode: boolean;
  /** The cookie's value that they were found by. */
  secret: string;
}

/** A sign-in goes before a code: whoever signed in since then has said who they are. */
export async function readSettingsPerson(
  db: Executor,
  baseUrl: string,
  cookieHeader: string | undefined,
): Promise<SettingsPerson | undefined> {
  const session = await readSession(db, baseUrl, cookieHeader);
  if (session && isFullSignIn(session)) {
    const { user, secret } = session;
    return { user, isByCode: false, secret };
  }
  const secret = readCookie(baseUrl, COOKIE, cookieHeader);
  const user = secret && (await store.findSettings(db, hashSecret(secret)));
  return user ? { user, isByCode: true, secret } : undefined;
}

/** The Set-Cookie header of whoever has this code; undefined: it is spent, late, or of another person than the one signed in here. */
export async function spendSettingsCode(
  db: Executor,
  baseUrl: string,
  code: string,
  cookieHeader: string | undefined,
): Promise<string | undefined> {
  const session = await readSession(db, baseUrl, cookieHeader);
  const only = session && isFullSignIn(session) ? session.user : undefined;
  const secret = newSecret();
  const isIn = await db.transaction(async (tx) => {
    const user = await store.spendSettings(tx, hashSecret(code), only);
    if (!user) return false;
    const hash = hashSecret(secret);
    await store.insertSettings(tx, {
      hash,
      purpose: 'settings-session',
      user,
      lifeSeconds: SESSION_LIFE_SECONDS,
    });
    return true;
  });
  return isIn ? setCookie(baseUrl, COOKIE, secret, SESSION_LIFE_SECONDS) : undefined;
}

/** Forgets this browser, and gives the Set-Cookie header that makes it forget too. */
export async function endSettingsSession(
  db: Executor,
  baseUrl: string,
  cookieHeader: string | undefined,
): Promise<string> {
  const secret = readCookie(baseUrl, COOKIE, cookieHeader);
  if (secret) await store.dropSettings(db, hashSecret(secret));
  return setCookie(baseUrl, COOKIE, '', 0);
}
