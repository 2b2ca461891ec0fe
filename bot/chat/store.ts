// The inbox and the cards in Postgres: stored, claimed, ended. Knows no vendor and no command.
import { and, asc, desc, eq, gt, isNull, ne, sql, type SQL } from 'drizzle-orm';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';
import { cards, commands, deliveries, nodes, settings, users, workspaces } from '../database/schema.ts';
import type {
  Answer,
  Card,
  CardKind,
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

/** What a front has to remember that is about no person and no thread. */
export async function readNote(db: Executor, name: string): Promise<string | undefined> {
  const [row] = await db.select().from(settings).where(eq(settings.name, name));
  return row?.value;
}

export async function keepNote(db: Executor, name: string, value: string): Promise<void> {
  const { name: target } = settings;
  await db.insert(settings).values({ name, value }).onConflictDoUpdate({ target, set: { value } });
}

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

const isLeased = ({ row, token }: Held<Delivery>) =>
  and(
    eq(deliveries.source, row.source),
    eq(deliveries.deliveryId, row.deliveryId),
    eq(deliveries.leaseToken, token),
  );
const isMine = (held: Held<Delivery>) => and(isLeased(held), isNull(deliveries.endedAt));

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

/** Claims an answer that its front has not shown yet; within a thread one after the other. `thread`: only that one's (a console's own). */
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
         and not exists (select 1 from deliveries e where e.source = d.source and e.thread = d.thread
                            and e.ended_at is not null and e.answered_at is null and e.seq < d.seq)
         order by d.seq limit 1 for update skip locked)`,
    )
    .returning();
  return row && { row, token };
}

/** It is shown later: the vendor said when. */
export async function postponeAnswer(db: Executor, held: Held<Delivery>, ms: number): Promise<void> {
  await db
    .update(deliveries)
    .set({
      nextAt: sql`clock_timestamp() + ${ms} * interval '1 millisecond'`,
      leaseToken: null,
      leaseUntil: null,
    })
    .where(isLeased(held));
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

/** The sign that it was heard, so that it can be taken back. */
export async function keepAck(db: Executor, { source, deliveryId }: Delivery, ack: string): Promise<void> {
  await db
    .update(deliveries)
    .set({ ack })
    .where(and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId)));
}

export async function keepReply(
  db: Executor,
  { source, deliveryId }: Delivery,
  reply: string,
): Promise<void> {
  await db
    .update(deliveries)
    .set({ reply })
    .where(and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId)));
}

export type Conclusion = Held<Delivery> & { status: CommandStatus | undefined };

/** Claims an answered request whose command is over, and whose front has not shown yet how it ended. */
export async function claimConclusion(db: Executor, source: Front): Promise<Conclusion | undefined> {
  const token = randomBase32(16);
  const [row] = await db
    .update(deliveries)
    .set({ leaseToken: token, leaseUntil: LEASE })
    .where(
      sql`${deliveries.seq} = (
        select d.seq from deliveries d
         where d.answered_at is not null and d.answer is not null and d.concluded_at is null
           and d.source = ${source} and (d.lease_until is null or d.lease_until < clock_timestamp())
           and not exists (select 1 from commands c where c.id = d.command_id and c.status = 'running')
         order by d.seq limit 1 for update skip locked)`,
    )
    .returning();
  if (!row) return undefined;
  const command = row.commandId === null ? undefined : await readCommand(db, row.commandId);
  return { row, token, status: command?.status };
}

/** The vendor wants to be left alone for longer than a lease lasts. */
export async function keepLease(db: Executor, held: Held<Delivery>, ms: number): Promise<void> {
  await db
    .update(deliveries)
    .set({ leaseUntil: sql`greatest(${LEASE}, clock_timestamp() + ${ms} * interval '1 millisecond')` })
    .where(isLeased(held));
}

export async function markConcluded(db: Executor, { row, token }: Held<Delivery>): Promise<void> {
  await db
    .update(deliveries)
    .set({ concludedAt: clock, leaseToken: null, leaseUntil: null })
    .where(
      and(
        eq(deliveries.source, row.source),
        eq(deliveries.deliveryId, row.deliveryId),
        eq(deliveries.leaseToken, token),
      ),
    );
}

/** How many requests of the last hour got an answer: of that person, and about that repository. */
export async function countRecent(
  db: Executor,
  source: Front,
  { sender, repository }: { sender: { id: number }; repository: string },
): Promise<{ person: number; repository: number }> {
  const [row] = await db
    .select({
      person: sql<number>`count(*) filter (where ${deliveries.payload}->'sender'->>'id' = ${String(sender.id)})::int`,
      repository: sql<number>`count(*) filter (where ${deliveries.payload}->>'repository' = ${repository})::int`,
    })
    .from(deliveries)
    .where(
      sql`${deliveries.source} = ${source} and ${deliveries.answer} is not null
        and ${deliveries.receivedAt} > clock_timestamp() - interval '1 hour'`,
    );
  return row ?? { person: 0, repository: 0 };
}

export interface Said {
  /** The person's id at the vendor. */
  to: string | null;
  code: string;
  ok: boolean;
  isRecent: boolean;
}

/** What was said in a thread beside its cards, newest first; `isRecent`: in the last ten minutes. */
export async function readSaid(db: Executor, source: Front, thread: string): Promise<Said[]> {
  return db
    .select({
      to: sql<string | null>`${deliveries.payload}->'sender'->>'id'`,
      code: sql<string>`${deliveries.answer}->>'code'`,
      ok: sql<boolean>`(${deliveries.answer}->>'ok')::boolean`,
      isRecent: sql<boolean>`${deliveries.endedAt} > clock_timestamp() - interval '10 minutes'`,
    })
    .from(deliveries)
    .where(
      and(eq(deliveries.source, source), eq(deliveries.thread, thread), sql`${deliveries.reply} is not null`),
    )
    .orderBy(desc(deliveries.seq))
    .limit(50);
}

/** Whether the comment got an answer in the last quarter of an hour that said what was wrong with it. */
export async function wasMisread(
  db: Executor,
  source: Front,
  { comment, sender }: { comment: number; sender: { id: number } },
): Promise<boolean> {
  const rows = await db
    .select({ seq: deliveries.seq })
    .from(deliveries)
    .where(
      sql`${deliveries.source} = ${source} and ${deliveries.payload}->>'kind' = 'comment'
        and ${deliveries.payload}->>'comment' = ${String(comment)} and ${deliveries.payload}->'sender'->>'id' = ${String(sender.id)}
        and ${deliveries.reply} is not null and ${deliveries.answer}->>'ok' = 'false'
        and ${deliveries.receivedAt} > clock_timestamp() - interval '15 minutes'`,
    )
    .limit(1);
  return rows.length > 0;
}

/** A thread has a new name: its cards go on there. */
export async function moveCards(tx: Executor, front: Front, from: string, to: string): Promise<void> {
  const moved = (column: 'thread' | 'subject') =>
    sql`case when ${cards[column]} like ${`${escapeLike(from)}#%`} then ${to} || substr(${cards[column]}, ${from.length + 1}) else ${cards[column]} end`;
  await tx
    .update(cards)
    .set({ thread: moved('thread'), subject: moved('subject') })
    .where(and(eq(cards.front, front), sql`${cards.thread} like ${`${escapeLike(from)}#%`}`));
}

/** The cards of all threads that begin so are drawn again, as if none had been sent. */
export async function redrawCards(tx: Executor, front: Front, beginning: string): Promise<void> {
  await tx
    .update(cards)
    .set({ wantVersion: sql`${cards.wantVersion} + 1`, sentHash: null, nextAt: clock })
    .where(and(eq(cards.front, front), sql`${cards.thread} like ${`${escapeLike(beginning)}%`}`));
  await notify(tx, 'card');
}

const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, String.raw`\$&`);

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
  card: Pick<Card, 'front' | 'thread' | 'subject'> & { kind?: CardKind },
): Promise<void> {
  await tx
    .insert(cards)
    .values(card)
    .onConflictDoUpdate({
      target: [cards.front, cards.thread, cards.subject, cards.kind],
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
    .where(and(eq(cards.seq, row.seq), eq(cards.leaseToken, token)));
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
    .where(and(eq(cards.seq, row.seq), eq(cards.leaseToken, token)));
}

/** A card that may not be sent yet. A change brings it forward, and its front decides again. */
export async function deferCard(db: Executor, { row, token }: Held<Card>, until: Date): Promise<void> {
  await db
    .update(cards)
    .set({ nextAt: until, leaseToken: null, leaseUntil: null })
    .where(and(eq(cards.seq, row.seq), eq(cards.leaseToken, token), eq(cards.wantVersion, row.wantVersion)));
  await db
    .update(cards)
    .set({ leaseToken: null, leaseUntil: null })
    .where(and(eq(cards.seq, row.seq), eq(cards.leaseToken, token)));
}

/** What shows a thread's workspaces beside its card is sent again, even if it says the same: the commit is another. */
export async function resendSignals(tx: Executor, front: Front, thread: string): Promise<void> {
  await tx
    .update(cards)
    .set({ wantVersion: sql`${cards.wantVersion} + 1`, sentHash: null, nextAt: clock })
    .where(and(eq(cards.front, front), eq(cards.thread, thread), ne(cards.kind, 'card')));
  await notify(tx, 'card');
}

/** The card of the thread is drawn again: there is something else to say on it. */
export async function redrawCard(db: Executor, front: Front, thread: string): Promise<void> {
  await wantAgain(db, and(eq(cards.front, front), eq(cards.thread, thread), eq(cards.kind, 'card')));
}

/** All that shows the workspace, by itself or among those of a topic, is drawn again. */
export async function redrawWorkspace(db: Executor, front: Front, workspace: string): Promise<void> {
  const { id, topic } = workspaces;
  const topics = db.select({ topic }).from(workspaces).where(eq(id, workspace));
  const isShown = sql`(${cards.subject} = ${workspace} or ${cards.subject} in (${topics}))`;
  await wantAgain(db, and(eq(cards.front, front), isShown));
}

async function wantAgain(db: Executor, which: SQL | undefined): Promise<void> {
  await db
    .update(cards)
    .set({ wantVersion: sql`${cards.wantVersion} + 1`, nextAt: clock })
    .where(which);
  await notify(db, 'card');
}

/** The answer to the last button of a workspace that was pressed in the last ten minutes. */
export async function readPress(
  db: Executor,
  front: Front,
  workspace: string,
): Promise<{ payload: unknown; answer: Answer } | undefined> {
  const { payload, answer } = deliveries;
  const [row] = await db
    .select({ payload, answer })
    .from(deliveries)
    .where(
      sql`${deliveries.thread} = ${workspace} and ${deliveries.source} = ${front} and ${deliveries.endedAt} is not null
        and ${deliveries.receivedAt} > clock_timestamp() - interval '10 minutes'`,
    )
    .orderBy(desc(deliveries.seq))
    .limit(1);
  return row?.answer ? { payload: row.payload, answer: row.answer } : undefined;
}

/** Of a workspace that is there. */
export async function readWhereabouts(
  tx: Executor,
  workspace: string,
): Promise<Pick<Workspace, 'id' | 'topic' | 'repository' | 'key'>> {
  const { id, topic, repository, key } = workspaces;
  const [row] = await tx.select({ id, topic, repository, key }).from(workspaces).where(eq(id, workspace));
  if (!row) throw new Error(`workspace ${workspace} has no row`);
  return row;
}

interface Subject {
  workspace: Workspace;
  node: Node | null;
  owner: User;
  now: Date;
}

/**
 * All that a card shows: the workspace, or those of the topic that are there, or whose work was saved as they went. Where
 * all of them are gone, the last of them at least.
 */
export async function readSubject(db: Executor, subject: string): Promise<Subject[]> {
  const rows = await readWorkspaces(db, subject);
  const shown = rows.filter(
    ({ workspace: { phase, notice, reported } }) => phase !== 'deleted' || (notice && reported?.saved),
  );
  return shown.length > 0 ? shown : rows.slice(-1);
}

async function readWorkspaces(db: Executor, subject: string): Promise<Subject[]> {
  const rows = await db
    .select({ workspace: workspaces, node: nodes, owner: users, now: sql<string>`clock_timestamp()` })
    .from(workspaces)
    .innerJoin(users, eq(users.id, workspaces.owner))
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .where(subject.includes('#') ? eq(workspaces.topic, subject) : eq(workspaces.id, subject))
    .orderBy(asc(workspaces.createdAt));
  return rows.map((row) => ({ ...row, now: new Date(row.now) }));
}
