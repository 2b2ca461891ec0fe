// What is still to be written to GitHub, read from the rows of requests, commands and cards, and whose turn it is: one
// writer at a time for each account, because GitHub counts what is written by installation. Sends nothing.
import { and, eq, sql } from 'drizzle-orm';
import { cards, deliveries, turns, type Card, type Delivery } from '../../database/schema.ts';
import { claimFirst, countLeft, isFree, RELEASED, RENEWED, type Held } from '../../database/claims.ts';
import { inMs, type Executor } from '../../database/executor.ts';
import { randomBase32 } from '../../ids.ts';

/** Something to write: how a command ended, an answer, the sign that it was heard, or what shows a workspace. */
interface Due {
  /** `turn`: what came of one. */
  what: 'end' | 'answer' | 'eyes' | 'turn' | Exclude<Card['kind'], 'answer'>;
  seq: number;
  account: string;
}

/** The right to write once for an account, and the row that is next. */
export type Turn = { account: string; token: string } & (
  | { what: 'end' | 'answer' | 'eyes'; held: Held<Delivery> }
  | { what: 'card'; held: Held<Card> }
);

/** Who was heard is told so where the end takes longer than this; who sees the end needs no eyes. */
const EYES_AFTER_MS = 1_000;
/** While a command is that young its end comes first, and what shows it is drawn once. */
const CARD_AFTER_MS = 5_000;
const SIGNAL_AFTER_MS = 10_000;
/** How much longer each may wait than a reaction. With the age of both that decides, so that nothing waits for ever. */
const LATER_MS = { card: 10_000, deployment: 30_000, check: 31_000 };

/**
 * Cards that wait, the oldest first. Postgres believes that most of them do, and would read them all. Those of accounts that
 * may not write now are none of them: however many they are, they hide nobody else's.
 */
const MAX_LOOKED_AT = 1_000;

const age = (ms: number) => sql.raw(`interval '${ms} milliseconds'`);

/** Payloads say where; what an older bot stored, or forgot, has its thread. */
const accountOf = sql`lower(split_part(coalesce(d.payload->>'repository', d.thread), '/', 1))`;

/** When the last command of a workspace that runs, of those that the card shows, is so old. */
const heldUntil = (ms: number) => sql`(
  select max(r.created_at) + ${age(ms)} from commands r
    join workspaces w on w.id = r.workspace_id and (w.id = c.subject or w.topic = c.subject)
   where r.status = 'running' and r.created_at > clock_timestamp() - ${age(ms)})`;

/**
 * All that waits: `at` is when it may be written, `since` when it began to wait. Of one thread the newest write counts
 * too: whoever was served goes behind those who were not, so that a busy thread holds nobody up. That makes nothing
 * younger: what would go behind its thread's last write anyhow stays where it is.
 */
const WAITING = sql`
  with resting as (
    select account, greatest(next_at, lease_until) as until from turns
     where front = 'github' and greatest(next_at, lease_until) > clock_timestamp()
  ), due as (
    select 'end' as what, d.seq, d.thread, ${accountOf} as account, d.lease_until,
           d.next_at as at, greatest(r.ended_at, d.answered_at) as since, ${age(0)} as later
      from deliveries d left join commands r on r.id = d.command_id
     where d.source = 'github' and d.answered_at is not null and d.answer is not null and d.concluded_at is null
       and r.status is distinct from 'running'
    union all
    select 'eyes', d.seq, d.thread, ${accountOf}, d.lease_until,
           greatest(d.next_at, r.created_at + ${age(EYES_AFTER_MS)}), r.created_at, ${age(0)}
      from deliveries d join commands r on r.id = d.command_id and r.status = 'running'
     where d.source = 'github' and d.answered_at is not null and d.answer is not null and d.concluded_at is null
       and d.ack is null and d.payload->>'kind' = 'comment'
    union all
    select 'answer', d.seq, d.thread, ${accountOf}, d.lease_until, d.next_at, d.ended_at, ${age(0)}
      from deliveries d
     where d.source = 'github' and d.ended_at is not null and d.answered_at is null
       and not exists (select 1 from deliveries e where e.source = 'github' and e.thread = d.thread
                          and e.ended_at is not null and e.answered_at is null and e.seq < d.seq)
    union all
    select case c.kind when 'answer' then 'turn' else c.kind end, c.seq, c.thread, lower(split_part(c.thread, '/', 1)), c.lease_until,
           greatest(c.next_at, case c.kind when 'answer' then null when 'card' then ${heldUntil(CARD_AFTER_MS)} else ${heldUntil(SIGNAL_AFTER_MS)} end),
           c.next_at, case c.kind when 'answer' then ${age(0)} when 'card' then ${age(LATER_MS.card)} when 'deployment' then ${age(LATER_MS.deployment)} else ${age(LATER_MS.check)} end
      from (select * from cards where front = 'github' and want_version <> sent_version
               and lower(split_part(thread, '/', 1)) not in (select account from resting)
             order by next_at limit ${MAX_LOOKED_AT}) c
     where c.kind <> 'answer' or not exists (select 1 from cards e
             where e.front = 'github' and e.thread = c.thread and e.kind = 'answer'
               and e.want_version <> e.sent_version and e.seq < c.seq)
  ), served as (
    select t.thread, greatest(
        (select max(c.sent_at) from cards c where c.front = 'github' and c.thread = t.thread),
        (select max(d.concluded_at) from deliveries d where d.source = 'github' and d.thread = t.thread
            and d.received_at > clock_timestamp() - interval '1 hour')) as at
      from (select distinct thread from due) t
  ), waiting as (
    select what, seq, due.account, greatest(due.at, due.lease_until, turns.next_at, turns.lease_until) as at,
           due.since + later as wish, greatest(due.since + later, served.at) as rank
      from due join served using (thread) left join turns on turns.front = 'github' and turns.account = due.account
  )`;

