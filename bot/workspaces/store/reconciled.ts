// What the two tables that are reconciled share: the lease, the phase and its clock, what a pass may write.
import { and, eq, sql, type SQL } from 'drizzle-orm';
import { isHeld, type Held } from '../../database/claims.ts';
import type { Executor } from '../../database/executor.ts';
import { nodes, workspaces } from '../../database/schema.ts';

export type Reconciled = typeof workspaces | typeof nodes;

/** True while this pass has the right to the row. */
export const holds = (table: Reconciled, held: Held<{ id: string }>): SQL | undefined =>
  and(eq(table.id, held.row.id), isHeld(table, held));

export type WorkspacePatch = Partial<typeof workspaces.$inferInsert>;

export type NodePatch = Partial<typeof nodes.$inferInsert>;

export const phaseClock = (table: Reconciled, phase: string | undefined) =>
  phase === undefined
    ? {}
    : {
        phaseSince: sql`case when ${table.phase} = ${phase} then ${table.phaseSince} else clock_timestamp() end`,
      };

/** The database's clock: the only one that all bots share. */
export async function readClock(db: Executor): Promise<Date> {
  const [row] = await db.execute<{ now: string }>(sql`select clock_timestamp() as now`);
  return new Date(row?.now ?? Date.now());
}

/** How many rows stand in each phase; the deleted ones are not counted. */
export async function countPhases(db: Executor, kind: 'workspace' | 'node'): Promise<[string, number][]> {
  const table = kind === 'workspace' ? workspaces : nodes;
  const rows = await db
    .select({ phase: table.phase, count: sql<number>`count(*)::int` })
    .from(table)
    .where(sql`${table.phase} <> 'deleted'`)
    .groupBy(table.phase);
  return rows.map((row) => [row.phase, row.count]);
}
