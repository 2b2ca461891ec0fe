// The inbox and the cards in Postgres: stored, claimed, ended. Knows no vendor and no command.
import { and, asc, eq, gt, isNull, ne, sql } from 'drizzle-orm';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';
import { cards, commands, deliveries, nodes, users, workspaces } from '../database/schema.ts';
import type {
  Answer,
  Card,
  CommandStatus,
  Delivery,
  Desired,
  Front,
  Node,
  User,
  Workspace,
} from '../database/schema.ts';
import { randomBase32 } from '../ids.ts';

// Whoever is met in a chat and whoever signs in are met in one way, or they would be two people.
export { meetPerson } from '../access/store.ts';

/** A pool or one of its transactions. */
export type Executor = PgDatabase<PostgresJsQueryResultHKT>;

/** A row that this process alone may work on for a while. */
export interface Held<Row> {
  row: Row;
  token: string;
}

const clock = sql<Date>`clock_timestamp()`;
const LEASE = sql`clock_timestamp() + interval '30 seconds'`;

export async function notify(tx: Executor, hint: 'delivery' | 'answer' | 'card' | 'due'): Promise<void> {
  await tx.execute(sql`select pg_notify('sam', ${hint})`);
}

// --- the inbox ----------------------------------------------------------------------------------------------------

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
export async function claimDelivery(db: Executor): Promise<Held<Delivery> | undefined> {
  const token = randomBase32(16);
  const [row] = await db
    .update(deliveries)
    .set({ leaseToken: token, leaseUntil: LEASE })
    .where(
      sql`${deliveries.seq} = (
        select d.seq from deliveries d
         where d.ended_at is null and d.next_at <= clock_timestamp()
           and (d.lease_until is null or d.lease_until < clock_timestamp())
           and not exists (select 1 from deliveries e where e.thread = d.thread and e.ended_at is null and e.seq < d.seq)
         order by d.seq limit 1 for update skip locked)`,
    )
    .returning();
  return row && { row, token };
}

export async function deliveryDueInMs(db: Executor): Promise<number | undefined> {
  const [row] = await db
    .select({
      ms: sql<
        number | null
      >`extract(epoch from min(greatest(${deliveries.nextAt}, ${deliveries.leaseUntil})) - clock_timestamp())::float8 * 1000`,
    })
    .from(deliveries)
    .where(isNull(deliveries.endedAt));
  return row?.ms ?? undefined;
}

const isMine = ({ row, token }: Held<Delivery>) =>
  and(
    eq(deliveries.source, row.source),
    eq(deliveries.deliveryId, row.deliveryId),
    eq(deliveries.leaseToken, token),
    isNull(deliveries.endedAt),
  );

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
      leaseToken: null,
      leaseUntil: null,
    })
    .where(isMine(held));
  await notify(tx, 'answer');
}

export async function postponeDelivery(db: Executor, held: Held<Delivery>, ms: number): Promise<void> {
  await db
    .update(deliveries)
    .set({
      attempts: held.row.attempts + 1,
      nextAt: sql`clock_timestamp() + ${ms} * interval '1 millisecond'`,
      leaseToken: null,
      leaseUntil: null,
    })
    .where(isMine(held));
}

/** Claims an answer that its front has not shown yet. `thread`: only that one's (a console's own). */
export async function claimAnswer(
  db: Executor,
  source: Front,
  thread?: string,
): Promise<Held<Delivery> | undefined> {
  const token = randomBase32(16);
  const isThread = thread === undefined ? sql`true` : sql`d.thread = ${thread}`;
  const [row] = await db
    .update(deliveries)
    .set({ leaseToken: token, leaseUntil: LEASE })
    .where(
      sql`${deliveries.seq} = (
        select d.seq from deliveries d
         where d.ended_at is not null and d.answered_at is null and d.source = ${source} and ${isThread}
           and d.next_at <= clock_timestamp() and (d.lease_until is null or d.lease_until < clock_timestamp())
         order by d.seq limit 1 for update skip locked)`,
    )
    .returning();
  return row && { row, token };
}

