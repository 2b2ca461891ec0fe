// Reads a certificate request (PKCS #10, RFC 2986) as far as it matters who may have it: key, names, signature.
// Whatever it does not know it refuses. Knows no node and no vendor.
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { CertificationRequest, type CertificationRequestInfo } from '@peculiar/asn1-csr';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  Extensions,
  id_ce_subjectAltName,
  SubjectAlternativeName,
  type Attribute,
  type Extension,
  type RelativeDistinguishedName,
} from '@peculiar/asn1-x509';

const MAX_BYTES = 2048;
const COMMON_NAME = '2.5.4.3';
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

export interface CertificateRequest {
  /** Of the subject and of the alternative names, in lower case; each once. */
  hostnames: string[];
  /** On P-256; the request is signed with the other half of it. */
  publicKey: KeyObject;
}

/** Throws an Error, whose message is for a log, on anything but a request that is whole, ours in form, and well signed. */
export function readCertificateRequest(pem: string): CertificateRequest {
  const der = fromPem(pem);
  const request = AsnConvert.parse(der, CertificationRequest);
  // DER has one way to write a thing; in any other way two readers may see two things.
  if (!Buffer.from(AsnConvert.serialize(request)).equals(der)) throw new Error('csr: not written in DER');
  const { certificationRequestInfo: info, certificationRequestInfoRaw: signed } = request;
  const { algorithm, parameters } = request.signatureAlgorithm;
  if (info.version !== 0) throw new Error('csr: another version');
  if (algorithm !== ECDSA_WITH_SHA256 || parameters) throw new Error('csr: another kind of signature');
  const publicKey = readKey(info);
  if (!signed || !verify('sha256', Buffer.from(signed), publicKey, Buffer.from(request.signature)))
    throw new Error('csr: the signature is not right');
  const names = [...info.subject.flatMap(readSubject), ...info.attributes.flatMap(readAttribute)];
  return { hostnames: [...new Set(names.map((name) => name.toLowerCase()))], publicKey };
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

function readKey({ subjectPKInfo }: CertificationRequestInfo): KeyObject {
  const spki = Buffer.from(AsnConvert.serialize(subjectPKInfo));
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error('csr: the key is not on P-256');
  return key;
}

function readSubject(pairs: RelativeDistinguishedName): string[] {
  return pairs.map(({ type, value }) => {
    const name = value.printableString ?? value.utf8String;
    if (type !== COMMON_NAME || name === undefined) throw new Error('csr: the subject says more than a name');
    return name;
  });
}

function readAttribute({ type, values }: Attribute): string[] {
  if (type !== EXTENSION_REQUEST) throw new Error('csr: an unknown attribute');
  return values.flatMap((value) => AsnConvert.parse(value, Extensions).flatMap(readExtension));
}

function readExtension({ extnID, extnValue }: Extension): string[] {
  if (extnID !== id_ce_subjectAltName) throw new Error('csr: an unknown extension');
  return AsnConvert.parse(extnValue, SubjectAlternativeName).map(({ dNSName }) => {
    if (dNSName === undefined) throw new Error('csr: a name that is no host name');
    return dNSName;
  });
}