/** Takes the turn of an account that has something to write, with what goes first there. Undefined: nobody's turn. */
export async function takeTurn(db: Executor): Promise<Turn | undefined> {
  const rows = await db.execute<Due & Record<string, unknown>>(sql`
    ${WAITING} select what, seq::int, account from (
      select distinct on (account) * from waiting where at <= clock_timestamp() order by account, rank, wish, seq
    ) firsts order by rank, wish`);
  for (const due of rows) {
    const token = await claimTurn(db, due.account);
    if (token === undefined) continue;
    const turn = await claimRow(db, due, token);
    if (turn) return turn;
    await endTurn(db, { account: due.account, token }, 0);
  }
  return undefined;
}

/** Who rests may have something to write afterwards. */
export async function turnDueInMs(db: Executor): Promise<number | undefined> {
  const [row] = await db.execute<{ ms: number | null }>(sql`
    ${WAITING} select extract(epoch from min(at) - clock_timestamp())::float8 * 1000 as ms
      from (select at from waiting union all select until from resting) all_of_them`);
  return row?.ms ?? undefined;
}

/** Of two that ask at once one gets it. */
async function claimTurn(db: Executor, account: string): Promise<string | undefined> {
  const token = randomBase32(16);
  const taken = await db
    .insert(turns)
    .values({ front: 'github', account, leaseToken: token, ...RENEWED })
    .onConflictDoUpdate({
      target: [turns.front, turns.account],
      set: { leaseToken: token, ...RENEWED },
      setWhere: sql`${turns.nextAt} <= clock_timestamp() and ${isFree(turns)}`,
    })
    .returning({ account: turns.account });
  return taken.length > 0 ? token : undefined;
}

/** Undefined: another bot has done it meanwhile. */
async function claimRow(db: Executor, { what, seq, account }: Due, token: string): Promise<Turn | undefined> {
  if (what === 'end' || what === 'answer' || what === 'eyes') {
    const held = await claimFirst<Delivery>(db, deliveries, {
      key: [deliveries.seq],
      where: and(eq(deliveries.seq, seq), STILL[what]),
      order: deliveries.seq,
      set: { attempts: countLeft(deliveries) },
    });
    return held && { account, token, what, held };
  }
  const held = await claimFirst<Card>(db, cards, {
    key: [cards.seq],
    where: and(eq(cards.seq, seq), sql`${cards.wantVersion} <> ${cards.sentVersion}`),
    order: cards.seq,
    set: { attempts: countLeft(cards) },
  });
  return held && { account, token, what: 'card', held };
}

const STILL = {
  end: sql`${deliveries.concludedAt} is null`,
  eyes: sql`${deliveries.concludedAt} is null and ${deliveries.ack} is null`,
  answer: sql`${deliveries.answeredAt} is null`,
};

type Own = Pick<Turn, 'account' | 'token'>;

const isMine = ({ account, token }: Own) =>
  and(eq(turns.front, 'github'), eq(turns.account, account), eq(turns.leaseToken, token));

export async function renewTurn(db: Executor, turn: Own): Promise<void> {
  await db.update(turns).set(RENEWED).where(isMine(turn));
}

/** `pauseMs`: before that nobody writes for the account again. */
export async function endTurn(db: Executor, turn: Own, pauseMs: number): Promise<void> {
  await db
    .update(turns)
    .set({ ...(pauseMs > 0 ? { nextAt: inMs(pauseMs) } : {}), ...RELEASED })
    .where(isMine(turn));
}
