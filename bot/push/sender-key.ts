// The key that says to push services that a message is ours (RFC 8292, VAPID): made once for the installation, sealed in the database.
// Knows no browser and no event.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { createVault, type Place, type Sealed } from '../access/vault.ts';
import type { Executor } from '../database/types.ts';
import { keepSenderKey, replaceSenderKey } from './push-store.ts';

export interface SenderKey {
  /** What browsers subscribe with: base64url. */
  shown: string;
  /** The header `Authorization` of a request to that origin. */
  authorize(origin: string): Promise<string>;
}

const PLACE: Place = { table: 'credentials', column: 'ciphertext', rowId: 'push', tenant: 'push' };
/** Services take a day at most. */
const LIFE = '12 hours';

/**
 * `keys`: those of the vault, the new one first. Undefined: there is none, so none can be kept. Throws an UnreadableError for one
 * that no key of the ring opens. `contact`: where those who run a push service may turn to.
 */
export async function openSenderKey(
  db: Executor,
  keys: Buffer[],
  contact: string,
): Promise<SenderKey | undefined> {
  if (keys.length === 0) return undefined;
  const vault = createVault(keys);
  const kept = await keepSenderKey(db, PLACE.rowId, () => vault.seal(makeKey(), PLACE));
  const secret = createPrivateKey(vault.open(kept, PLACE));
  const next: Sealed | undefined = vault.reseal(kept, PLACE);
  if (next) await replaceSenderKey(db, PLACE.rowId, kept, next);
  const shown = pointOf(secret);
  // Some services refuse an address that is none of the web.
  const subject = contact.startsWith('https:') ? { sub: contact } : {};
  return {
    shown,
    async authorize(origin) {
      const token = await new SignJWT(subject)
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
        .setAudience(origin)
        .setExpirationTime(LIFE)
        .sign(secret);
      return `vapid t=${token}, k=${shown}`;
    },
  };
}

const makeKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();

/** Its public half as one point, uncompressed. */
function pointOf(secret: KeyObject): string {
  const { x = '', y = '' } = createPublicKey(secret).export({ format: 'jwk' });
  const parts = [Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  return Buffer.concat(parts).toString('base64url');
}
