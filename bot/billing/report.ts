// What a person's machines cost, now and this month. Asks the store; says it in no sentence.
import { listNodesOf, readPrices, type Executor } from '../workspaces/store.ts';
import { costOf, money, monthOf, perHour } from './prices.ts';

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
