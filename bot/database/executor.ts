// What every statement shares: who runs it, the database's clock, and the hint that something changed. Knows no table.
import { sql, type SQL } from 'drizzle-orm';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';

/** A pool or one of its transactions; all writes of a command go through one. */
export type Executor = PgDatabase<PostgresJsQueryResultHKT>;

/** The only clock that all bots share. */
export const databaseNow = sql<Date>`clock_timestamp()`;

/** So many ms from now. */
export const inMs = (ms: number): SQL<Date> => sql`clock_timestamp() + ${ms} * interval '1 millisecond'`;

/** What may have changed; a hint to whoever listens on the channel `sam`. */
export type Hint =
  | 'due'
  | 'card'
  | 'delivery'
  | 'answer'
  | `desired:${string}`
  | `credentials:${string}`
  | `ports:${string}`;

/** Delivered when the transaction commits. */
export async function notify(tx: Executor, ...hints: Hint[]): Promise<void> {
  for (const hint of new Set(hints)) await tx.execute(sql`select pg_notify('sam', ${hint})`);
}
