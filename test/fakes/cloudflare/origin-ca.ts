// A small certificate authority: reads a certificate request (PKCS #10) and signs what Cloudflare's would. Also makes
// requests, for tests. Knows no HTTP. Only as much ASN.1 (X.690, DER) as that takes.
import { createPublicKey, generateKeyPairSync, randomBytes, sign, verify, type KeyObject } from 'node:crypto';

const SEQUENCE = 0x30;
const SET = 0x31;
const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

export interface Issued {
  /** Decimal. */
  serial: string;
  pem: string;
  expiresAt: Date;
}

export function createAuthority() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = nameOf('fake origin certificate authority');
  return {
    /** PEM; whoever trusts it trusts what it issues. */
    certificate: toPem('CERTIFICATE', signed(ownBody(issuer, publicKey), privateKey)),
    /** Throws if the request is none, or not signed by its own key. */
    issue(csr: string, hostnames: string[], days: number, now: Date): Issued {
      const serial = randomBytes(15);
      const expiresAt = new Date(now.getTime() + days * 24 * 60 * 60_000);
      const alternatives = hostnames.map((host) => wrap(0x82, Buffer.from(host)));
      const extension = sequence(oid('2.5.29.17'), wrap(0x04, sequence(...alternatives)));
      const body = sequence(
        wrap(0xa0, wrap(0x02, Buffer.from([2]))),
        wrap(0x02, Buffer.concat([Buffer.from([1]), serial])),
        ECDSA_SHA256,
        issuer,
        sequence(time(now), time(expiresAt)),
        nameOf(hostnames[0] ?? ''),
        readRequest(csr),
        wrap(0xa3, sequence(extension)),
      );
      const pem = toPem('CERTIFICATE', signed(body, privateKey));
      return { serial: BigInt(`0x01${serial.toString('hex')}`).toString(), pem, expiresAt };
    },
  };
}

/** An authority's own: signed by itself, `CA:TRUE`. */
function ownBody(name: Buffer, key: KeyObject): Buffer {
  const isAuthority = sequence(wrap(0x01, Buffer.from([0xff])));
  const extension = sequence(oid('2.5.29.19'), wrap(0x01, Buffer.from([0xff])), wrap(0x04, isAuthority));
  const from = new Date(Date.now() - 60_000);
  return sequence(
    wrap(0xa0, wrap(0x02, Buffer.from([2]))),
    wrap(0x02, Buffer.from([1])),
    ECDSA_SHA256,
    name,
    sequence(time(from), time(new Date(from.getTime() + 24 * 60 * 60_000))),
    name,
    key.export({ type: 'spki', format: 'der' }),
    wrap(0xa3, sequence(extension)),
  );
}

/** A request as a node makes it, and the key that never leaves it. */
export function createRequest(host: string): { csr: string; privateKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const body = sequence(
    wrap(0x02, Buffer.from([0])),
    nameOf(host),
    publicKey.export({ type: 'spki', format: 'der' }),
    wrap(0xa0, Buffer.alloc(0)),
  );
  return { csr: toPem('CERTIFICATE REQUEST', signed(body, privateKey)), privateKey };
}

/** The public key of a request (SPKI, DER), once its signature proves that the asker has the other half. */
function readRequest(csr: string): Buffer {
  const base64 = /-----BEGIN CERTIFICATE REQUEST-----([\s\S]+?)-----END CERTIFICATE REQUEST-----/.exec(csr);
  const [body, , signature] = children(first(Buffer.from(base64?.[1] ?? '', 'base64')));
  const spki = body && children(body)[2];
  if (!body || !signature || !spki) throw new Error('this is no certificate request');
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (!verify('sha256', body, key, content(signature).subarray(1)))
    throw new Error('the request is not signed by its own key');
  return spki;
}

const signed = (body: Buffer, key: KeyObject): Buffer =>
  sequence(body, ECDSA_SHA256, wrap(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, key)])));

function nameOf(host: string): Buffer {
  const commonName = sequence(oid('2.5.4.3'), wrap(0x0c, Buffer.from(host)));
  return sequence(wrap(SET, commonName));
}

/** UTCTime: YYMMDDHHMMSSZ. */
const time = (date: Date): Buffer =>
  wrap(0x17, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));

function oid(dotted: string): Buffer {
  const [one = 0, two = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = rest.flatMap((part) => {
    const digits = [part & 127];
    for (let left = part >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128);
    return digits;
  });
  return wrap(0x06, Buffer.from([one * 40 + two, ...bytes]));
}

function sequence(...parts: Buffer[]): Buffer {
  return wrap(SEQUENCE, Buffer.concat(parts));
}

function wrap(tag: number, inner: Buffer): Buffer {
  const size = inner.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), inner]);
}

/** Where the content of the element at the start begins and ends. */
function bounds(der: Buffer): { start: number; end: number } {
  const short = der[1] ?? 0;
  const size = short < 128 ? 0 : short & 127;
  const start = 2 + size;
  const length = size === 0 ? short : der.subarray(2, start).reduce((sum, byte) => sum * 256 + byte, 0);
  if (der.length < 2 || start + length > der.length) throw new Error('this is no DER');
  return { start, end: start + length };
}

const first = (der: Buffer): Buffer => der.subarray(0, bounds(der).end);
const content = (der: Buffer): Buffer => der.subarray(bounds(der).start, bounds(der).end);

function children(der: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let rest = content(der); rest.length > 0; rest = rest.subarray(first(rest).length))
    found.push(first(rest));
  return found;
}

const toPem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`;
