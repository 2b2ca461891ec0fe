// Records at Cloudflare: looked at, made, deleted, and whose they are. Knows no certificate.
//
// Cloudflare knows no idempotent create: a lost answer may have made a record. So nothing is retried here; whoever
// calls comes again, and `ensureRecord` looks before it makes.
import { isIP } from 'node:net';
import { isSameAddress, type DnsRecord } from '../dns.ts';
import { limits, type Operation, type Zone } from './client.ts';
import { fault, isDuplicate, isGone } from './errors.ts';
import { isBelow, parse, readName, readPages, readShown, toOurs, type Shown } from './shown.ts';

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
    const made = parse(operation, await zone.client.dns.records.create(record, limits(operation)));
    if (made.name.toLowerCase() !== record.name) await refuseZone(zone, operation, made, record.name);
    const [shown] = toOurs(zone, [made]);
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

/** A name of another zone is not refused: it is taken for one below this zone. */
async function refuseZone(zone: Zone, operation: Operation, made: Shown, name: string): Promise<never> {
  await deleteRecord(zone, operation, made.id);
  throw fault(
    operation.name,
    { retryable: false },
    `${name} is not in the zone of CLOUDFLARE_ZONE_ID: there it would be ${made.name}. Take the id of the zone that ` +
      'BASE_DOMAIN is in.',
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
  const shown = await readShown(zone, operation, id);
  return shown && toOurs(zone, [shown])[0];
}

export async function deleteRecord(zone: Zone, operation: Operation, id: string): Promise<void> {
  try {
    await zone.client.dns.records.delete(id, { zone_id: zone.zoneId }, limits(operation));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

export async function listRecords(zone: Zone, operation: Operation): Promise<DnsRecord[]> {
  return (await listMarked(zone, operation)).filter(({ name }) => isBelow(zone, name));
}

/** Ours, wherever in the zone. */
export async function listMarked(zone: Zone, operation: Operation): Promise<DnsRecord[]> {
  const mark = `sam-installation=${zone.installation}`;
  return toOurs(zone, await readPages(zone, operation, { comment: { contains: mark } }));
}

/** 100 characters are the most that every plan takes. Not tags: they cost extra. */
const commentFor = ({ installation }: Zone, node: string): string =>
  `managed-by=sam sam-installation=${installation} sam-node=${node}`;
