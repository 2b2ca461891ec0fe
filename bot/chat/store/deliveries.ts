// The inbox in Postgres: requests stored, claimed, ended. Knows no vendor and no command.
import { and, eq, isNull, sql, type SQL } from 'drizzle-orm';
import { deliveries } from '../../database/schema.ts';
import type { Answer, Delivery } from '../../database/schema.ts';
import {
  claimFirst,
  countLeft,
  hasToken,
  isHeld,
  RELEASED,
  RENEWED,
  untilFirst,
  type Held,
} from '../../database/claims.ts';
import { databaseNow, inMs, notify, type Executor } from '../../database/executor.ts';

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
  return claimOldest(
    db,
    sql`deliveries.ended_at is null and deliveries.next_at <= clock_timestamp()
      and not exists (select 1 from deliveries e
                       where e.thread = deliveries.thread and e.ended_at is null and e.seq < deliveries.seq)`,
  );
}

/** Of the deliveries that are meant; one that was left counts. */
export const claimOldest = (db: Executor, where: SQL): Promise<Held<Delivery> | undefined> =>
  claimFirst<Delivery>(db, deliveries, {
    key: [deliveries.seq],
    where,
    order: deliveries.seq,
    set: { attempts: countLeft(deliveries) },
  });

/** What takes long is not done twice. */
export async function renewDelivery(db: Executor, held: Held<Delivery>): Promise<void> {
  await db.update(deliveries).set(RENEWED).where(isMine(held));
}

/** True while nobody else claimed the delivery, and it was not ended or released. */
export const isMine = (held: Held<Delivery>): SQL | undefined =>
  and(isThis(held.row), hasToken(deliveries, held));

export const isThis = ({ source, deliveryId }: Pick<Delivery, 'source' | 'deliveryId'>): SQL | undefined =>
  and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId));

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
    .where(and(isThis(held.row), isHeld(deliveries, held)))
    .for('update');
  return rows.length > 0;
}

/** `isShown`: nobody has to show the answer any more. */
export async function endDelivery(
  tx: Executor,
  held: Held<Delivery>,
  {
    answer,
    commandId,
    isShown = false,
  }: { answer: Answer | null; commandId?: number | undefined; isShown?: boolean },
): Promise<void> {
  await tx
    .update(deliveries)
    .set({
      endedAt: databaseNow,
      answer,
      answeredAt: answer && !isShown ? null : databaseNow,
      commandId: commandId ?? null,
      ...RELEASED,
    })
    .where(isMine(held));
  await notify(tx, 'answer');
}

export async function postponeDelivery(db: Executor, held: Held<Delivery>, ms: number): Promise<void> {
  await db
    .update(deliveries)
    .set({ attempts: held.row.attempts + 1, nextAt: inMs(ms), ...RELEASED })
    .where(isMine(held));
}

/** Drops what was said in requests that ended more than `days` ago; their ids and hashes stay for ever. */
export async function forgetPayloads(db: Executor, days: number): Promise<void> {
  await db
    .update(deliveries)
    .set({ payload: null })
    .where(
      sql`${deliveries.payload} is not null and ${deliveries.endedAt} < clock_timestamp() - ${days} * interval '1 day'`,
    );
}
