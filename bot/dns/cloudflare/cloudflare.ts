// The DNS at Cloudflare: dns.ts says what it must do. Knows no rows.
import { issueCertificate } from './certificates.ts';
import { connect, type CloudflareOptions, type Operation, type Zone } from './client.ts';
import { toFault } from './errors.ts';
import { ensureRecord, findRecords, listRecords, removeRecords } from './records.ts';
import { listUnmanaged, removeUnmanaged } from './unmanaged.ts';
import type { Dns } from '../dns.ts';

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