export async function markAnswered(db: Executor, { row, token }: Held<Delivery>): Promise<void> {
  await db
    .update(deliveries)
    .set({ answeredAt: clock, leaseToken: null, leaseUntil: null })
    .where(
      and(
        eq(deliveries.source, row.source),
        eq(deliveries.deliveryId, row.deliveryId),
        eq(deliveries.leaseToken, token),
      ),
    );
}

export interface CommandState {
  status: CommandStatus;
  /** Null: it wanted no other state. */
  desired: Desired | null;
  /** 1: it made its workspace. */
  seq: number;
}

export async function readCommand(db: Executor, id: number): Promise<CommandState | undefined> {
  const { status, desired, seq } = commands;
  const [row] = await db.select({ status, desired, seq }).from(commands).where(eq(commands.id, id));
  return row;
}

// --- cards --------------------------------------------------------------------------------------------------------

/** Wants a card for `subject` in that thread; one that is there is drawn again. */
export async function wantCard(
  tx: Executor,
  card: Pick<Card, 'front' | 'thread' | 'subject'>,
): Promise<void> {
  await tx
    .insert(cards)
    .values(card)
    .onConflictDoUpdate({
      target: [cards.front, cards.thread, cards.subject],
      set: { wantVersion: sql`${cards.wantVersion} + 1`, nextAt: clock },
    });
  await notify(tx, 'card');
}

/** Claims a card whose newest version was not sent. `thread`: only that one's. */
export async function claimCard(
  db: Executor,
  front: Front,
  thread?: string,
): Promise<Held<Card> | undefined> {
  const token = randomBase32(16);
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
    .set({ leaseToken: token, leaseUntil: LEASE })
    .where(eq(cards.seq, sql`(${due})`))
    .returning();
  return row && { row, token };
}

/** The cards of a place that is gone: nobody will ever draw them again. */
export async function dropCards(db: Executor, front: Front, thread: string): Promise<void> {
  await db.delete(cards).where(and(eq(cards.front, front), eq(cards.thread, thread)));
}

export async function cardDueInMs(db: Executor): Promise<number | undefined> {
  const [row] = await db
    .select({
      ms: sql<
        number | null
      >`extract(epoch from min(greatest(${cards.nextAt}, ${cards.leaseUntil})) - clock_timestamp())::float8 * 1000`,
    })
    .from(cards)
    .where(ne(cards.wantVersion, cards.sentVersion));
  return row?.ms ?? undefined;
}

/** Writes the version that was sent, not the newest: what changed meanwhile is sent next. */
export async function finishCard(
  db: Executor,
  { row, token }: Held<Card>,
  sent: Partial<Card>,
): Promise<void> {
  await db
    .update(cards)
    .set({
      sentVersion: row.wantVersion,
      attempts: 0,
      lastError: null,
      ...sent,
      leaseToken: null,
      leaseUntil: null,
    })
    .where(
      and(
        eq(cards.front, row.front),
        eq(cards.thread, row.thread),
        eq(cards.subject, row.subject),
        eq(cards.leaseToken, token),
      ),
    );
}

export async function postponeCard(
  db: Executor,
  { row, token }: Held<Card>,
  ms: number,
  error: string,
): Promise<void> {
  await db
    .update(cards)
    .set({
      attempts: row.attempts + 1,
      lastError: error,
      nextAt: sql`clock_timestamp() + ${ms} * interval '1 millisecond'`,
      leaseToken: null,
      leaseUntil: null,
    })
    .where(
      and(
        eq(cards.front, row.front),
        eq(cards.thread, row.thread),
        eq(cards.subject, row.subject),
        eq(cards.leaseToken, token),
      ),
    );
}

/** All that a card shows. */
export async function readSubject(
  db: Executor,
  id: string,
): Promise<{ workspace: Workspace; node: Node | null; owner: User; now: Date } | undefined> {
  const [row] = await db
    .select({ workspace: workspaces, node: nodes, owner: users, now: sql<string>`clock_timestamp()` })
    .from(workspaces)
    .innerJoin(users, eq(users.id, workspaces.owner))
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .where(eq(workspaces.id, id));
  return row && { ...row, now: new Date(row.now) };
}
