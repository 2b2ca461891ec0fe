// A certificate request (PKCS #10, RFC 2986) for one host name and a P-256 key: the few parts of DER that it needs.
// Knows no file and no bot.
import { createPublicKey, sign, type KeyObject } from 'node:crypto';

const Tag = {
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTF8: 0x0c,
  SEQUENCE: 0x30,
  SET: 0x31,
  /** A field numbered 0 that holds others. */
  FIELD_0: 0xa0,
  /** `dNSName` of a `GeneralName` (RFC 5280, 4.2.1.6). */
  DNS_NAME: 0x82,
} as const;

// Object identifiers, as DER has them.
const COMMON_NAME = '550403'; // 2.5.4.3
const EXTENSION_REQUEST = '2a864886f70d01090e'; // 1.2.840.113549.1.9.14
const SUBJECT_ALT_NAME = '551d11'; // 2.5.29.17
const ECDSA_WITH_SHA256 = '2a8648ce3d040302'; // 1.2.840.10045.4.3.2

/** RFC 5280 lets a common name have so many characters; a longer host name stands among the alternative names alone. */
const MAX_COMMON_NAME = 64;

/** PEM. `key` is a private key on P-256; it signs, and is not in it. `hostname` in ASCII. */
export function makeCertificateRequest(key: KeyObject, hostname: string): string {
  const info = sequence(
    der(Tag.INTEGER, Buffer.from([0])),
    subject(hostname),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der(Tag.FIELD_0, alternativeNames(hostname)),
  );
  const signature = sign('sha256', info, key);
  const request = sequence(info, sequence(oid(ECDSA_WITH_SHA256)), bits(signature));
  const lines = request.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join(
    '\n',
  );
}

function subject(hostname: string): Buffer {
  if (hostname.length > MAX_COMMON_NAME) return sequence();
  return sequence(der(Tag.SET, sequence(oid(COMMON_NAME), der(Tag.UTF8, Buffer.from(hostname)))));
}

function alternativeNames(hostname: string): Buffer {
  const names = sequence(der(Tag.DNS_NAME, Buffer.from(hostname, 'ascii')));
  const extension = sequence(oid(SUBJECT_ALT_NAME), der(Tag.OCTET_STRING, names));
  return sequence(oid(EXTENSION_REQUEST), der(Tag.SET, sequence(extension)));
}

const sequence = (...parts: Buffer[]): Buffer => der(Tag.SEQUENCE, Buffer.concat(parts));
const oid = (hex: string): Buffer => der(Tag.OID, Buffer.from(hex, 'hex'));
/** All bits of the last byte count. */
const bits = (content: Buffer): Buffer => der(Tag.BIT_STRING, Buffer.concat([Buffer.from([0]), content]));

function der(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), lengthOf(content), content]);
}

/** One byte up to 127; else how many bytes the length has, and these. */
function lengthOf({ length }: Buffer): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}
