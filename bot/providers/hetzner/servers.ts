// Servers at Hetzner: made once where there is room, found, listed, started, removed. Knows no rows, and not what carries a call.
import { z } from 'zod';
import type { ProviderError } from '../../errors.ts';
import type { Call, Operation } from './calls.ts';
import { fault, CallError, NO_ROOM } from './errors.ts';
import {
  isOurs,
  selectorFor,
  toLabels,
  oneShape,
  refuseBadName,
  serverShape,
  toServer,
  type Shown,
} from './shown.ts';
import type { Server, ServerOrder } from '../provider.ts';
import type { Size } from '../../database/types.ts';
import type { Firewall } from './firewall.ts';

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

export interface CreateOptions {
  installation: string;
  /** Tried in this order when one has no room. */
  locations: string[];
  /** Hetzner's name for each size. */
  sizes: Record<Size, string>;
  image: string;
  /** What the machine gets to boot with: text, 32 KiB at the most. */
  bootData: (order: ServerOrder) => string;
  firewall: Firewall;
}

const MAX_BOOT_DATA = 32 * 1024;

export async function createServer(
  options: CreateOptions,
  operation: Operation,
  order: ServerOrder,
): Promise<Server> {
  refuseBadName(operation.name, order.name);
  const body = bodyFor(options, operation.name, order);
  const firewall = await options.firewall.ensure(operation);
  try {
    const server = await tryLocations(options, operation, {
      ...body,
      firewalls: [{ firewall: firewall.id }],
    });
    if (server) return toServer(server);
  } catch (error) {
    throw firewall.isFromMemory ? doubtFirewall(options, operation.name, error) : error;
  }
  throw fault(
    operation.name,
    { retryable: true, retryAfterMs: 30_000 },
    `Hetzner has no ${body.server_type} left in ${options.locations.join(', ')}. ` +
      'Take another size, or add a location to HCLOUD_LOCATIONS.',
  );
}

/** Unless all locations are out of room, the first that is not decides. */
async function tryLocations(
  { locations }: CreateOptions,
  { call }: Operation,
  body: object,
): Promise<Shown | undefined> {
  const request = { method: 'POST', path: '/servers', shape: oneShape, emptyOn: NO_ROOM } as const;
  for (const location of locations) {
    const made = await call({ ...request, body: { ...body, location } });
    if (made) return made.server;
  }
  return undefined;
}

/** Somebody may have deleted the firewall by hand: the next create looks for it again. */
function doubtFirewall({ firewall }: CreateOptions, operation: string, error: unknown): unknown {
  if (!(error instanceof CallError) || !['not_found', 'invalid_input'].includes(error.code)) return error;
  firewall.forget();
  return fault(operation, { retryable: true }, 'Hetzner refused it, perhaps because the firewall is gone.');
}

function bodyFor(options: CreateOptions, operation: string, order: ServerOrder) {
  const bootData = options.bootData(order);
  const bytes = Buffer.byteLength(bootData);
  if (bytes > MAX_BOOT_DATA)
    throw fault(
      operation,
      { retryable: false },
      `the boot data has ${bytes} bytes, and Hetzner takes ${MAX_BOOT_DATA}.`,
    );
  return {
    name: order.name,
    server_type: options.sizes[order.size],
    image: options.image,
    labels: toLabels(options.installation, order),
    // Many places that people clone from have no IPv6.
    public_net: { enable_ipv4: true, enable_ipv6: true },
    user_data: bootData,
    start_after_create: true,
  };
}
