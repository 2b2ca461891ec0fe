// An authority that issues certificates, made with openssl in a folder of its own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Authority {
  /** PEM; whoever trusts it trusts what it issues. */
  certificate: string;
  /** Host names, in the order in which certificates were issued. */
  issued: string[];
  issue(csr: string, hostname: string): Promise<string>;
  remove(): void;
}

export function createAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'sam-authority-'));
  const at = (name: string) => join(folder, name);
  const issued: string[] = [];
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('ca.key'));
  openssl(
    'req',
    '-x509',
    '-key',
    at('ca.key'),
    '-days',
    '30',
    '-subj',
    '/CN=test authority',
    '-out',
    at('ca.pem'),
  );
  return {
    certificate: readFileSync(at('ca.pem'), 'utf8'),
    issued,
    issue: async (csr, hostname) => {
      issued.push(hostname);
      writeFileSync(at('request.pem'), csr);
      writeFileSync(at('names'), `subjectAltName=DNS:${hostname}`);
      const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'];
      return openssl(
        'x509',
        '-req',
        '-in',
        at('request.pem'),
        ...signer,
        '-days',
        '90',
        '-extfile',
        at('names'),
      );
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
}
