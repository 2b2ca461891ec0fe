// Records at Cloudflare that are not quite ours: listed, and deleted by id and name when a person says so.
import type { Operation, Zone } from './client.ts';
import { deleteRecord, listMarked } from './records.ts';
import { ANSWERING, isBelow, readPages, readShown, toOurs } from './shown.ts';
import type { UnmanagedRecord } from '../dns.ts';

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
