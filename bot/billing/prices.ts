// What machines cost: from when to when each was there, times its price, and for a person now and this month. Knows no table of a
// cloud; says it in no sentence.
import type { Executor, Node } from '../database/types.ts';
import { readPrices, type PriceList } from '../workspaces/store/settings.ts';
import { listNodesOf } from '../workspaces/store/nodes.ts';

/**
 * Net, of one node from `start` on. A machine counts from the moment its create was sent until it was gone, also while it
 * is off: a powered-off server is billed. Started hours count whole, and a month never costs more than its price.
 */
export function costOf(node: Node, prices: PriceList, start: Date, now: Date): number {
  const price = prices.sizes[node.size];
  if (!price || node.provider !== prices.provider || !node.createSentAt) return 0;
  const from = Math.max(node.createSentAt.getTime(), start.getTime());
  const to = node.phase === 'deleted' ? node.phaseSince.getTime() : now.getTime();
  const hours = Math.ceil(Math.max(0, to - from) / 3_600_000);
  return Math.min(hours * price.perHour, price.perMonth);
}

/** Of a node, with the prices that are known now: `0.0074 €/h`; undefined: it costs nothing, or nobody knows. */
export async function hourly(db: Executor): Promise<(node: Node) => string | undefined> {
  const prices = await readPrices(db);
  return ({ provider, size, phase }) => {
    const price = prices?.provider === provider && phase !== 'deleted' ? prices.sizes[size] : undefined;
    return prices && price && perHour(price.perHour, prices.currency);
  };
}

/** The first moment of the month, UTC: as the bill counts. */
export const monthOf = (now: Date): Date => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));

/** `0.0074 €/h`. */
export const perHour = (amount: number, currency: string): string =>
  `${amount.toFixed(4)} ${sign(currency)}/h`;

export const money = (amount: number, currency: string): string => `${amount.toFixed(2)} ${sign(currency)}`;

const sign = (currency: string): string => (currency === 'EUR' ? '€' : currency);

/** What those nodes cost on each of the last `days`, the oldest first; by the hour as it passed, without rounding up. */
export function costByDay(
  nodes: readonly Node[],
  prices: PriceList,
  days: number,
  now: Date,
): { day: Date; amount: number }[] {
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  return Array.from({ length: days }, (_, index) => {
    const from = today - (days - 1 - index) * DAY_MS;
    const amounts = nodes.map((node) =>
      costWithin(node, prices, from, Math.min(from + DAY_MS, now.getTime())),
    );
    return { day: new Date(from), amount: amounts.reduce((sum, one) => sum + one, 0) };
  });
}

const DAY_MS = 86_400_000;

function costWithin(node: Node, prices: PriceList, from: number, to: number): number {
  const price = prices.sizes[node.size];
  if (!price || node.provider !== prices.provider || !node.createSentAt) return 0;
  const end = node.phase === 'deleted' ? node.phaseSince.getTime() : to;
  const ms = Math.min(end, to) - Math.max(node.createSentAt.getTime(), from);
  return (Math.max(0, ms) / 3_600_000) * price.perHour;
}

/** Undefined: they cost nothing, or nobody knows what. */
export async function reportCosts(
  tx: Executor,
  owner: string,
  now: Date,
): Promise<{ machines: number; rate: string; month: string } | undefined> {
  const prices = await readPrices(tx);
  if (!prices) return undefined;
  const { currency, sizes } = prices;
  const start = monthOf(now);
  const all = await listNodesOf(tx, owner, start);
  const living = all.filter(({ node }) => node.phase !== 'deleted' && node.createSentAt);
  const rate = living.reduce((sum, { node }) => sum + (sizes[node.size]?.perHour ?? 0), 0);
  const month = all.reduce((sum, { node }) => sum + costOf(node, prices, start, now), 0);
  return { machines: living.length, rate: perHour(rate, currency), month: money(month, currency) };
}
