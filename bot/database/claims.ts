// The right to work on a row alone for a while: taken, kept, given back. Knows no table but by the two columns of its lease.
import { and, asc, eq, gt, sql, type SQL, type SQLWrapper } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { randomBase32 } from '../ids.ts';
import { LEASE_MS } from '../jobs/lease.ts';
import { databaseNow, inMs, type Executor } from './executor.ts';
import type { Database } from './connect.ts';

/** A row that this process alone may work on until its lease ends. `now` is the database's clock at the claim. */
export interface Held<Row> {
  row: Row;
  token: string;
  now: Date;
}

type Lease = { leaseToken: PgColumn; leaseUntil: PgColumn };
type Leased = PgTable & Lease;

/** Of a row that is still held: the same lease, from now on. */
export const RENEWED = { leaseUntil: inMs(LEASE_MS) };

export const RELEASED = { leaseToken: null, leaseUntil: null };

/** By the statement's clock: it stands still meanwhile, so that an index on what is due ends the search. */
export const isFree = ({ leaseUntil }: Pick<Lease, 'leaseUntil'>): SQL =>
  sql`(${leaseUntil} is null or ${leaseUntil} < statement_timestamp())`;

/** True while nobody else claimed the row, and it was not released. */
export const hasToken = ({ leaseToken }: Lease, { token }: Pick<Held<unknown>, 'token'>): SQL =>
  eq(leaseToken, token);

/** The same, and the lease has not run out. */
export const isHeld = (table: Lease, held: Pick<Held<unknown>, 'token'>): SQL | undefined =>
  and(hasToken(table, held), gt(table.leaseUntil, databaseNow));

/** Whoever held it last has not said how it ended: what was sent may have arrived. */
export const countLeft = ({ attempts, leaseUntil }: { attempts: PgColumn; leaseUntil: PgColumn }): SQL =>
  sql`${attempts} + case when ${leaseUntil} is null then 0 else 1 end`;

export interface ClaimOptions {
  key: [PgColumn, ...PgColumn[]];
  /** Which rows; that nobody works on them is added to it. */
  where: SQL | undefined;
  /** The first by that column. */
  order: PgColumn;
  /** What is written with the lease. */
  set?: Record<string, SQL>;
}

/** Claims the first of those rows that nobody works on; undefined: there is none. Of two that ask at once each gets another. */
export async function claimFirst<Row>(
  db: Executor,
  table: Leased,
  { key, where, order, set = {} }: ClaimOptions,
): Promise<Held<Row> | undefined> {
  const token = randomBase32(16);
  const first = db
    .select(Object.fromEntries(key.map((column) => [column.name, column])))
    .from(table)
    .where(and(where, isFree(table)))
    .orderBy(asc(order))
    .limit(1)
    .for('update', { skipLocked: true });
  const [row] = (await db
    .update(table)
    .set({ ...set, leaseToken: token, ...RENEWED })
    .where(sql`(${sql.join(key, sql`, `)}) = (${first})`)
    .returning()) as { leaseUntil: Date }[];
  return row && { row: row as Row, token, now: new Date(row.leaseUntil.getTime() - LEASE_MS) };
}

/** An aggregate: how long until the first of the rows may be claimed, in ms; null where there are none. */
export const untilFirst = ({ nextAt, leaseUntil }: Record<'nextAt' | 'leaseUntil', SQLWrapper>) =>
  sql<
    number | null
  >`extract(epoch from min(greatest(${nextAt}, ${leaseUntil})) - clock_timestamp())::float8 * 1000`;

/**
 * Ends every lease. Right only where all who could hold one have ended: then what they worked on is taken up at once, and not
 * when the lease would have run out, half a minute later. As one that ran out does, it stays to be seen: what was being sent may
 * have arrived.
 */
export async function endLeases({ sql }: Database): Promise<void> {
  const tables = await sql<{ name: string; columns: string[] }[]>`
    select table_name as name, array_agg(column_name::text) as columns from information_schema.columns
     where table_schema = 'public' and column_name in ('lease_until', 'lease_token') group by table_name`;
  for (const { name, columns } of tables) {
    const token = columns.includes('lease_token') ? sql`, lease_token = null` : sql``;
    await sql`update ${sql(name)} set lease_until = clock_timestamp() - interval '1 second' ${token}
               where lease_until > clock_timestamp()`;
  }
}
