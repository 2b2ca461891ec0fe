// The DNS at Cloudflare: one proxied record for each node, and certificates that its edge trusts. Knows no rows.
//
// Cloudflare knows no idempotent create: a lost answer may have made a record. So nothing is retried here; whoever
// calls comes again, and `ensure` looks before it makes. The SDK's own iterator goes on until an empty page, which
// may never come: pages are counted here.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import Cloudflare from 'cloudflare';
import { z } from 'zod';
import { fault, isDuplicate, isGone, toFault } from './cloudflare-errors.ts';
import type { Certificate, Dns, DnsRecord } from './dns.ts';

export interface CloudflareOptions {
  token: string;
  zoneId: string;
  /** `https://api.cloudflare.com/client/v4` if not given. */
  baseUrl?: string | undefined;
  /** Nodes are names below it. */
  domain: string;
  /** Whose records are ours; letters, digits and hyphens. */
  installation: string;
  /** How long one operation may take, with all its calls. */
  timeoutMs: number;
}

interface Zone extends CloudflareOptions {
  client: Cloudflare;
}

/** One operation: its name for errors, and when all its calls must have ended. */
interface Operation {
  name: string;
  endsAt: number;
}

const API = 'https://api.cloudflare.com/client/v4';
const PAGE_SIZE = 100;
const MAX_PAGES = 50;
/** One of the lifetimes that Cloudflare offers. Nodes live for days; renewed at half of it. */
const CERTIFICATE_DAYS = 90;

const recordShape = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  content: z.string().default(''),
  proxied: z.boolean().default(false),
  comment: z.string().nullish(),
  created_on: z.coerce.date(),
});

type Shown = z.infer<typeof recordShape>;

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
    find: (name) => run('find record', (operation) => findRecords(zone, operation, name)),
    ensure: (name, address, node) =>
      run('ensure record', (operation) => ensureRecord(zone, operation, { name, address, node })),
    remove: (name, id) => run('remove record', (operation) => removeRecords(zone, operation, name, id)),
    list: () => run('list records', (operation) => listRecords(zone, operation)),
    issueCertificate: (csr, hostnames) =>
      run('issue certificate', (operation) => issueCertificate(zone, operation, csr, hostnames)),
  };
}

/** What is not given is said to be nothing, or the SDK reads it from the environment. */
export function connect({
  token,
  baseUrl = API,
  timeoutMs,
}: Pick<CloudflareOptions, 'token' | 'baseUrl' | 'timeoutMs'>): Cloudflare {
  return new Cloudflare({
    apiToken: token,
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    baseURL: baseUrl.replace(/\/+$/, ''),
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: 'off',
    fetchOptions: { redirect: 'manual' },
  });
}

// --- records --------------------------------------------------------------------------------------------------------

async function findRecords(zone: Zone, operation: Operation, name: string): Promise<DnsRecord[]> {
  return toOurs(zone, await readName(zone, operation, name));
}

async function ensureRecord(
  zone: Zone,
  operation: Operation,
  wanted: { name: string; address: string; node: string },
): Promise<DnsRecord> {
  const { name, address } = wanted;
  if (isIP(address) === 0) throw fault(operation.name, { retryable: false }, 'this is no address.');
  const shown = await readName(zone, operation, name);
  const ours = toOurs(zone, shown);
  // Mail and the like may share a name; what answers for the host may not.
  if (shown.length > ours.length)
    throw fault(
      operation.name,
      { retryable: false },
      `${name} has a DNS record that is not ours. Delete that record, or choose another BASE_DOMAIN.`,
    );
  const right = ours.find((one) => isAsWanted(one, wanted));
  // First: Cloudflare takes no second record of the same content, even if the first one is wrong otherwise.
  for (const other of ours) if (other.id !== right?.id) await deleteRecord(zone, operation, other.id);
  return right ?? createRecord(zone, operation, wanted);
}

const isAsWanted = (one: DnsRecord, wanted: { address: string; node: string }): boolean =>
  one.isProxied && one.node === wanted.node && isSameAddress(one.address, wanted.address);

/** IPv6 has many spellings. */
const isSameAddress = (one: string, other: string): boolean =>
  isIP(one) === isIP(other) && (isIP(one) === 4 ? one === other : canonical(one) === canonical(other));

const canonical = (address: string): string => new URL(`http://[${address}]`).hostname;

async function createRecord(
  zone: Zone,
  operation: Operation,
  wanted: { name: string; address: string; node: string },
): Promise<DnsRecord> {
  const record = {
    zone_id: zone.zoneId,
    type: isIP(wanted.address) === 6 ? ('AAAA' as const) : ('A' as const),
    name: wanted.name.toLowerCase(),
    content: wanted.address,
    // Automatic.
    ttl: 1 as const,
    proxied: true,
    comment: commentFor(zone, wanted.node),
  };
  try {
    const made = await zone.client.dns.records.create(record, limits(operation));
    const [shown] = toOurs(zone, [parse(operation, made)]);
    if (shown) return shown;
  } catch (error) {
    if (!isDuplicate(error)) throw error;
  }
  // Somebody was faster, perhaps our own earlier call: what is there now decides.
  const found = (await findRecords(zone, operation, wanted.name)).find((one) => isAsWanted(one, wanted));
  if (found) return found;
  throw fault(
    operation.name,
    { retryable: true, hadNoEffect: false },
    `${wanted.name} is there, but does not show.`,
  );
}

