// The node's certificate for its terminal: a key that never leaves the node, a certificate that the bot gets for it, a new
// one at two thirds of its life. Knows no socket.
import {
  createPrivateKey,
  generateKeyPairSync,
  X509Certificate,
  type KeyObject,
  createPublicKey,
  sign,
} from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Attributes, CertificationRequest, CertificationRequestInfo } from '@peculiar/asn1-csr';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  Attribute,
  AttributeTypeAndValue,
  AttributeValue,
  Extension,
  Extensions,
  GeneralName,
  id_ce_subjectAltName,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509';
import { z } from 'zod';
import { backoffMs } from '../bot-link/backoff.ts';
import { findJson, writeJson } from '../system/files.ts';
import { describeError, type Log } from '../log.ts';
import type { Bootstrap } from '../protocol.ts';

const REQUEST_TIMEOUT_MS = 60_000;
const RETRY = { firstMs: 1_000, maxMs: 5 * 60_000 };
/** The longest that a timer of Node can wait is 24.8 days. */
const MAX_WAIT_MS = 24 * 3600_000;

/** PEMs, for a secure context. */
export interface Pair {
  key: string;
  cert: string;
}

export interface CertificateOptions {
  /** Where key and certificate lie. */
  dir: string;
  samUrl: string;
  credentials: { current(): Bootstrap };
  /** One to serve with from now on; called again with each newer one. */
  onPair: (pair: Pair) => void;
  log: Log;
  signal: AbortSignal;
  /** ms since 1970, for tests. */
  now?: () => number;
  retry?: { firstMs: number; maxMs: number };
}

/** Goes on until `signal` ends it; then it resolves. What goes wrong is logged, and tried again. */
export async function keepCertificate(options: CertificateOptions): Promise<void> {
  const { signal, log, onPair, now = Date.now, retry = RETRY } = options;
  try {
    const key = await loadKey(join(options.dir, 'terminal-key.json'));
    let cert = await findCertificate(options, key);
    if (cert !== undefined) onPair({ key: pemOf(key), cert });
    for (let attempt = 0; ;) {
      if (cert !== undefined && now() < renewalOf(cert)) {
        const waitMs = Math.min(renewalOf(cert) - now(), MAX_WAIT_MS);
        await delay(waitMs, undefined, { signal });
        continue;
      }
      try {
        cert = await obtain(options, key);
        attempt = 0;
        onPair({ key: pemOf(key), cert });
        log.info('the terminal has a new certificate', { until: new X509Certificate(cert).validTo });
      } catch (error) {
        signal.throwIfAborted();
        log.error('no certificate for the terminal; trying again', { error: describeError(error) });
        await delay(backoffMs(attempt++, retry.firstMs, retry.maxMs), undefined, { signal });
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Readable by the agent's user alone (files.ts). */
async function loadKey(path: string): Promise<KeyObject> {
  const kept = await findJson(path);
  if (typeof kept === 'string') return createPrivateKey(kept);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeJson(path, pemOf(privateKey));
  return privateKey;
}

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const pathOf = (dir: string): string => join(dir, 'terminal-certificate.json');

/** The kept one, if it is of this key and not over. */
async function findCertificate(
  { dir, now = Date.now }: CertificateOptions,
  key: KeyObject,
): Promise<string | undefined> {
  const kept = await findJson(pathOf(dir)).catch(() => undefined);
  if (typeof kept !== 'string' || !isFor(kept, key)) return undefined;
  return now() < new X509Certificate(kept).validToDate.getTime() ? kept : undefined;
}

function isFor(pem: string, key: KeyObject): boolean {
  try {
    return new X509Certificate(pem).checkPrivateKey(key);
  } catch {
    return false;
  }
}

/** Two thirds of the way from its first moment to its last; ms since 1970. */
function renewalOf(pem: string): number {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
  return from + ((to - from) * 2) / 3;
}

const hostnameShape = z.object({ hostname: z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/) });
const certificateShape = z.object({ certificate: z.string().max(100_000) });

async function obtain(options: CertificateOptions, key: KeyObject): Promise<string> {
  const { hostname } = hostnameShape.parse(await call(options, 'GET'));
  const csr = makeCertificateRequest(key, hostname);
  const { certificate } = certificateShape.parse(await call(options, 'POST', { csr }));
  if (!isFor(certificate, key)) throw new Error('certificate: what came is for another key');
  await writeJson(pathOf(options.dir), certificate);
  return certificate;
}

async function call(
  { samUrl, credentials, signal }: CertificateOptions,
  method: 'GET' | 'POST',
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(`${samUrl}/agent/certificate`, {
    method,
    headers: {
      authorization: `Bearer ${credentials.current().token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    redirect: 'error',
  });
  const text = await response.text();
  if (!response.ok)
    throw new Error(`certificate: the bot answered ${response.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

const COMMON_NAME = '2.5.4.3';
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/** RFC 5280 lets a common name have so many characters; a longer host name stands among the alternative names alone. */
const MAX_COMMON_NAME = 64;

/** PEM, PKCS #10 (RFC 2986). `key` is a private key on P-256; it signs, and is not in it. `hostname` in ASCII. */
export function makeCertificateRequest(key: KeyObject, hostname: string): string {
  const info = new CertificationRequestInfo({
    subject: new Name(hostname.length > MAX_COMMON_NAME ? [] : [commonName(hostname)]),
    subjectPKInfo: AsnConvert.parse(
      createPublicKey(key).export({ type: 'spki', format: 'der' }),
      SubjectPublicKeyInfo,
    ),
    attributes: new Attributes([
      new Attribute({ type: EXTENSION_REQUEST, values: [AsnConvert.serialize(alternativeNames(hostname))] }),
    ]),
  });
  const request = new CertificationRequest({
    certificationRequestInfo: info,
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 }),
    signature: Uint8Array.from(sign('sha256', Buffer.from(AsnConvert.serialize(info)), key)).buffer,
  });
  const lines =
    Buffer.from(AsnConvert.serialize(request))
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join(
    '\n',
  );
}

function commonName(hostname: string): RelativeDistinguishedName {
  const value = new AttributeValue({ utf8String: hostname });
  return new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })]);
}

function alternativeNames(hostname: string): Extensions {
  const names = new SubjectAlternativeName([new GeneralName({ dNSName: hostname })]);
  const extnValue = new OctetString(AsnConvert.serialize(names));
  return new Extensions([new Extension({ extnID: id_ce_subjectAltName, extnValue })]);
}
