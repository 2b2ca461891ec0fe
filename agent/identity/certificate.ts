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
