// How machines get out, and whom they trust beside the public authorities: from the bot's environment to what they boot with.
// Knows no cloud.
import { X509Certificate } from 'node:crypto';
import type { Reader } from '../../environment.ts';

export interface Network {
  /** `http://user:password@host:port`, without a slash at the end. Undefined: they get out by themselves. */
  proxy: string | undefined;
  /** Hosts that are reached without it, beside the machine itself. */
  direct: string[];
  /** Certificates, PEM. */
  authorities: string[];
}

/** Of the 32 KiB that a machine may boot with. */
const MAX_AUTHORITIES_BYTES = 12 * 1024;

export const readNetwork = ({ read }: Reader): Network => ({
  proxy: read('NODE_PROXY', undefined, parseProxy, 'an address like `http://proxy.example.com:3128`'),
  direct: read('NODE_NO_PROXY', [], parseHosts, 'hosts like `git.example.com,.internal,10.0.0.0/8`'),
  authorities: read(
    'NODE_CA',
    [],
    parseCertificates,
    `certificates: PEM, or its base64; ${MAX_AUTHORITIES_BYTES / 1024} KiB at most`,
  ),
});

/** It goes into files where some characters mean something: those are there as `%` and two digits, or it is refused. */
function parseProxy(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, pathname, search, hash, href } = new URL(value);
  const isPlain = /^https?:$/.test(protocol) && pathname === '/' && !search && !hash;
  return isPlain && /^[\w.~%!$&*+,=:@/[\]-]+$/.test(href) ? href.replace(/\/$/, '') : undefined;
}

function parseHosts(value: string): string[] | undefined {
  const hosts = value.split(',').map((host) => host.trim());
  return hosts.every((host) => /^[\w.*:[\]/-]{1,253}$/.test(host)) ? hosts : undefined;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function parseCertificates(value: string): string[] | undefined {
  const text = value.includes('-----BEGIN') ? value : Buffer.from(value, 'base64').toString('utf8');
  const found = text.replaceAll('\\n', '\n').match(PEM) ?? [];
  try {
    const pems = found.map((pem) => new X509Certificate(pem).toString());
    const isSmall = Buffer.byteLength(pems.join('')) <= MAX_AUTHORITIES_BYTES;
    return pems.length > 0 && isSmall ? pems : undefined;
  } catch {
    return undefined;
  }
}

/** The machine itself, and where its cloud answers. */
const HERE = ['localhost', '127.0.0.1', '::1', '169.254.169.254'];
/** All that the system trusts, and so what was added to that: Node has a list of its own. */
const TRUSTED = '/etc/ssl/certs/ca-certificates.crt';

/** What programs on the machine find their way by; of each both names, since every program knows another one. */
export function variablesFor({ proxy, direct, authorities }: Network): Record<string, string> {
  const ways = proxy
    ? { http_proxy: proxy, https_proxy: proxy, no_proxy: [...HERE, ...direct].join(',') }
    : {};
  const upper = Object.entries(ways).map(([name, value]) => [name.toUpperCase(), value]);
  return {
    ...ways,
    ...Object.fromEntries(upper),
    ...(authorities.length > 0 && { NODE_EXTRA_CA_CERTS: TRUSTED }),
  };
}
