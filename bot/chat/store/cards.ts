// Cards whose newest version was not sent: claimed, sent or put off. Knows no vendor.
import { and, asc, eq, ne, sql, type SQL } from 'drizzle-orm';
import { cards } from '../../database/schema.ts';
import type { Card, Front } from '../../database/schema.ts';
import { after, countLeft, lease, RELEASED, RENEWED, untilFirst, type Executor, type Held } from './rows.ts';

/** Claims a card whose newest version was not sent. `thread`: only that one's. */
export async function claimCard(
  db: Executor,
  front: Front,
  thread?: string,
): Promise<Held<Card> | undefined> {
  const mine = lease();
  const due = db
    .select({ seq: cards.seq })
    .from(cards)
    .where(
      and(
        eq(cards.front, front),
        thread === undefined ? undefined : eq(cards.thread, thread),
        ne(cards.wantVersion, cards.sentVersion),
        sql`${cards.nextAt} <= clock_timestamp() and (${cards.leaseUntil} is null or ${cards.leaseUntil} < clock_timestamp())`,
      ),
    )
    .orderBy(asc(cards.nextAt))
    .limit(1)
    .for('update', { skipLocked: true });
  const [row] = await db
    .update(cards)
    .set({ ...mine, attempts: countLeft(cards) })
    .where(eq(cards.seq, sql`(${due})`))
    .returning();
  return row && { row, token: mine.leaseToken };
}

/** So many: Postgres believes that most cards wait, and would read them all. */
const MAX_LOOKED_AT = 100;

export async function cardDueInMs(db: Executor): Promise<number | undefined> {
  const first = db
    .select({ nextAt: cards.nextAt, leaseUntil: cards.leaseUntil })
    .from(cards)
    .where(ne(cards.wantVersion, cards.sentVersion))
    .orderBy(asc(cards.nextAt))
    .limit(MAX_LOOKED_AT)
    .as('first');
  const [row] = await db.select({ ms: untilFirst(first) }).from(first);
  return row?.ms ?? undefined;
}

/** True while nobody else claimed the card, and it was not released. */
const isMine = ({ row, token }: Held<Card>): SQL | undefined =>
  and(eq(cards.seq, row.seq), eq(cards.leaseToken, token));

/** What takes long is not done twice. */
export async function renewCard(db: Executor, held: Held<Card>): Promise<void> {
  await db.update(cards).set(RENEWED).where(isMine(held));
}

/** Writes the version that was sent, not the newest: what changed meanwhile is sent next. */
export async function finishCard(db: Executor, held: Held<Card>, sent: Partial<Card>): Promise<void> {
  await db
    .update(cards)
    .set({ sentVersion: held.row.wantVersion, attempts: 0, lastError: null, ...sent, ...RELEASED })
    .where(isMine(held));
}

export async function postponeCard(db: Executor, held: Held<Card>, ms: number, error: string): Promise<void> {
  await db
    .update(cards)
    .set({ attempts: held.row.attempts + 1, lastError: error, nextAt: after(ms), ...RELEASED })
    .where(isMine(held));
}

/** A card that may not be sent yet. A change brings it forward, and its front decides again. */
export async function deferCard(db: Executor, held: Held<Card>, until: Date): Promise<void> {
  await db
    .update(cards)
    .set({ nextAt: until, ...RELEASED })
    .where(and(isMine(held), eq(cards.wantVersion, held.row.wantVersion)));
  await db.update(cards).set(RELEASED).where(isMine(held));
}
