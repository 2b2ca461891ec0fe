// Servers at Hetzner: made, found, listed, started, removed. Knows no rows, and not what carries a call.
import { z } from 'zod';
import type { Size } from '../database/schema.ts';
import type { ProviderError } from '../errors.ts';
import type { Call, Operation } from './hetzner-calls.ts';
import { CallError, NO_ROOM, fault } from './hetzner-errors.ts';
import type { Firewall } from './hetzner-firewall.ts';
import { isOurs, selectorFor, toLabels } from './hetzner-labels.ts';
import type { Labels, Server, ServerOrder } from './provider.ts';

export interface ServerOptions {
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
/** 50 is the most that a page may have; so many servers mean that something is wrong. */
const PAGE_SIZE = 50;
const MAX_PAGES = 100;

/** No `datacenter`: Hetzner took it away. */
const serverShape = z.object({
  id: z.number().int(),
  name: z.string(),
  status: z.string(),
  created: z.string().transform((text, context) => {
    const date = new Date(text);
    if (Number.isNaN(date.getTime())) context.addIssue('no date');
    return date;
  }),
  labels: z.record(z.string(), z.string()),
  public_net: z
    .object({
      ipv4: z.object({ ip: z.string() }).nullish(),
      ipv6: z.object({ ip: z.string() }).nullish(),
    })
    .nullish(),
});
const oneShape = z.object({ server: serverShape });
const pageShape = z.object({
  servers: z.array(serverShape),
  meta: z.object({ pagination: z.object({ next_page: z.number().int().nullish() }) }),
});
const actionShape = z.object({ action: z.object({ id: z.number().int() }) });

type Shown = z.infer<typeof serverShape>;

export async function createServer(
  options: ServerOptions,
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
  { locations }: ServerOptions,
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
function doubtFirewall({ firewall }: ServerOptions, operation: string, error: unknown): unknown {
  if (!(error instanceof CallError) || !['not_found', 'invalid_input'].includes(error.code)) return error;
  firewall.forget();
  return fault(operation, { retryable: true }, 'Hetzner refused it, perhaps because the firewall is gone.');
}

function bodyFor(options: ServerOptions, operation: string, order: ServerOrder) {
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
export async function listServers(
  { installation }: ServerOptions,
  { name, call }: Operation,
): Promise<Server[]> {
  const found = new Map<number, Shown>();
  let page: number | undefined = 1;
  for (let pages = 0; page !== undefined && pages < MAX_PAGES; pages += 1) {
    const { servers, next } = await readPage(call, name, installation, page);
    for (const server of servers) found.set(server.id, server);
    page = next;
  }
  if (page !== undefined) throw fault(name, { retryable: true }, 'the list of servers does not end.');
  return [...found.values()].filter(({ labels }) => isOurs(installation, labels)).map(toServer);
}

async function readPage(call: Call, operation: string, installation: string, page: number) {
  const query = { label_selector: selectorFor(installation), sort: 'id:asc', page, per_page: PAGE_SIZE };
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

function refuseBadName(operation: string, name: string): void {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return;
  throw fault(operation, { retryable: false }, 'this is no name for a server.');
}

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

function toServer({ id, name, status, created, labels, public_net: net }: Shown): Server {
  const address = net?.ipv4?.ip ?? net?.ipv6?.ip.replace(/::\/64$/, '::1');
  return {
    id: String(id),
    name,
    status: toStatus(status),
    createdAt: created,
    labels: labels as Record<string, string> & Labels,
    ...(address !== undefined && { address }),
  };
}

/** A state that we do not know is not "off": whether the machine answers is for its heartbeat to say. */
function toStatus(status: string): Server['status'] {
  switch (status) {
    case 'initializing':
    case 'starting':
    case 'rebuilding':
    case 'migrating':
      return 'starting';
    case 'off':
      return 'off';
    case 'deleting':
      return 'removing';
    default:
      return 'running';
  }
}
