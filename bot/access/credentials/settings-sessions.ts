// Who somebody is on their own page and in its calls: by a sign-in, or by a code that the chat showed them alone. Such a code lets
// in nowhere else: its cookie is another one, and no path but those asks for it.
import { setCookie, readCookie } from '../people/cookies.ts';
import { isFullSignIn, readSession } from '../people/sessions.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { recordOwn } from '../store/audit.ts';
import { dropOneTime, findOneTime, insertOneTime, spendOneTime, type OneTime } from '../store/one-time.ts';
import type { Executor } from '../../database/types.ts';

const COOKIE = 'sam-settings';
const CODE_LIFE_SECONDS = 5 * 60;
const SESSION_LIFE_SECONDS = 30 * 60;

export const SETTINGS_PAGE = '/settings';

const codeOf = (code: string): OneTime => ({ hash: hashSecret(code), purpose: 'settings' });
const browserOf = (secret: string): OneTime => ({ hash: hashSecret(secret), purpose: 'settings-session' });

/** `BASE_URL/settings#<code>`: for this person, once, for five minutes; to be shown to them alone. */
export async function createSettingsLink(db: Executor, baseUrl: string, user: string): Promise<string> {
  const code = newSecret();
  await insertOneTime(db, { ...codeOf(code), subject: user, user, lifeSeconds: CODE_LIFE_SECONDS });
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
  const user = secret && (await findOneTime(db, browserOf(secret)));
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
    const user = await spendOneTime(tx, codeOf(code), only);
    if (!user) return false;
    const browser = { ...browserOf(secret), subject: user, user };
    await insertOneTime(tx, { ...browser, lifeSeconds: SESSION_LIFE_SECONDS });
    await recordOwn(tx, user, 'link-spent', SETTINGS_PAGE);
    return true;
  });
  return isIn ? setCookie(baseUrl, COOKIE, secret, SESSION_LIFE_SECONDS) : undefined;
}

export const hasSettingsCookie = (baseUrl: string, cookieHeader: string | undefined): boolean =>
  readCookie(baseUrl, COOKIE, cookieHeader) !== undefined;

/** Forgets this browser, and gives the Set-Cookie header that makes it forget too. */
export async function endSettingsSession(
  db: Executor,
  baseUrl: string,
  cookieHeader: string | undefined,
): Promise<string> {
  const secret = readCookie(baseUrl, COOKIE, cookieHeader);
  if (secret) await endSession(db, browserOf(secret));
  return setCookie(baseUrl, COOKIE, '', 0);
}

async function endSession(db: Executor, browser: OneTime): Promise<void> {
  await db.transaction(async (tx) => {
    const user = await findOneTime(tx, browser);
    await dropOneTime(tx, browser);
    if (user) await recordOwn(tx, user, 'sign-out', SETTINGS_PAGE);
  });
}
