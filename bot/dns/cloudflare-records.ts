// Records at Cloudflare: looked at, made, deleted, and whose they are. Knows no certificate.
//
// Cloudflare knows no idempotent create: a lost answer may have made a record. So nothing is retried here; whoever
// calls comes again, and `ensureRecord` looks before it makes. The SDK's own iterator goes on until an empty page,
// which may never come: pages are counted here.
import { isIP } from 'node:net';
import type Cloudflare from 'cloudflare';
import { z } from 'zod';
import { isSameAddress } from './addresses.ts';
import { limits, unreadable, type Operation, type Zone } from './cloudflare-client.ts';
import { fault, isDuplicate, isGone } from './cloudflare-errors.ts';
import type { DnsRecord, StrangeRecord } from './dns.ts';

const PAGE_SIZE = 100;
const MAX_PAGES = 50;
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

export async function findRecords(zone: Zone, operation: Operation, name: string): Promise<DnsRecord[]> {
  return toOurs(zone, await readName(zone, operation, name));
}

export async function ensureRecord(
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

export async function removeRecords(
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

export async function listRecords(zone: Zone, operation: Operation): Promise<DnsRecord[]> {
  const mark = `sam-installation=${zone.installation}`;
  return toOurs(zone, await readPages(zone, operation, { comment: { contains: mark } }));
}

/** What answers for hosts below our domain, is not ours, and looks as if it could be. */
export async function listStrangers(zone: Zone, operation: Operation): Promise<StrangeRecord[]> {
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

export async function removeStranger(
  zone: Zone,
  operation: Operation,
  name: string,
  id: string,
): Promise<void> {
  const isThere = (await readName(zone, operation, name)).some((record) => record.id === id);
  if (isThere) await deleteRecord(zone, operation, id);
}

/** Types that answer for a host. */
const ANSWERING = ['A', 'AAAA', 'CNAME', 'NS'];

/** Records of any type that answer for the host of this name, whoever made them. */
async function readName(zone: Zone, operation: Operation, name: string): Promise<Shown[]> {
  const host = name.toLowerCase();
  const label = host.endsWith(`.${zone.domain}`) ? host.slice(0, -zone.domain.length - 1) : '';
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label))
    throw fault(operation.name, { retryable: false }, `this is no name below ${zone.domain}.`);
  const records = await readPages(zone, operation, { name: { exact: host } });
  return records.filter((one) => one.name === host && ANSWERING.includes(one.type));
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

function parse(operation: Operation, record: unknown): Shown {
  const parsed = recordShape.safeParse(record);
  if (parsed.success) return parsed.data;
  throw unreadable(operation);
}

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
