// Facts about this installation that are chosen or learned once: its id, the prices of its machines; the
// repository that a channel's people mean when they name none.
import { eq, and } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { settings, type Size, channels, type FrontName } from '../../database/schema.ts';

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

export interface ChannelDefault {
  front: FrontName;
  channel: string;
  /** `owner/name`. */
  repository: string;
  ref: string | null;
}

/** The newest word holds. */
export async function setDefault(tx: Executor, wanted: ChannelDefault & { setBy: string }): Promise<void> {
  const { repository, ref, setBy } = wanted;
  await tx
    .insert(channels)
    .values(wanted)
    .onConflictDoUpdate({ target: [channels.front, channels.channel], set: { repository, ref, setBy } });
}

export async function findDefault(
  db: Executor,
  front: FrontName,
  channel: string,
): Promise<ChannelDefault | undefined> {
  const [found] = await db
    .select()
    .from(channels)
    .where(and(eq(channels.front, front), eq(channels.channel, channel)));
  return found;
}
