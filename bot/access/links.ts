// Links that open a terminal: with a one-time code for the one who asked, or signed for all to see. Knows no HTTP.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { hashSecret, newSecret } from './secrets.ts';
import { findCodeUser, insertCode, spendCode as storeSpendCode } from './store/tokens.ts';
import type { Executor } from '../database/types.ts';

/** By the database's clock. */
export const CODE_LIFE_SECONDS = 300;

export interface Invitation {
  /** Its id. */
  workspace: string;
  user: string;
  /** The workspace's `access` now: the code ends when that moves. */
  access: number;
}

/** `BASE_URL/w/<id>#<code>`: for this person, once, for 5 minutes. The caller has checked that they may open it. */
export async function createLink(db: Executor, baseUrl: string, invitation: Invitation): Promise<string> {
  const code = newSecret();
  await insertCode(db, { ...invitation, hash: hashSecret(code), lifeSeconds: CODE_LIFE_SECONDS });
  // The fragment: it reaches no server, no log and no previewer.
  return `${pageUrl(baseUrl, invitation.workspace)}#${code}`;
}

export type Spent =
  | { user: string; access: number }
  /** `other-person`: this browser is somebody else's, and the code is still good. `spent`: unknown, used, late or revoked. */
  | 'other-person'
  | 'spent';

/** `user`: whose browser it is, if anybody's. One statement spends the code, or leaves it as it is. */
export async function spendCode(
  db: Executor,
  code: string,
  workspace: string,
  user: string | undefined,
): Promise<Spent> {
  const hash = hashSecret(code);
  const spent = await storeSpendCode(db, { hash, workspace, user });
  if (spent) return spent;
  const owner = await findCodeUser(db, hash, workspace);
  return user !== undefined && owner !== undefined && owner !== user ? 'other-person' : 'spent';
}

/** The page of a workspace. */
export const pageUrl = (baseUrl: string, workspace: string): string => `${baseUrl}/w/${workspace}`;

/** Of links that everyone can read, worth nothing without sign-in; a workspace is given by its id. */
export interface LinkSigner {
  /** `BASE_URL/w/<id>?s=<signature>`; lives as long as the workspace, whatever becomes of its `access`. */
  sign(baseUrl: string, workspace: string): string;
  isSigned(workspace: string, signature: string): boolean;
}

/** `keys`: those of the vault; the first signs, all verify. */
export function createLinkSigner(keys: Buffer[]): LinkSigner {
  const derived = keys.map((key) => Buffer.from(hkdfSync('sha256', key, '', 'sam signed link', 32)));
  const [newest] = derived;
  if (!newest) throw new Error('a link signer needs a key');
  return {
    sign: (baseUrl, workspace) => `${pageUrl(baseUrl, workspace)}?s=${signatureOf(newest, workspace)}`,
    isSigned: (workspace, signature) => derived.some((key) => isSame(signatureOf(key, workspace), signature)),
  };
}

const signatureOf = (key: Buffer, workspace: string): string =>
  createHmac('sha256', key).update(workspace).digest('base64url');

function isSame(wanted: string, given: string): boolean {
  const [one, other] = [Buffer.from(wanted), Buffer.from(given)];
  return one.length === other.length && timingSafeEqual(one, other);
}
