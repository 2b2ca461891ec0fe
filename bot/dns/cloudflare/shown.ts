// What Cloudflare shows of records, and which of them are ours. Changes nothing.
//
// The SDK's own iterator goes on until an empty page, which may never come: pages are counted here.
import type Cloudflare from 'cloudflare';
import { z } from 'zod';
import { limits, unreadable, type Operation, type Zone } from './client.ts';
import { fault, isGone } from './errors.ts';
import type { DnsRecord } from '../dns.ts';

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

export type Shown = z.infer<typeof recordShape>;

export async function readShown(zone: Zone, operation: Operation, id: string): Promise<Shown | undefined> {
  // It becomes a path.
  if (!/^[\w-]{1,64}$/.test(id))
    throw fault(operation.name, { retryable: false }, 'this is no id of a record.');
  try {
    const record = await zone.client.dns.records.get(id, { zone_id: zone.zoneId }, limits(operation));
    return parse(operation, record);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Types that answer for a host. */
export const ANSWERING = ['A', 'AAAA', 'CNAME', 'NS'];

/** Records of any type that answer for the host of this name, whoever made them. */
export async function readName(zone: Zone, operation: Operation, name: string): Promise<Shown[]> {
  const host = name.toLowerCase();
  if (!isBelow(zone, host))
    throw fault(operation.name, { retryable: false }, `this is no name below ${zone.domain}.`);
  const records = await readPages(zone, operation, { name: { exact: host } });
  return records.filter((one) => one.name === host && ANSWERING.includes(one.type));
}

/** By one label. */
export function isBelow({ domain }: Zone, host: string): boolean {
  const label = host.endsWith(`.${domain}`) ? host.slice(0, -domain.length - 1) : '';
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label);
}

/** All pages or an error: half a list would look like absence. */
export async function readPages(
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

export function parse(operation: Operation, record: unknown): Shown {
  const parsed = recordShape.safeParse(record);
  if (parsed.success) return parsed.data;
  throw unreadable(operation);
}

export function toOurs({ installation }: Zone, records: Shown[]): DnsRecord[] {
  return records.flatMap((record) => {
    const { id, name, type, content, proxied, comment, created_on: createdAt } = record;
    const [, owner, node] =
      /^managed-by=sam sam-installation=(\S+) sam-node=(\S+)$/.exec(comment ?? '') ?? [];
    if (owner !== installation || node === undefined || !['A', 'AAAA'].includes(type)) return [];
    return [{ id, name, address: content, isProxied: proxied, node, createdAt }];
  });
}
