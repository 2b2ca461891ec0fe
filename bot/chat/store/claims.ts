// The right to work on a delivery alone for a while: to run it, to show its answer, to show how it ended.
import { and, eq, sql, type SQL } from 'drizzle-orm';
import { deliveries } from '../../database/schema.ts';
import type { Delivery } from '../../database/schema.ts';
import { countLeft, lease, RENEWED, type Executor, type Held } from './rows.ts';

/** Claims the oldest of those deliveries `d` for which `isMeant` holds and that nobody works on. One that was left counts. */
export async function claimFirst(db: Executor, isMeant: SQL): Promise<Held<Delivery> | undefined> {
  const mine = lease();
  const [row] = await db
    .update(deliveries)
    .set({ ...mine, attempts: countLeft(deliveries) })
    .where(
      sql`${deliveries.seq} = (
        select d.seq from deliveries d
         where ${isMeant} and (d.lease_until is null or d.lease_until < clock_timestamp())
         order by d.seq limit 1 for update skip locked)`,
    )
    .returning();
  return row && { row, token: mine.leaseToken };
}

/** What takes long is not done twice. */
export async function renewDelivery(db: Executor, held: Held<Delivery>): Promise<void> {
  await db.update(deliveries).set(RENEWED).where(isMine(held));
}

/** True while nobody else claimed the delivery, and it was not ended or released. */
export const isMine = ({ row, token }: Held<Delivery>): SQL | undefined =>
  and(isThis(row), eq(deliveries.leaseToken, token));

export const isThis = ({ source, deliveryId }: Pick<Delivery, 'source' | 'deliveryId'>): SQL | undefined =>
  and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId));
