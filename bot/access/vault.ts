// Seals secrets for the database, so that whoever steals it reads none and can move none. Knows no table.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { StartError } from '../errors.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What was sealed is there and cannot be opened, whenever it is tried again. */
export class UnreadableError extends Error {}

/** Where a secret lies. What was sealed for one place opens at no other. */
export interface Place {
  table: string;
  column: string;
  rowId: string;
  /** Whose it is. */
  tenant: string;
}

export interface Sealed {
  /** Which key of the ring; no secret. */
  keyId: string;
  /** Nonce, tag, then as many bytes as the secret has. */
  ciphertext: Buffer;
}

export interface Vault {
  /** With the newest key. */
  seal(secret: string, place: Place): Sealed;
  /** Throws an UnreadableError if it was sealed for another place, with a key we do not have, or was changed. */
  open(sealed: Sealed, place: Place): string;
  /** The same secret under the newest key; undefined: it is already. For rewriting rows when they are read. */
  reseal(sealed: Sealed, place: Place): Sealed | undefined;
}

/** `keys`: 32 bytes each; the first seals, all open. */
export function createVault(keys: Buffer[]): Vault {
  const ring = keys.map((key) => ({ id: keyIdOf(key), key }));
  const [newest] = ring;
  if (!newest || keys.some((key) => key.length !== KEY_BYTES))
    throw new StartError(`ENCRYPTION_KEY must be ${KEY_BYTES} bytes, base64.`);
  const seal = (secret: string, place: Place): Sealed => ({
    keyId: newest.id,
    ciphertext: encrypt(newest.key, secret, place),
  });
  const open = (sealed: Sealed, place: Place): string => {
    const held = ring.find((candidate) => candidate.id === sealed.keyId);
    if (!held)
      throw new UnreadableError(`vault: open ${describe(place)}: no key ${sealed.keyId} in the ring`);
    return decrypt(held.key, sealed.ciphertext, place);
  };
  return {
    seal,
    open,
    reseal: (sealed, place) => (sealed.keyId === newest.id ? undefined : seal(open(sealed, place), place)),
  };
}

/** One or two keys, base64, with a comma or space between; the new one first. Throws a StartError. */
export function parseEncryptionKeys(text: string): Buffer[] {
  return text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((part) => {
      const key = Buffer.from(part, 'base64');
      if (key.length !== KEY_BYTES)
        throw new StartError(`ENCRYPTION_KEY must be ${KEY_BYTES} bytes, base64.`);
      return key;
    });
}

function encrypt(key: Buffer, secret: string, place: Place): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(addressOf(place));
  const body = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

function decrypt(key: Buffer, ciphertext: Buffer, place: Place): string {
  const nonce = ciphertext.subarray(0, NONCE_BYTES);
  const tag = ciphertext.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  try {
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(addressOf(place))
      .setAuthTag(tag);
    const body = ciphertext.subarray(NONCE_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new UnreadableError(`vault: open ${describe(place)}: it was changed, or sealed for another place`, {
      cause,
    });
  }
}

/** `table:column:rowid:tenant`; a colon inside a part is escaped, so no two places have one address. */
const addressOf = ({ table, column, rowId, tenant }: Place): Buffer =>
  Buffer.from(
    [table, column, rowId, tenant].map((part) => encodeURIComponent(part.toWellFormed())).join(':'),
  );

const describe = ({ table, column, rowId }: Place): string => `${table}.${column} of ${rowId}`;

const keyIdOf = (key: Buffer): string =>
  createHash('sha256').update('sam vault key id\0').update(key).digest('hex').slice(0, 16);
