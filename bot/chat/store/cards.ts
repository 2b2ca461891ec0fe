// Cards whose newest version was not sent: claimed, sent or put off. Knows no vendor.
import { and, asc, eq, ne, sql, type SQL } from 'drizzle-orm';
import { cards } from '../../database/schema.ts';
import type { Card, FrontName } from '../../database/schema.ts';
import {
  claimFirst,
  countLeft,
  hasToken,
  RELEASED,
  RENEWED,
  untilFirst,
  type Held,
} from '../../database/claims.ts';
import { inMs, type Executor } from '../../database/executor.ts';

/** Claims a card whose newest version was not sent. `thread`: only that one's. */
export function claimCard(db: Executor, front: FrontName, thread?: string): Promise<Held<Card> | undefined> {
  return claimFirst<Card>(db, cards, {
    key: [cards.seq],
    where: and(
      eq(cards.front, front),
      thread === undefined ? undefined : eq(cards.thread, thread),
      ne(cards.wantVersion, cards.sentVersion),
      sql`${cards.nextAt} <= clock_timestamp()`,
    ),
    order: cards.nextAt,
    set: { attempts: countLeft(cards) },
  });
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
const isMine = (held: Held<Card>): SQL | undefined => and(eq(cards.seq, held.row.seq), hasToken(cards, held));

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
    .set({ attempts: held.row.attempts + 1, lastError: error, nextAt: inMs(ms), ...RELEASED })
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
