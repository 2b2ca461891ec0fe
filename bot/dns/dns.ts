// The contract of the DNS: one name for each node, behind an edge that holds the public certificate. Knows no rows.
//
// Who calls: the reconciler and the sweep, nobody else; never inside a transaction, one call at a time per name.
//
// - A record is ours if it says so itself: its comment names us, our installation and the node. Whatever else is
//   in the zone is never changed, and `find`, `list` and `remove` do not see it.
// - `ensure` may be repeated after any failure, and ends with exactly one record of ours of that name, with that
//   address, behind the edge. It looks first, deletes what is double or outdated, and throws (not retryable) if a
//   record of somebody else has the name.
// - `find` asks the outside world each time. An empty answer means: there is no record of ours of this name. Not
//   being able to ask is an error, never an empty answer.
// - `remove` takes every record of ours of that name, and the one with that id if it is ours. Removing what is
//   gone is not an error.
// - A name is one below the domain that the DNS was made with; any other is refused (not retryable).
// - Every call ends within the time-out that the DNS was made with. Errors are ProviderError, without secrets in
//   message or cause.
import { isIP } from 'node:net';
import type { Reader } from '../environment.ts';

// The contract of the DNS: one name for each node, behind an edge that holds the public certificate. Knows no rows.
//
// Who calls: the reconciler and the sweep, nobody else; never inside a transaction, one call at a time per name.
//
// - A record is ours if it says so itself: its comment names us, our installation and the node. Whatever else is
//   in the zone is never changed, and `find`, `list` and `remove` do not see it.
// - `ensure` may be repeated after any failure, and ends with exactly one record of ours of that name, with that
//   address, behind the edge. It looks first, deletes what is double or outdated, and throws (not retryable) if a
//   record of somebody else has the name.
// - `find` asks the outside world each time. An empty answer means: there is no record of ours of this name. Not
//   being able to ask is an error, never an empty answer.
// - `remove` takes every record of ours of that name, and the one with that id if it is ours. Removing what is
//   gone is not an error.
// - A name is one below the domain that the DNS was made with; any other is refused (not retryable).
// - Every call ends within the time-out that the DNS was made with. Errors are ProviderError, without secrets in
//   message or cause.

export interface Dns {
  /** Names are below it; lower case. */
  domain: string;
  /** Oldest first; more than one only after something went wrong. */
  find: (name: string) => Promise<DnsRecord[]>;
  ensure: (name: string, address: string, node: string) => Promise<DnsRecord>;
  remove: (name: string, id?: string) => Promise<void>;
  /** Everything of this installation, or an error. */
  list: () => Promise<DnsRecord[]>;
  /** Records of hosts below our domain that could be ours and are not. Nothing happens to them but by a person's word. */
  unmanaged: {
    list: () => Promise<UnmanagedRecord[]>;
    /** Removes the one with this id if it still has this name, whoever made it. */
    remove: (name: string, id: string) => Promise<void>;
  };
  /**
   * A certificate that the edge trusts, and browsers do not. The key stays with whoever made the request (PEM). Each
   * call makes a new one; the earlier ones stay valid until they expire.
   */
  issueCertificate: (csr: string, hostnames: string[]) => Promise<Certificate>;
}

export interface DnsRecord {
  /** The vendor's own. */
  id: string;
  /** The whole host name, in lower case. */
  name: string;
  /** IPv4 or IPv6. */
  address: string;
  /** Whether the edge stands before it. */
  isProxied: boolean;
  /** Of our node. */
  node: string;
  createdAt: Date;
}

/** A record with a part of our mark, another installation's, or a name like those of our nodes. */
export interface UnmanagedRecord {
  id: string;
  name: string;
  address: string;
  /** Half a sentence for people. */
  why: string;
  createdAt: Date;
}

export interface Certificate {
  id: string;
  /** PEM. */
  certificate: string;
  issuedAt: Date;
  expiresAt: Date;
}

/** IPv6 has many spellings. */
export const isSameAddress = (one: string, other: string): boolean =>
  isIP(one) === isIP(other) && (isIP(one) === 6 ? canonical(one) === canonical(other) : one === other);

const canonical = (address: string): string => new URL(`http://[${address}]`).hostname;

export interface DnsConfig {
  /** Nodes are names below it; lower case. */
  domain: string;
  token: string;
  zoneId: string;
  /** Undefined: Cloudflare's own. */
  baseUrl: string | undefined;
}

const GROUP = ['BASE_DOMAIN', 'CLOUDFLARE_API_TOKEN', 'CLOUDFLARE_ZONE_ID'] as const;

/** Undefined if nothing of the group is set and nobody needs it. `neededBy`: `PROVIDER hetzner`, as people read it. */
export function readDns({ read, text, problems }: Reader, neededBy?: string): DnsConfig | undefined {
  const domain = read('BASE_DOMAIN', '', parseDomain, 'a domain like `nodes.example.com`, without https://');
  const zoneId = read('CLOUDFLARE_ZONE_ID', '', parseZone, "the zone's id: 32 digits and letters a to f");
  const baseUrl = read(
    'CLOUDFLARE_BASE_URL',
    undefined,
    parseAddress,
    'an address like https://api.cloudflare.com/client/v4',
  );
  const missing = GROUP.filter((name) => text(name) === undefined);
  if (missing.length === GROUP.length && !neededBy) return undefined;
  if (missing.length > 0)
    problems.push(
      `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing; ` +
        `${neededBy ? `${neededBy} needs` : 'the names of nodes need'} all of ${GROUP.join(', ')}`,
    );
  return { domain, token: text('CLOUDFLARE_API_TOKEN') ?? '', zoneId, baseUrl };
}

/** At least two labels, and room for the node's own in front. */
function parseDomain(value: string): string | undefined {
  const domain = value.toLowerCase();
  const labels = domain.split('.');
  const isGood = labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  return isGood && labels.length > 1 && domain.length <= 200 ? domain : undefined;
}

const parseZone = (value: string): string | undefined => (/^[0-9a-f]{32}$/.test(value) ? value : undefined);

const parseAddress = (value: string): string | undefined =>
  URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) ? value.replace(/\/+$/, '') : undefined;
