// The inbox in Postgres: requests stored, claimed, ended. Knows no vendor and no command.
import { and, gt, isNull, sql } from 'drizzle-orm';
import { deliveries } from '../../database/schema.ts';
import type { Answer, Delivery } from '../../database/schema.ts';
import { claimFirst, isMine } from './claims.ts';
import { after, clock, notify, RELEASED, untilFirst, type Executor, type Held } from './rows.ts';

export type NewDelivery = Pick<Delivery, 'source' | 'deliveryId' | 'thread' | 'event' | 'payload'> & {
  bodyHash?: string;
};

/** Stores a request under its delivery id. False: it, or its body, was here before. */
export async function storeDelivery(db: Executor, delivery: NewDelivery): Promise<boolean> {
  return db.transaction(async (tx) => {
    const stored = await tx
      .insert(deliveries)
      .values(delivery)
      .onConflictDoNothing()
      .returning({ id: deliveries.deliveryId });
    if (stored.length > 0) await notify(tx, 'delivery');
    return stored.length > 0;
  });
}

/** Claims the oldest request of a thread that has none before it. One that waits holds up its own thread only. */
export function claimDelivery(db: Executor): Promise<Held<Delivery> | undefined> {
  return claimFirst(
    db,
    sql`d.ended_at is null and d.next_at <= clock_timestamp()
      and not exists (select 1 from deliveries e where e.thread = d.thread and e.ended_at is null and e.seq < d.seq)`,
  );
}

export async function deliveryDueInMs(db: Executor): Promise<number | undefined> {
  const [row] = await db
    .select({ ms: untilFirst(deliveries) })
    .from(deliveries)
    .where(isNull(deliveries.endedAt));
  return row?.ms ?? undefined;
}

/** Locks the request for the transaction that ends it. False: another worker ended it; roll back. */
export async function lockDelivery(tx: Executor, held: Held<Delivery>): Promise<boolean> {
  const rows = await tx
    .select({ id: deliveries.deliveryId })
    .from(deliveries)
    .where(and(isMine(held), gt(deliveries.leaseUntil, clock)))
    .for('update');
  return rows.length > 0;
}

export async function endDelivery(
  tx: Executor,
  held: Held<Delivery>,
  answer: Answer | null,
  commandId?: number,
): Promise<void> {
  await tx
    .update(deliveries)
    .set({
      endedAt: clock,
      answer,
      answeredAt: answer ? null : clock,
      commandId: commandId ?? null,
      ...RELEASED,
    })
    .where(isMine(held));
  await notify(tx, 'answer');
}

export async function postponeDelivery(db: Executor, held: Held<Delivery>, ms: number): Promise<void> {
  await db
    .update(deliveries)
    .set({ attempts: held.row.attempts + 1, nextAt: after(ms), ...RELEASED })
    .where(isMine(held));
}
