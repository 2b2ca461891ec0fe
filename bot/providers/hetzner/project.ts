// The project behind the token: whether it is the one where our machines are, what is in it that is not quite ours, and what
// machines cost in it. Knows no rows.
import { z } from 'zod';
import type { Operation } from './calls.ts';
import { fault } from './errors.ts';
import { isOurs, toLabels, toLabelValue, oneShape, toServer, type Shown } from './shown.ts';
import { readAll, type ServerOptions, listServers } from './servers.ts';
import type { ServerOrder, UnmanagedServer, Prices } from '../provider.ts';
import type { Firewall } from './firewall.ts';
import type { Size } from '../../database/types.ts';

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

/** The firewall cannot be deleted while a server has it: where neither is, our machines never were, or all of it was deleted. */
export async function proveAccount(
  options: ServerOptions & { firewall: Firewall },
  operation: Operation,
  names: string[],
): Promise<void> {
  if (await options.firewall.isThere(operation)) return;
  if ((await listServers(options, operation)).length > 0) return;
  const [first = 'NAME'] = names;
  throw fault(
    operation.name,
    { retryable: false, cure: { kind: 'account', machine: first } },
    `in the project of HCLOUD_TOKEN there is nothing of this installation: neither ${listed(names)} nor its firewall. ` +
      'If it is the token of another project, put that of the old one back: what is there is paid for until it is deleted.',
  );
}

const MAX_NAMED = 5;

const listed = (names: string[]): string =>
  names.length > MAX_NAMED
    ? `${names.slice(0, MAX_NAMED).join(', ')} and ${names.length - MAX_NAMED} more`
    : names.join(', ');

const amount = z.object({ net: z.coerce.number() });
const priceShape = z.object({ location: z.string(), price_hourly: amount, price_monthly: amount });
const pricingShape = z.object({
  pricing: z.object({
    currency: z.string(),
    vat_rate: z.coerce.number(),
    server_types: z.array(z.object({ name: z.string(), prices: z.array(priceShape) })),
    primary_ips: z.array(z.object({ type: z.string(), prices: z.array(priceShape) })),
  }),
});

type Price = z.infer<typeof priceShape>;

export async function readPrices(
  { name, call }: Operation,
  { sizes, locations }: { sizes: Record<Size, string>; locations: string[] },
): Promise<Prices> {
  const reply = await call({ method: 'GET', path: '/pricing', shape: pricingShape });
  if (!reply) throw fault(name, { retryable: true }, 'Hetzner has no price list at this address.');
  const { currency, vat_rate: vatRate, server_types: types, primary_ips: addresses } = reply.pricing;
  const addressPrices = addresses.find(({ type }) => type === 'ipv4')?.prices ?? [];
  const nodes = Object.entries(sizes).flatMap(([size, serverType]) => {
    const prices = types.find((type) => type.name === serverType)?.prices ?? [];
    return prices
      .filter(({ location }) => locations.includes(location))
      .map((price) => ({ size: size as Size, serverType, ...sum(price, addressPrices) }));
  });
  return { currency, vatRate, nodes };
}

function sum(server: Price, addresses: Price[]) {
  const { location } = server;
  const address = addresses.find((price) => price.location === location);
  const total = (of: 'price_hourly' | 'price_monthly') =>
    Number((server[of].net + (address?.[of].net ?? 0)).toFixed(6));
  return { location, perHour: total('price_hourly'), perMonth: total('price_monthly') };
}
