// What all statements of the access store share.
import { sql, type SQL } from 'drizzle-orm';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';

/** A pool or one of its transactions. */
export type Executor = PgDatabase<PostgresJsQueryResultHKT>;

export const databaseNow = sql<Date>`clock_timestamp()`;

export const inSeconds = (seconds: number): SQL<Date> =>
  sql`clock_timestamp() + ${seconds} * interval '1 second'`;
