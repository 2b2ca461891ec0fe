// The sweep of the DNS: records that no row wants go, nodes whose record is missing or wrong are looked at again.
import type { Logger } from 'pino';
import { isSameAddress, type Dns, type DnsRecord } from '../../dns/dns.ts';
import type { Executor, Node } from '../../database/types.ts';
import { messageOf } from '../../errors.ts';
import { isPast, later, type Timing } from '../timing.ts';
import { append } from '../store/events.ts';
import { findNode, listLivingNodes, wakeNodes } from '../store/nodes.ts';
import { readClock } from '../store/reconciled.ts';

export interface NameSweepOptions {
  db: Executor;
  dns: Dns;
  /** Whose nodes have names. */
  provider: { name: string };
  timing: Timing;
  log: Logger;
}

/** At the most so many records are deleted in one run: a mistake must not empty a zone. */
const MAX_REMOVALS = 5;

export async function sweepNames(options: NameSweepOptions): Promise<void> {
  const { db, dns, provider, timing, log } = options;
  const records = await dns.list();
  // The rows after the list: whoever made a record had written its row before.
  const nodes = await listLivingNodes(db, provider.name);
  const now = await readClock(db);
  const hosts = new Map(nodes.map((node) => [`${node.name}.${dns.domain}`, node]));
  const astray = nodes.filter((node) => isUp(node) && !leadsTo(node, dns, records));
  await wakeNodes(
    db,
    astray.map((node) => node.id),
  );
  const unknown = records.filter(
    (record) => !hosts.has(record.name) && isPast(later(record.createdAt, timing.graceMs), now),
  );
  const errors: string[] = [];
  let removals = 0;
  for (const record of unknown) {
    if (removals >= MAX_REMOVALS) break;
    const isRemoved = await removeUnknown(options, record).catch((error: unknown) => {
      errors.push(`${record.name}: ${messageOf(error)}`);
      return false;
    });
    if (isRemoved) removals += 1;
  }
  if (errors.length > 0) throw new Error(errors.join('; '));
  if (removals < unknown.length)
    log.warn({ left: unknown.length - removals }, 'unknown DNS records are left');
}

const isUp = ({ phase }: Node): boolean => phase === 'ready' || phase === 'unhealthy';

/** One record, and the right one. */
function leadsTo(node: Node, { domain }: Dns, records: DnsRecord[]): boolean {
  const [record, ...others] = records.filter(({ name }) => name === `${node.name}.${domain}`);
  if (node.address === null) return true;
  const isRight = record?.node === node.id && record.isProxied && isSameAddress(record.address, node.address);
  return isRight && others.length === 0;
}

/** Proof before deletion: a fresh look at both the record and the rows. Its comment is that of our installation. */
async function removeUnknown({ db, dns, log }: NameSweepOptions, listed: DnsRecord): Promise<boolean> {
  const fresh = (await dns.find(listed.name)).find(({ id }) => id === listed.id);
  if (!fresh || fresh.node !== listed.node) return false;
  const row = await findNode(db, fresh.node);
  if (row && row.phase !== 'deleted') {
    log.warn({ name: fresh.name, node: row.id }, 'a DNS record of a node that has another name; left alone');
    return false;
  }
  log.warn({ name: fresh.name, node: fresh.node }, 'deleting a DNS record that no row wants');
  await dns.remove(fresh.name, fresh.id);
  await append(db, fresh.node, 0, 'swept', { record: fresh.name, id: fresh.id });
  return true;
}
