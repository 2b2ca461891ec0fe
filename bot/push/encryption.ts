// Seals a message for one browser, so that the push service between cannot read it (RFC 8291: aes128gcm, one record). Knows no service
// and no row. There is no package for it here: the one that is known was last released years ago, and brings 15 others for this.
import { createCipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';

/** The browser's own, base64url: its key on the curve P-256, and a secret of 16 bytes. */
export interface BrowserKeys {
  p256dh: string;
  auth: string;
}

/** What is new for each message. */
interface Fresh {
  salt: Buffer;
  /** Of a key pair that is used once. */
  secret: Buffer;
}

const CURVE = 'prime256v1';
const POINT_BYTES = 65;
const AUTH_BYTES = 16;
const KEY_BYTES = 16;
const NONCE_BYTES = 12;
const SECRET_BYTES = 32;
const RECORD_BYTES = 4096;
/** The end of the last record's text; what may follow it are zeros. */
const LAST = Buffer.of(2);

export const areKeys = ({ p256dh, auth }: BrowserKeys): boolean =>
  Buffer.from(auth, 'base64url').length === AUTH_BYTES && isPoint(Buffer.from(p256dh, 'base64url'));

/** The body of a request to the push service. Throws for keys that are none. */
export function encrypt(text: string, { p256dh, auth }: BrowserKeys, fresh: Fresh = makeFresh()): Buffer {
  const theirs = Buffer.from(p256dh, 'base64url');
  const pair = createECDH(CURVE);
  pair.setPrivateKey(fresh.secret);
  const ours = pair.getPublicKey();
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), theirs, ours]);
  const shared = derive(pair.computeSecret(theirs), Buffer.from(auth, 'base64url'), info, SECRET_BYTES);
  const key = derive(shared, fresh.salt, Buffer.from('Content-Encoding: aes128gcm\0'), KEY_BYTES);
  const nonce = derive(shared, fresh.salt, Buffer.from('Content-Encoding: nonce\0'), NONCE_BYTES);
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  const body = [cipher.update(text, 'utf8'), cipher.update(LAST), cipher.final(), cipher.getAuthTag()];
  const size = Buffer.alloc(4);
  size.writeUInt32BE(RECORD_BYTES);
  return Buffer.concat([fresh.salt, size, Buffer.of(ours.length), ours, ...body]);
}

const derive = (secret: Buffer, salt: Buffer, info: Buffer, bytes: number): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, info, bytes));

function makeFresh(): Fresh {
  const pair = createECDH(CURVE);
  pair.generateKeys();
  // Leading zeros are not part of what it gives.
  const secret = Buffer.concat([Buffer.alloc(SECRET_BYTES), pair.getPrivateKey()]).subarray(-SECRET_BYTES);
  return { salt: randomBytes(KEY_BYTES), secret };
}

/** Uncompressed, and on the curve. */
function isPoint(point: Buffer): boolean {
  if (point.length !== POINT_BYTES || point[0] !== 4) return false;
  const pair = createECDH(CURVE);
  pair.generateKeys();
  try {
    return pair.computeSecret(point).length > 0;
  } catch {
    return false;
  }
}
