// What nodes cost, as Hetzner's price list says. Knows no server.
import { z } from 'zod';
import type { Size } from '../../database/types.ts';
import type { Operation } from './calls.ts';
import { fault } from './errors.ts';
import type { Prices } from '../provider.ts';

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
