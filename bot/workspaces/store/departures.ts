// Where a front's app was taken away, and since when: until it is back there, or its workspaces went. Decides nothing.
import { eq, sql } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { settings } from '../../database/schema.ts';
import { readClock } from './reconciled.ts';
import { settle } from './settings.ts';

/** `place`: as the front names it. */
export interface Departure {
  front: string;
  place: string;
}

const prefixOf = (front: string): string => `departed ${front} `;
const nameOf = ({ front, place }: Departure): string => `${prefixOf(front)}${place}`;

/** Gives since when: the first word of it holds. */
export const noteDeparture = async (tx: Executor, departure: Departure): Promise<Date> =>
  new Date(await settle(tx, nameOf(departure), (await readClock(tx)).toISOString()));

/** False: it was not away. */
export async function forgetDeparture(tx: Executor, departure: Departure): Promise<boolean> {
  const gone = await tx
    .delete(settings)
    .where(eq(settings.name, nameOf(departure)))
    .returning({ name: settings.name });
  return gone.length > 0;
}

export async function moveDeparture(tx: Executor, departure: Departure, to: string): Promise<void> {
  const name = nameOf({ ...departure, place: to });
  await tx.delete(settings).where(eq(settings.name, name));
  await tx
    .update(settings)
    .set({ name })
    .where(eq(settings.name, nameOf(departure)));
}

/** Those whose places begin so. */
export async function listDepartures(
  db: Executor,
  front: string,
  below = '',
): Promise<{ place: string; since: Date }[]> {
  const prefix = prefixOf(front);
  const rows = await db
    .select()
    .from(settings)
    .where(sql`starts_with(${settings.name}, ${prefix + below})`)
    .orderBy(settings.name);
  return rows.map(({ name, value }) => ({ place: name.slice(prefix.length), since: new Date(value) }));
}
