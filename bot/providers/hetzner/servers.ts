// Servers at Hetzner: found, listed, started, removed. Knows no rows, and not what carries a call.
import { z } from 'zod';
import type { ProviderError } from '../../errors.ts';
import type { Call, Operation } from './calls.ts';
import { fault } from './errors.ts';
import { isOurs, selectorFor } from './labels.ts';
import { oneShape, refuseBadName, serverShape, toServer, type Shown } from './shown.ts';
import type { Server } from '../provider.ts';

/** Whose servers are ours. */
export interface ServerOptions {
  installation: string;
}

/** 50 is the most that a page may have; so many servers mean that something is wrong. */
const PAGE_SIZE = 50;
const MAX_PAGES = 100;

const pageShape = z.object({
  servers: z.array(serverShape),
  meta: z.object({ pagination: z.object({ next_page: z.number().int().nullish() }) }),
});
const actionShape = z.object({ action: z.object({ id: z.number().int() }) });

/** Throws if the name is another's: neither ours nor free. */
export async function findServer(
  { installation }: ServerOptions,
  { name: operation, call }: Operation,
  name: string,
): Promise<Server | undefined> {
  refuseBadName(operation, name);
  const page = await call({ method: 'GET', path: '/servers', query: { name }, shape: pageShape });
  if (!page) throw fault(operation, { retryable: true }, 'Hetzner has no servers at this address.');
  const server = page.servers.find((one) => one.name === name);
  if (server) refuseOthers(operation, installation, server.labels);
  return server && toServer(server);
}

/** All pages or an error: half a list would look like absence. */
export async function listServers({ installation }: ServerOptions, operation: Operation): Promise<Server[]> {
  const shown = await readAll(operation, { label_selector: selectorFor(installation) });
  return shown.filter(({ labels }) => isOurs(installation, labels)).map(toServer);
}

/** All that Hetzner shows, whoever it belongs to, or an error. */
export async function readAll(
  { name, call }: Operation,
  filter: { label_selector?: string },
): Promise<Shown[]> {
  const found = new Map<number, Shown>();
  let page: number | undefined = 1;
  for (let pages = 0; page !== undefined && pages < MAX_PAGES; pages += 1) {
    const { servers, next } = await readPage(call, name, filter, page);
    for (const server of servers) found.set(server.id, server);
    page = next;
  }
  if (page !== undefined) throw fault(name, { retryable: true }, 'the list of servers does not end.');
  return [...found.values()];
}

async function readPage(call: Call, operation: string, filter: { label_selector?: string }, page: number) {
  const query = { ...filter, sort: 'id:asc', page, per_page: PAGE_SIZE };
  const reply = await call({ method: 'GET', path: '/servers', query, shape: pageShape });
  if (!reply) throw fault(operation, { retryable: true }, 'Hetzner has no servers at this address.');
  return { servers: reply.servers, next: reply.meta.pagination.next_page ?? undefined };
}

export async function startServer(
  options: ServerOptions,
  operation: Operation,
  server: Server,
): Promise<void> {
  const shown = await readOurs(options, operation, server);
  if (!shown || shown.status === 'deleting') throw gone(operation.name, server);
  if (shown.status !== 'off') return;
  const path = `/servers/${shown.id}/actions/poweron`;
  const started = await operation.call({ method: 'POST', path, shape: actionShape, isSafe: true });
  if (!started) throw gone(operation.name, server);
}

/** Its addresses go with it; the firewall is free and stays. */
export async function removeServer(
  options: ServerOptions,
  operation: Operation,
  server: Server,
): Promise<void> {
  const shown = await readOurs(options, operation, server);
  if (!shown || shown.status === 'deleting') return;
  const path = `/servers/${shown.id}`;
  await operation.call({ method: 'DELETE', path, shape: actionShape, isSafe: true });
}

/** What counts is what Hetzner shows under this id now. */
async function readOurs(
  { installation }: ServerOptions,
  { name, call }: Operation,
  server: Server,
): Promise<Shown | undefined> {
  refuseOthers(name, installation, { ...server.labels });
  // It becomes a path.
  if (!/^\d{1,16}$/.test(server.id)) throw fault(name, { retryable: false }, 'this is no id of a server.');
  const reply = await call({ method: 'GET', path: `/servers/${server.id}`, shape: oneShape });
  if (reply) refuseOthers(name, installation, reply.server.labels);
  return reply?.server;
}

const gone = (operation: string, { name }: Server): ProviderError =>
  fault(operation, { retryable: true }, `there is no server ${name} any more.`);

function refuseOthers(
  operation: string,
  installation: string,
  labels: Record<string, string | undefined>,
): void {
  if (isOurs(installation, labels)) return;
  throw fault(
    operation,
    { retryable: false },
    'this server belongs to somebody else: its labels are not ours.',
  );
}
