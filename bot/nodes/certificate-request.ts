// Reads a certificate request (PKCS #10, RFC 2986) as far as it matters who may have it: key, names, signature.
// Whatever it does not know it refuses. Knows no node and no vendor.
import { createPublicKey, verify, type KeyObject } from 'node:crypto';

const MAX_BYTES = 2048;

export interface CertificateRequest {
  /** Of the subject and of the alternative names, in lower case; each once. */
  hostnames: string[];
  /** On P-256; the request is signed with the other half of it. */
  publicKey: KeyObject;
}

const Tag = {
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTF8: 0x0c,
  PRINTABLE: 0x13,
  SEQUENCE: 0x30,
  SET: 0x31,
  FIELD_0: 0xa0,
  DNS_NAME: 0x82,
} as const;
const Oid = {
  COMMON_NAME: '550403',
  EXTENSION_REQUEST: '2a864886f70d01090e',
  SUBJECT_ALT_NAME: '551d11',
  ECDSA_WITH_SHA256: '2a8648ce3d040302',
} as const;

/** Throws an Error, whose message is for a log, on anything but a request that is whole, ours in form, and well signed. */
export function readCertificateRequest(pem: string): CertificateRequest {
  const [request, ...rest] = children(fromPem(pem));
  const [info, algorithm, signature] = children(want(request, Tag.SEQUENCE));
  const [version, subject, spki, attributes] = children(want(info, Tag.SEQUENCE));
  if (rest.length > 0 || want(version, Tag.INTEGER).toString('hex') !== '00')
    throw new Error('csr: another version');
  const publicKey = readKey(spki);
  const [oid] = children(want(algorithm, Tag.SEQUENCE));
  if (want(oid, Tag.OID).toString('hex') !== Oid.ECDSA_WITH_SHA256)
    throw new Error('csr: another kind of signature');
  // Its first byte says how many bits of the last do not count.
  const [unused, bits] = [want(signature, Tag.BIT_STRING)[0], signature?.content.subarray(1)];
  if (!info || !bits || unused !== 0 || !verify('sha256', info.whole, publicKey, bits))
    throw new Error('csr: the signature is not right');
  const names = [...readSubject(subject), ...readAttributes(attributes)];
  return { hostnames: [...new Set(names.map((name) => name.toLowerCase()))], publicKey };
}

interface Part {
  tag: number;
  content: Buffer;
  /** With its tag and length. */
  whole: Buffer;
}

function fromPem(pem: string): Buffer {
  const [, base64 = ''] =
    /^-----BEGIN CERTIFICATE REQUEST-----\n([A-Za-z0-9+/=\n]{1,4096})-----END CERTIFICATE REQUEST-----\n?$/.exec(
      pem,
    ) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length === 0 || bytes.length > MAX_BYTES) throw new Error('csr: not a PEM of a fitting size');
  return bytes;
}

/** The parts that lie one behind the other in `bytes`, to their end. */
function children(bytes: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < bytes.length;) {
    const { start, length } = readLength(bytes, at + 1);
    const end = start + length;
    if (end > bytes.length) throw new Error('csr: cut off');
    parts.push({ tag: bytes[at] ?? 0, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) });
    at = end;
  }
  return parts;
}

function readLength(bytes: Buffer, at: number): { start: number; length: number } {
  const first = bytes[at];
  if (first === undefined) throw new Error('csr: cut off');
  if (first < 0x80) return { start: at + 1, length: first };
  const count = first & 0x7f;
  if (count === 0 || count > 2 || at + 1 + count > bytes.length)
    throw new Error('csr: a length that does not fit');
  return { start: at + 1 + count, length: bytes.readUIntBE(at + 1, count) };
}

function want(part: Part | undefined, tag: number): Buffer {
  if (part?.tag !== tag) throw new Error('csr: something else was expected here');
  return part.content;
}

function readKey(spki: Part | undefined): KeyObject {
  if (!spki) throw new Error('csr: it has no key');
  const key = createPublicKey({ key: spki.whole, format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error('csr: the key is not on P-256');
  return key;
}

function readSubject(subject: Part | undefined): string[] {
  return children(want(subject, Tag.SEQUENCE)).flatMap((set) =>
    children(want(set, Tag.SET)).map((pair) => {
      const [oid, value] = children(want(pair, Tag.SEQUENCE));
      if (want(oid, Tag.OID).toString('hex') !== Oid.COMMON_NAME)
        throw new Error('csr: the subject says more than a name');
      return want(value, value?.tag === Tag.PRINTABLE ? Tag.PRINTABLE : Tag.UTF8).toString('utf8');
    }),
  );
}

function readAttributes(attributes: Part | undefined): string[] {
  return children(want(attributes, Tag.FIELD_0)).flatMap((attribute) => {
    const [oid, values] = children(want(attribute, Tag.SEQUENCE));
    if (want(oid, Tag.OID).toString('hex') !== Oid.EXTENSION_REQUEST)
      throw new Error('csr: an unknown attribute');
    return children(want(values, Tag.SET)).flatMap((list) =>
      children(want(list, Tag.SEQUENCE)).flatMap(readExtension),
    );
  });
}

function readExtension(extension: Part): string[] {
  const [oid, value] = children(want(extension, Tag.SEQUENCE));
  if (want(oid, Tag.OID).toString('hex') !== Oid.SUBJECT_ALT_NAME)
    throw new Error('csr: an unknown extension');
  const [names] = children(want(value, Tag.OCTET_STRING));
  return children(want(names, Tag.SEQUENCE)).map((name) => want(name, Tag.DNS_NAME).toString('latin1'));
}
