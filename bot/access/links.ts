// Links that open a terminal: with a one-time code for the one who asked, or signed for all to see. Knows no HTTP.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { hashSecret, newSecret } from './secrets.ts';
import { findCodeUser, insertCode, prolongCode, spendCode as storeSpendCode } from './store/tokens.ts';
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
  return linkOf(baseUrl, invitation, code);
}

/** The same link as long as it is unspent, for whoever asks again and again. Of its code only the hash is kept: `key` makes it anew. */
export async function repeatLink(
  db: Executor,
  baseUrl: string,
  invitation: Invitation,
  key: Buffer,
): Promise<string> {
  const last = await prolongCode(db, { ...invitation, lifeSeconds: CODE_LIFE_SECONDS });
  const again = last && codeAt(key, invitation, last.createdAt);
  if (again !== undefined && hashSecret(again) === last?.hash) return linkOf(baseUrl, invitation, again);
  const createdAt = new Date();
  const code = codeAt(key, invitation, createdAt);
  await insertCode(db, { ...invitation, hash: hashSecret(code), createdAt, lifeSeconds: CODE_LIFE_SECONDS });
  return linkOf(baseUrl, invitation, code);
}

function codeAt(key: Buffer, { workspace, user, access }: Invitation, createdAt: Date): string {
  const derived = Buffer.from(hkdfSync('sha256', key, '', 'sam link code', 32));
  return createHmac('sha256', derived)
    .update(JSON.stringify([workspace, user, access, createdAt.getTime()]))
    .digest('base64url');
}

/** The fragment: it reaches no server, no log and no previewer. */
const linkOf = (baseUrl: string, { workspace }: Invitation, code: string): string =>
  `${pageUrl(baseUrl, workspace)}#${code}`;

/** The same code, for whoever wants to a port of the workspace first. */
export const toPort = (link: string, { workspace, port }: { workspace: string; port: number }): string =>
  link.replace(`/w/${workspace}#`, `/ports/${workspace}/${port}#`);

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
