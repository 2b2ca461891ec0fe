// What all statements of the chat's store share: who runs them, the clock, the lease, the hints that something changed.
import { sql, type SQL, type SQLWrapper } from 'drizzle-orm';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';
import { randomBase32 } from '../../ids.ts';

/** A pool or one of its transactions. */
export type Executor = PgDatabase<PostgresJsQueryResultHKT>;

/** A row that this process alone may work on for a while. */
export interface Held<Row> {
  row: Row;
  token: string;
}

export const clock = sql<Date>`clock_timestamp()`;

export const RELEASED = { leaseToken: null, leaseUntil: null };

const leaseUntil = sql`clock_timestamp() + interval '30 seconds'`;

export const lease = () => ({ leaseToken: randomBase32(16), leaseUntil });

/** Of a row that is still held: the same lease, from now on. */
export const RENEWED = { leaseUntil };

/** Whoever held it last has not said how it ended: what was sent may have arrived. */
export const countLeft = ({
  attempts,
  leaseUntil: until,
}: Record<'attempts' | 'leaseUntil', SQLWrapper>): SQL =>
  sql`${attempts} + case when ${until} is null then 0 else 1 end`;

export const after = (ms: number): SQL => sql`clock_timestamp() + ${ms} * interval '1 millisecond'`;

/** An aggregate: how long until the first of the rows may be claimed; null where there are none. */
export const untilFirst = ({ nextAt, leaseUntil }: Record<'nextAt' | 'leaseUntil', SQLWrapper>) =>
  sql<
    number | null
  >`extract(epoch from min(greatest(${nextAt}, ${leaseUntil})) - clock_timestamp())::float8 * 1000`;

export async function notify(tx: Executor, hint: 'delivery' | 'answer' | 'card' | 'due'): Promise<void> {
  await tx.execute(sql`select pg_notify('sam', ${hint})`);
}
