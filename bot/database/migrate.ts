// Brings the database to the shape of migrations/. One at a time, however many bots start at once; knows no table.
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { messageOf, StartError } from '../errors.ts';

/** Ours alone: any number will do, as long as every bot takes the same one. */
const MIGRATIONS_LOCK = 7_261_401_975;

/**
 * Applies what is missing of drizzle-kit's `folder`, in one transaction; repeatable. A second caller waits and then finds
 * nothing to do. Throws a StartError that names the cause; the database is then as before.
 */
export async function migrate(url: string, folder: string): Promise<void> {
  // One connection that lives as long as this call: the lock belongs to it and ends with it.
  const sql = postgres(url, {
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    onnotice: () => {},
    connection: { application_name: 'sam migrate' },
  });
  try {
    await sql`select pg_advisory_lock(${MIGRATIONS_LOCK})`;
    await applyMigrations(drizzle(sql), { migrationsFolder: folder });
  } catch (error) {
    throw new StartError(`The database could not be brought up to date: ${reason(error)}`, { cause: error });
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** drizzle's error holds the statement, its cause what Postgres said. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(cause)}\n${messageOf(error)}`;
}
