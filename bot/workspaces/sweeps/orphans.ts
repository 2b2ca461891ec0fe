// The sweep of what may be ours and may be not: it is written down for people to see. Nothing of it is touched, but for what
// a person said by name, and then after a fresh look.
import type { Logger } from 'pino';
import type { Dns } from '../../dns/dns.ts';
import { messageOf, ProviderError } from '../../errors.ts';
import type { Provider } from '../../providers/provider.ts';
import type { Executor } from '../../database/types.ts';
import { append } from '../store/events.ts';
import { findNodesByName, listLivingNodes, wakeNodes } from '../store/nodes.ts';
import { listWishes, saveOrphans, settleOrphan, type Orphan, type SeenOrphan } from '../store/orphans.ts';

export interface OrphanSweepOptions {
  db: Executor;
  provider: Provider;
  dns?: Dns | undefined;
  log: Logger;
}

export async function sweepOrphans(options: OrphanSweepOptions): Promise<void> {
  for (const orphan of await listWishes(options.db)) await fulfil(options, orphan);
  for (const { id, name, why } of await saveOrphans(options.db, await lookAround(options)))
    options.log.warn({ orphan: id, name, why }, 'in doubt and left alone: the list of orphans shows it');
}

async function lookAround({ db, provider, dns }: OrphanSweepOptions): Promise<SeenOrphan[]> {
  const servers = await provider.unmanaged.list();
  const unlisted = await findUnlisted(db, provider);
  const records = (await dns?.unmanaged.list()) ?? [];
  return [
    ...[...servers, ...unlisted].map((one) => ({ ...one, kind: 'server' as const, id: `server-${one.id}` })),
    ...records.map((one) => ({ ...one, kind: 'record' as const, id: `record-${one.id}` })),
  ].map(({ id, kind, name, why, address, createdAt }) => ({
    id,
    kind,
    name,
    why,
    address: address ?? null,
    createdAt,
  }));
}

/** With all of our labels, and not what `nodes` shows: whatever is paid for can be seen. */
async function findUnlisted(db: Executor, provider: Provider) {
  const servers = await provider.list();
  // The rows after the list: whoever made a server had written its row before.
  const nodes = await listLivingNodes(db, provider.name);
  const names = new Map(nodes.map(({ id, name }) => [id, name]));
  return servers.flatMap(({ id, name, status, labels, address, createdAt }) => {
    const own = names.get(labels['sam-node']);
    if (own === name || status === 'removing') return [];
    // The other sweep leaves the first alone, and deletes the second.
    const why = own
      ? `its labels say that it is ${own}, which is another server`
      : 'it is ours, and no machine that Sam knows: it is deleted soon, unless it is protected';
    return [{ id, name, why, createdAt, address }];
  });
}

async function fulfil(options: OrphanSweepOptions, orphan: Orphan): Promise<void> {
  const { db, log } = options;
  const { id, name, wish, wishedBy } = orphan;
  try {
    log.warn({ orphan: id, name, wish, user: wishedBy }, 'somebody said what becomes of what was in doubt');
    if (wish === 'adopt') await adopt(options, orphan);
    else await remove(options, orphan);
    await append(db, id, 0, 'orphan', { name, wish, user: wishedBy });
    await settleOrphan(db, id, null);
  } catch (error) {
    // What may pass is tried at the next look.
    if (error instanceof ProviderError && error.retryable) throw error;
    await settleOrphan(db, id, messageOf(error));
  }
}

async function remove({ db, provider, dns }: OrphanSweepOptions, { id, kind, name }: Orphan): Promise<void> {
  const bare = id.slice(id.indexOf('-') + 1);
  if (kind === 'record') return dns?.unmanaged.remove(name, bare);
  // A node that is at work with a server of this name would lose it; it is adopted, or its node is deleted.
  const [node] = await findNodesByName(db, [name]);
  if (node)
    throw new Error(`a machine of this installation has this name. Adopt it, or delete that machine.`);
  await provider.unmanaged.remove({ id: bare, name });
}

async function adopt({ db, provider }: OrphanSweepOptions, { id, name }: Orphan): Promise<void> {
  const [node] = await findNodesByName(db, [name]);
  if (!node) throw new Error('no machine of this installation has this name any more.');
  await provider.unmanaged.adopt(
    { id: id.slice(id.indexOf('-') + 1), name },
    { node: node.id, owner: node.owner },
  );
  await wakeNodes(db, [node.id]);
}
