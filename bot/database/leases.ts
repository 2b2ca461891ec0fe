// Leases of whoever had this database before. For a bot that has it to itself; knows no table by name.
import type { Database } from './connect.ts';

/**
 * Ends every lease. Right only where all who could hold one have ended: then what they worked on is taken up at once, and not
 * when the lease would have run out, half a minute later.
 */
export async function endLeases({ sql }: Database): Promise<void> {
  const tables = await sql<{ name: string; columns: string[] }[]>`
    select table_name as name, array_agg(column_name::text) as columns from information_schema.columns
     where table_schema = 'public' and column_name in ('lease_until', 'lease_token') group by table_name`;
  for (const { name, columns } of tables) {
    const free = Object.fromEntries(columns.map((column) => [column, null]));
    await sql`update ${sql(name)} set ${sql(free)} where lease_until is not null`;
  }
}
