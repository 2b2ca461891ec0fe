// Facts about this installation that are chosen or learned once: its id, the prices of its machines.
import { eq } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { settings, type Size } from '../../database/schema.ts';

/** Net, per hour and month of a node, at the dearest location that is configured; the address is in it. */
export interface PriceList {
  /** `EUR`. */
  currency: string;
  provider: string;
  sizes: Partial<Record<Size, { perHour: number; perMonth: number }>>;
}

const NAME = 'prices';

export async function savePrices(db: Executor, prices: PriceList): Promise<void> {
  const value = JSON.stringify(prices);
  await db
    .insert(settings)
    .values({ name: NAME, value })
    .onConflictDoUpdate({ target: settings.name, set: { value } });
}

/** Undefined: this installation's machines cost nothing, or nobody has asked for the prices yet. */
export async function readPrices(db: Executor): Promise<PriceList | undefined> {
  const [row] = await db.select().from(settings).where(eq(settings.name, NAME));
  return row && (JSON.parse(row.value) as PriceList);
}

/** A value that is chosen once for the installation; the first bot's choice holds for all. */
export async function settle(db: Executor, name: string, value: string): Promise<string> {
  await db.insert(settings).values({ name, value }).onConflictDoNothing();
  const [row] = await db.select().from(settings).where(eq(settings.name, name));
  return row?.value ?? value;
}
