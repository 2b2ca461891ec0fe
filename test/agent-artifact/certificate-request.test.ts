// The request for a certificate: what openssl reads in it, and what the bot believes.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { makeCertificateRequest } from '../../agent/identity/certificate.ts';
import { readCertificateRequest } from '../../bot/nodes/certificate-request.ts';

const HOSTNAME = 'vm-abcdefghijkl.nodes.example.com';
const LONG = `vm-abcdefghijkl.${'long-'.repeat(9)}name.${'longer-'.repeat(7)}name.example.com`;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const folder = mkdtempSync(join(tmpdir(), 'sam-requests-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A request as openssl makes it, for any key. */
function request(key: KeyObject, ...args: string[]): string {
  const file = join(folder, 'key.pem');
  writeFileSync(file, key.export({ type: 'pkcs8', format: 'pem' }));
  return openssl('', 'req', '-new', '-key', file, ...args);
}

const openssl = (input: string, ...args: string[]): string =>
  execFileSync('openssl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });

test.each([HOSTNAME, LONG])('openssl reads the name, the key and a good signature: %s', (hostname) => {
  const csr = makeCertificateRequest(privateKey, hostname);
  const text = openssl(csr, 'req', '-verify', '-noout', '-text');
  expect(text).toContain(`DNS:${hostname}`);
  expect(text).toContain('ASN1 OID: prime256v1');
  expect(text).toContain('Signature Algorithm: ecdsa-with-SHA256');
  expect(text.includes(`CN = ${hostname}`)).toBe(hostname === HOSTNAME);
});

test('the private key is not in it', () => {
  const csr = Buffer.from(
    makeCertificateRequest(privateKey, HOSTNAME).replaceAll(/-----.*-----/g, ''),
    'base64',
  );
  const { d = '' } = privateKey.export({ format: 'jwk' });
  expect(csr.includes(Buffer.from(d, 'base64url'))).toBe(false);
});

test.each([HOSTNAME, LONG])('the bot reads in it what the node wrote: %s', (hostname) => {
  const { hostnames, publicKey } = readCertificateRequest(makeCertificateRequest(privateKey, hostname));
  expect(hostnames).toEqual([hostname]);
  expect(publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
});

test('the bot reads what openssl writes', () => {
  const names = ['-subj', '/CN=A.example.com', '-addext', 'subjectAltName=DNS:b.example.com'];
  const csr = request(privateKey, ...names);
  expect(readCertificateRequest(csr).hostnames).toEqual(['a.example.com', 'b.example.com']);
});

test('another kind of key, of name, or of extension is refused', () => {
  const other = (curve: string, ...args: string[]): string => {
    const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: curve });
    return request(key, '-subj', '/CN=a.example.com', ...args);
  };
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const ofRsa = request(rsa, '-subj', '/CN=a');
  const refused = [
    ofRsa,
    other('secp384r1'),
    other('P-256', '-addext', 'subjectAltName=IP:10.0.0.1'),
    other('P-256', '-addext', 'basicConstraints=CA:TRUE'),
    other('P-256', '-addext', 'subjectAltName=email:a@example.com'),
    '',
    'no PEM',
    `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.alloc(3000, 0x30).toString('base64')}\n-----END CERTIFICATE REQUEST-----`,
  ];
  for (const csr of refused) expect(() => readCertificateRequest(csr)).toThrow();
});

test('a request with one byte changed is never believed, and never breaks the bot', () => {
  const der = Buffer.from(
    makeCertificateRequest(privateKey, HOSTNAME).replaceAll(/-----.*-----/g, ''),
    'base64',
  );
  const place = fc.record({ at: fc.nat(der.length - 1), by: fc.integer({ min: 1, max: 255 }) });
  fc.assert(
    fc.property(place, ({ at, by }) => {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ by;
      const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${changed.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
      expect(() => readCertificateRequest(pem)).toThrow();
    }),
    { numRuns: 1000 },
  );
});
