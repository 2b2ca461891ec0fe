// The create of a server at Hetzner: once, with all that it needs from the start, where there is room.
// Knows no rows, and not what carries a call.
import type { Size } from '../../database/types.ts';
import type { Operation } from './calls.ts';
import { CallError, NO_ROOM, fault } from './errors.ts';
import type { Firewall } from './firewall.ts';
import { toLabels } from './labels.ts';
import { oneShape, refuseBadName, toServer, type Shown } from './shown.ts';
import type { Server, ServerOrder } from '../provider.ts';

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