async function removeRecords(
  zone: Zone,
  operation: Operation,
  name: string,
  id: string | undefined,
): Promise<void> {
  const named = await findRecords(zone, operation, name);
  const known = new Set(named.map((record) => record.id));
  const byId = id !== undefined && !known.has(id) ? await readRecord(zone, operation, id) : undefined;
  for (const record of [...named, ...(byId ? [byId] : [])]) await deleteRecord(zone, operation, record.id);
}

async function readRecord(zone: Zone, operation: Operation, id: string): Promise<DnsRecord | undefined> {
  // It becomes a path.
  if (!/^[\w-]{1,64}$/.test(id))
    throw fault(operation.name, { retryable: false }, 'this is no id of a record.');
  try {
    const record = await zone.client.dns.records.get(id, { zone_id: zone.zoneId }, limits(operation));
    return toOurs(zone, [parse(operation, record)])[0];
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function deleteRecord(zone: Zone, operation: Operation, id: string): Promise<void> {
  try {
    await zone.client.dns.records.delete(id, { zone_id: zone.zoneId }, limits(operation));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

async function listRecords(zone: Zone, operation: Operation): Promise<DnsRecord[]> {
  const mark = `sam-installation=${zone.installation}`;
  return toOurs(zone, await readPages(zone, operation, { comment: { contains: mark } }));
}

/** Records of any type that answer for the host of this name, whoever made them. */
async function readName(zone: Zone, operation: Operation, name: string): Promise<Shown[]> {
  const host = name.toLowerCase();
  const label = host.endsWith(`.${zone.domain}`) ? host.slice(0, -zone.domain.length - 1) : '';
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label))
    throw fault(operation.name, { retryable: false }, `this is no name below ${zone.domain}.`);
  const records = await readPages(zone, operation, { name: { exact: host } });
  return records.filter((one) => one.name === host && ['A', 'AAAA', 'CNAME', 'NS'].includes(one.type));
}

/** All pages or an error: half a list would look like absence. */
async function readPages(
  { client, zoneId }: Zone,
  operation: Operation,
  query: Pick<Cloudflare.DNS.RecordListParams, 'name' | 'comment'>,
): Promise<Shown[]> {
  const found = new Map<string, Shown>();
  for (let number = 1; number <= MAX_PAGES; number += 1) {
    const params = { ...query, zone_id: zoneId, page: number, per_page: PAGE_SIZE };
    const { result, result_info: info } = await client.dns.records.list(params, limits(operation));
    if (!Array.isArray(result)) throw unreadable(operation);
    for (const record of result) found.set(record.id, parse(operation, record));
    const total = (info as { total_pages?: number } | undefined)?.total_pages;
    if (result.length === 0 || (total === undefined ? result.length < PAGE_SIZE : number >= total))
      return [...found.values()].sort(byAge);
  }
  throw fault(operation.name, { retryable: true }, 'the list of records does not end.');
}

/** All who look at doubles must agree on the one that stays. */
const byAge = (one: Shown, other: Shown): number =>
  one.created_on.getTime() - other.created_on.getTime() || (one.id < other.id ? -1 : 1);

function limits({ name, endsAt }: Operation): { timeout: number; signal: AbortSignal } {
  const leftMs = Math.ceil(endsAt - performance.now());
  if (leftMs <= 0) throw fault(name, { retryable: true, hadNoEffect: false }, 'no time was left for it.');
  // The SDK's time-out ends with the headers.
  return { timeout: leftMs, signal: AbortSignal.timeout(leftMs) };
}

function parse(operation: Operation, record: unknown): Shown {
  const parsed = recordShape.safeParse(record);
  if (parsed.success) return parsed.data;
  throw unreadable(operation);
}

const unreadable = ({ name }: Operation) =>
  fault(name, { retryable: true, hadNoEffect: false }, 'Cloudflare sent no answer we can read.');

// --- whose it is ----------------------------------------------------------------------------------------------------

/** 100 characters are the most that every plan takes. Not tags: they cost extra. */
const commentFor = ({ installation }: Zone, node: string): string =>
  `managed-by=sam sam-installation=${installation} sam-node=${node}`;

function toOurs({ installation }: Zone, records: Shown[]): DnsRecord[] {
  return records.flatMap((record) => {
    const { id, name, type, content, proxied, comment, created_on: createdAt } = record;
    const [, owner, node] =
      /^managed-by=sam sam-installation=(\S+) sam-node=(\S+)$/.exec(comment ?? '') ?? [];
    if (owner !== installation || node === undefined || !['A', 'AAAA'].includes(type)) return [];
    return [{ id, name, address: content, isProxied: proxied, node, createdAt }];
  });
}

// --- certificates ---------------------------------------------------------------------------------------------------

async function issueCertificate(
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
