// Which cards are wanted, where, that they are drawn again, and who draws them now. Knows no vendor, and sends nothing.
import { and, asc, eq, inArray, ne, notInArray, sql, type SQL } from 'drizzle-orm';
import { cards, type Card, type CardKind, type FrontName } from '../../database/schema.ts';
import { notify, type Executor, inMs } from '../../database/executor.ts';
import {
  claimFirst,
  countLeft,
  hasToken,
  RELEASED,
  RENEWED,
  untilFirst,
  type Held,
} from '../../database/claims.ts';
import { AGAIN } from '../../workspaces/store/cards.ts';

/** Wants a card for `subject` in that thread; one that is there is drawn again. */
export async function wantCard(
  tx: Executor,
  card: Pick<Card, 'front' | 'thread' | 'subject'> & { kind?: CardKind },
): Promise<void> {
  const target = [cards.front, cards.thread, cards.subject, cards.kind];
  await tx.insert(cards).values(card).onConflictDoUpdate({ target, set: AGAIN });
  await notify(tx, 'card');
}

/** The cards of a place that is gone: nobody will ever draw them again. */
export async function dropCards(db: Executor, front: FrontName, thread: string): Promise<void> {
  await db.delete(cards).where(and(eq(cards.front, front), eq(cards.thread, thread)));
}

/** A thread has a new name: its cards go on there. */
export async function moveCards(tx: Executor, front: FrontName, from: string, to: string): Promise<void> {
  const inside = `${escapeLike(from)}#%`;
  const moved = (column: 'thread' | 'subject') =>
    sql`case when ${cards[column]} like ${inside} then ${to} || substr(${cards[column]}, ${from.length + 1}) else ${cards[column]} end`;
  await tx
    .update(cards)
    .set({ thread: moved('thread'), subject: moved('subject') })
    .where(and(eq(cards.front, front), sql`${cards.thread} like ${inside}`));
}

/** The cards of all threads that begin so are drawn again, as if none had been sent. */
export async function redrawCards(tx: Executor, front: FrontName, beginning: string): Promise<void> {
  const isThere = sql`${cards.thread} like ${`${escapeLike(beginning)}%`}`;
  await wantAgain(tx, and(eq(cards.front, front), isThere), { sentHash: null });
}

const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, String.raw`\$&`);

/** What shows a thread's workspaces beside its card is sent again, even if it says the same: the commit is another. */
export async function resendSignals(tx: Executor, thread: string): Promise<void> {
  await wantAgain(tx, and(eq(cards.thread, thread), notInArray(cards.kind, ['card', 'answer'])), {
    sentHash: null,
  });
}

/** The card of the thread is drawn again: there is something else to say on it. */
export async function redrawCard(db: Executor, front: FrontName, thread: string): Promise<void> {
  await wantAgain(db, and(eq(cards.front, front), eq(cards.thread, thread), eq(cards.kind, 'card')));
}

/** `forget`: what was sent before, so that an equal body is sent too. */
async function wantAgain(
  tx: Executor,
  which: SQL | undefined,
  forget: { sentHash?: null } = {},
): Promise<void> {
  await tx
    .update(cards)
    .set({ ...AGAIN, ...forget })
    .where(which);
  await notify(tx, 'card');
}

/** Answers come in the order in which there was one, also where the first of them has to be tried again. */
const isNext = sql`(${cards.kind} <> 'answer' or not exists (
  select from ${cards} e where e.front = ${cards.front} and e.thread = ${cards.thread} and e.kind = 'answer'
     and e.want_version <> e.sent_version and e.seq < ${cards.seq}))`;

/** Claims a card whose newest version was not sent. `thread`: only that one's. */
export function claimCard(db: Executor, front: FrontName, thread?: string): Promise<Held<Card> | undefined> {
  return claimFirst<Card>(db, cards, {
    key: [cards.seq],
    where: and(
      eq(cards.front, front),
      thread === undefined ? undefined : eq(cards.thread, thread),
      ne(cards.wantVersion, cards.sentVersion),
      sql`${cards.nextAt} <= clock_timestamp()`,
      isNext,
    ),
    order: cards.nextAt,
    set: { attempts: countLeft(cards) },
  });
}

/** So many: Postgres believes that most cards wait, and would read them all. */
const MAX_LOOKED_AT = 100;

/** `fronts`: of these alone. */
export async function cardDueInMs(db: Executor, fronts?: FrontName[]): Promise<number | undefined> {
  const first = db
    .select({ nextAt: cards.nextAt, leaseUntil: cards.leaseUntil })
    .from(cards)
    .where(and(ne(cards.wantVersion, cards.sentVersion), isNext, fronts && inArray(cards.front, fronts)))
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
