// What a front still has to show of ended requests: the answer, and how the command ended. Knows no vendor.
import { eq, sql } from 'drizzle-orm';
import { commands, deliveries } from '../../database/schema.ts';
import type { CommandStatus, Delivery, Desired, FrontName } from '../../database/schema.ts';
import { RELEASED, RENEWED, type Held } from '../../database/claims.ts';
import { databaseNow, inMs, type Executor } from '../../database/executor.ts';
import { claimOldest, isMine, isThis } from './deliveries.ts';

/** Claims an answer that its front has not shown yet; within a thread one after the other. `thread`: only that one's (a console's own). */
export function claimAnswer(
  db: Executor,
  source: FrontName,
  thread?: string,
): Promise<Held<Delivery> | undefined> {
  const isThread = thread === undefined ? sql`true` : sql`deliveries.thread = ${thread}`;
  return claimOldest(
    db,
    sql`deliveries.ended_at is not null and deliveries.answered_at is null and deliveries.source = ${source}
      and ${isThread} and deliveries.next_at <= clock_timestamp()
      and not exists (select 1 from deliveries e where e.source = deliveries.source and e.thread = deliveries.thread
                         and e.ended_at is not null and e.answered_at is null and e.seq < deliveries.seq)`,
  );
}

/** It is shown later: the vendor said when. */
export async function postponeAnswer(db: Executor, held: Held<Delivery>, ms: number): Promise<void> {
  await db
    .update(deliveries)
    .set({ nextAt: inMs(ms), ...RELEASED })
    .where(isMine(held));
}

/** Nothing of it is over; somebody else may take it up. */
export async function release(db: Executor, held: Held<Delivery>): Promise<void> {
  await db.update(deliveries).set(RELEASED).where(isMine(held));
}

export async function markAnswered(db: Executor, held: Held<Delivery>): Promise<void> {
  await db
    .update(deliveries)
    .set({ answeredAt: databaseNow, ...RELEASED })
    .where(isMine(held));
}

/** The sign that it was heard, so that it can be taken back. */
export async function keepAck(db: Executor, delivery: Delivery, ack: string): Promise<void> {
  await db.update(deliveries).set({ ack }).where(isThis(delivery));
}

export async function keepReply(db: Executor, delivery: Delivery, reply: string): Promise<void> {
  await db.update(deliveries).set({ reply }).where(isThis(delivery));
}

export type Conclusion = Held<Delivery> & { status: CommandStatus | undefined };

/** Claims an answered request whose command is over, and whose front has not shown yet how it ended. */
export async function claimConclusion(db: Executor, source: FrontName): Promise<Conclusion | undefined> {
  const held = await claimOldest(
    db,
    sql`deliveries.answered_at is not null and deliveries.answer is not null and deliveries.concluded_at is null
      and deliveries.source = ${source}
      and not exists (select 1 from commands c where c.id = deliveries.command_id and c.status = 'running')`,
  );
  if (!held) return undefined;
  const { commandId } = held.row;
  const command = commandId === null ? undefined : await readCommand(db, commandId);
  return { ...held, status: command?.status };
}

/** The vendor wants to be left alone for longer than a lease lasts. */
export async function keepLease(db: Executor, held: Held<Delivery>, ms: number): Promise<void> {
  await db
    .update(deliveries)
    .set({ leaseUntil: sql`greatest(${RENEWED.leaseUntil}, ${inMs(ms)})` })
    .where(isMine(held));
}

export async function markConcluded(db: Executor, held: Held<Delivery>): Promise<void> {
  await db
    .update(deliveries)
    .set({ concludedAt: databaseNow, ...RELEASED })
    .where(isMine(held));
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
