// The DNS at Cloudflare: dns.ts says what it must do. Here are the calls put together, certificates, and records that are not
// quite ours. Knows no rows.
import { X509Certificate } from 'node:crypto';
import { connect, type CloudflareOptions, type Operation, type Zone, limits, unreadable } from './client.ts';
import { toFault, fault } from './errors.ts';
import {
  ensureRecord,
  findRecords,
  listRecords,
  removeRecords,
  deleteRecord,
  listMarked,
} from './records.ts';
import type { Dns, Certificate, UnmanagedRecord } from '../dns.ts';
import { ANSWERING, isBelow, readPages, readShown, toOurs } from './shown.ts';

export type { CloudflareOptions };

export function createCloudflareDns(options: CloudflareOptions): Dns {
  if (!/^[a-z0-9-]{1,40}$/i.test(options.installation))
    throw new Error(`an installation's id cannot be ${options.installation}`);
  const zone: Zone = { ...options, domain: options.domain.toLowerCase(), client: connect(options) };
  const run = async <T>(name: string, work: (operation: Operation) => Promise<T>): Promise<T> => {
    try {
      return await work({ name, endsAt: performance.now() + options.timeoutMs });
    } catch (error) {
      throw toFault(name, error, [options.token]);
    }
  };
  return {
    domain: zone.domain,
    find: (name) => run('find record', (operation) => findRecords(zone, operation, name)),
    ensure: (name, address, node) =>
      run('ensure record', (operation) => ensureRecord(zone, operation, { name, address, node })),
    remove: (name, id) => run('remove record', (operation) => removeRecords(zone, operation, name, id)),
    list: () => run('list records', (operation) => listRecords(zone, operation)),
    unmanaged: {
      list: () => run('list unmanaged', (operation) => listUnmanaged(zone, operation)),
      remove: (name, id) =>
        run('remove unmanaged', (operation) => removeUnmanaged(zone, operation, name, id)),
    },
    issueCertificate: (csr, hostnames) =>
      run('issue certificate', (operation) => issueCertificate(zone, operation, csr, hostnames)),
  };
}

/** One of the lifetimes that Cloudflare offers. Nodes live for days; one that lives longer asks in time. */
const CERTIFICATE_DAYS = 90;

export async function issueCertificate(
  { client, domain }: Zone,
  operation: Operation,
  csr: string,
  hostnames: string[],
): Promise<Certificate> {
  const isBelow = (name: string) => name.toLowerCase().endsWith(`.${domain}`) && !name.includes('*');
  if (hostnames.length === 0 || !hostnames.every(isBelow))
    throw fault(operation.name, { retryable: false }, `these are no names below ${domain}.`);
  const made = await client.originCACertificates.create(
    { csr, hostnames, request_type: 'origin-ecc', requested_validity: CERTIFICATE_DAYS },
    limits(operation),
  );
  return toCertificate(operation, made);
}

/** The times come from the certificate itself: the API has written its own in more than one way. */
function toCertificate(
  operation: Operation,
  made: { id?: string; certificate?: string } | null,
): Certificate {
  const { id, certificate } = made ?? {};
  if (!id || !certificate) throw unreadable(operation);
  try {
    const { validFromDate, validToDate } = new X509Certificate(certificate);
    return { id, certificate, issuedAt: validFromDate, expiresAt: validToDate };
  } catch {
    throw unreadable(operation);
  }
}

/** What answers for hosts below our domain, is not ours, and looks as if it could be; and what is ours elsewhere. */
export async function listUnmanaged(zone: Zone, operation: Operation): Promise<UnmanagedRecord[]> {
  const astray = (await listMarked(zone, operation)).filter(({ name }) => !isBelow(zone, name));
  return [
    ...(await listDoubtful(zone, operation)),
    ...astray.map(({ id, name, address, createdAt }) => {
      return { id, name, address, createdAt, why: `it is ours, and not below ${zone.domain}` };
    }),
  ];
}

async function listDoubtful(zone: Zone, operation: Operation): Promise<UnmanagedRecord[]> {
  const records = await readPages(zone, operation, { name: { endswith: `.${zone.domain}` } });
  const ours = new Set(toOurs(zone, records).map(({ id }) => id));
  return records.flatMap(({ id, name, type, content, comment, created_on: createdAt }) => {
    const why =
      ours.has(id) || !ANSWERING.includes(type) ? undefined : whyDoubtful(zone, name, comment ?? '');
    return why === undefined ? [] : [{ id, name, address: content, why, createdAt }];
  });
}

function whyDoubtful({ installation, domain }: Zone, name: string, comment: string): string | undefined {
  const [, theirs] = /\bsam-installation=(\S+)/.exec(comment) ?? [];
  if (theirs !== undefined && theirs !== installation) return `it belongs to the installation ${theirs}`;
  if (/\bsam-installation=|\bsam-node=|\bmanaged-by=sam\b/.test(comment))
    return 'only a part of its mark is ours';
  const isLikeOurs = /^vm-[a-z2-7]{12}$/.test(name.slice(0, -domain.length - 1));
  return isLikeOurs ? 'its name is like those of ours, its comment is not' : undefined;
}

export async function removeUnmanaged(
  zone: Zone,
  operation: Operation,
  name: string,
  id: string,
): Promise<void> {
  const shown = await readShown(zone, operation, id);
  if (shown?.name === name) await deleteRecord(zone, operation, id);
}
