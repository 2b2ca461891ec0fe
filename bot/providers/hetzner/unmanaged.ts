// Servers in the project that are not quite ours: listed, and touched by id and name when a person says so. Knows no rows.
import type { Operation } from './calls.ts';
import { fault } from './errors.ts';
import { isOurs, toLabels, toLabelValue } from './labels.ts';
import { readAll, type ServerOptions } from './servers.ts';
import { oneShape, toServer, type Shown } from './shown.ts';
import { z } from 'zod';
import type { ServerOrder, UnmanagedServer } from '../provider.ts';

/** What our own servers are called. */
const OUR_NAME = /^vm-[a-z2-7]{12}$/;

export async function listUnmanaged(
  options: ServerOptions,
  operation: Operation,
): Promise<UnmanagedServer[]> {
  const shown = await readAll(operation, {});
  return shown.flatMap((one) => {
    const why = whyDoubtful(options.installation, one);
    if (why === undefined || one.status === 'deleting') return [];
    const { id, name, createdAt, address } = toServer(one);
    return [{ id, name, why, createdAt, address }];
  });
}

function whyDoubtful(installation: string, { name, labels }: Shown): string | undefined {
  if (isOurs(installation, labels)) return undefined;
  const theirs = labels['sam-installation'];
  if (theirs && theirs !== toLabelValue(installation)) return `it belongs to the installation ${theirs}`;
  if (labels['managed-by'] === 'sam' || Object.keys(labels).some((key) => key.startsWith('sam-')))
    return 'only some of its labels are ours';
  return OUR_NAME.test(name) ? 'its name is like those of ours, its labels are not' : undefined;
}

/** Whoever it belongs to: a person has said so. Gone, or another name by now: nothing happens. */
export async function removeUnmanaged(
  { name: operation, call }: Operation,
  wanted: Pick<UnmanagedServer, 'id' | 'name'>,
): Promise<void> {
  const shown = await readUnmanaged({ name: operation, call }, wanted);
  if (!shown) return;
  const shape = z.object({ action: z.object({ id: z.number().int() }) });
  await call({ method: 'DELETE', path: `/servers/${shown.id}`, shape, isSafe: true });
}

export async function adoptUnmanaged(
  { installation }: ServerOptions,
  { name: operation, call }: Operation,
  wanted: Pick<UnmanagedServer, 'id' | 'name'>,
  order: Pick<ServerOrder, 'node' | 'owner'>,
): Promise<void> {
  const shown = await readUnmanaged({ name: operation, call }, wanted);
  if (!shown) throw fault(operation, { retryable: false }, 'this server is gone.');
  const labels = { ...shown.labels, ...toLabels(installation, order) };
  const path = `/servers/${shown.id}`;
  await call({ method: 'PUT', path, body: { labels }, shape: oneShape, isSafe: true });
}

async function readUnmanaged(
  { name: operation, call }: Pick<Operation, 'name' | 'call'>,
  { id, name }: Pick<UnmanagedServer, 'id' | 'name'>,
): Promise<Shown | undefined> {
  // It becomes a path.
  if (!/^\d{1,16}$/.test(id)) throw fault(operation, { retryable: false }, 'this is no id of a server.');
  const reply = await call({ method: 'GET', path: `/servers/${id}`, shape: oneShape });
  return reply?.server.name === name && reply.server.status !== 'deleting' ? reply.server : undefined;
}
