// Settings of the installation, the book of the sweeps, counts, and what is forgotten after a while.
import { and, eq, sql } from 'drizzle-orm';
import { deliveries, logs, nodes, settings, sweeps, users, workspaces } from '../../database/schema.ts';
import { isFree } from '../../database/claims.ts';
import { databaseNow, inMs, type Executor } from '../../database/executor.ts';

/** A sweep renews nothing: it may take this long. */
const SWEEP_LEASE_MS = 5 * 60_000;

export async function findUser(db: Executor, id: string): Promise<{ id: string; name: string } | undefined> {
  const [user] = await db.select().from(users).where(eq(users.id, id));
  return user;
}

/** A value that is chosen once for the installation; the first bot's choice holds for all. */
export async function settle(db: Executor, name: string, value: string): Promise<string> {
  await db.insert(settings).values({ name, value }).onConflictDoNothing();
  const [row] = await db.select().from(settings).where(eq(settings.name, name));
  return row?.value ?? value;
}

/** When each sweep ran last, as `jobs/sweeper.ts` asks for it. */
export const sweepBook = (db: Executor) => ({
  claim: (name: string, everyMs: number) => claimSweep(db, name, everyMs),
  finish: (name: string, result: { durationMs: number; error: string | null }) =>
    finishSweep(db, name, result),
  runSoon: (name: string) => runSweepSoon(db, name),
});

/** Due at once, whenever it ran last: for what a start has to look at. */
export async function runSweepSoon(db: Executor, name: string): Promise<void> {
  await db.update(sweeps).set({ lastRunAt: null }).where(eq(sweeps.name, name));
}

/** True if this bot shall run the sweep now: its period is over and no other bot is at it. */
async function claimSweep(db: Executor, name: string, everyMs: number): Promise<boolean> {
  await db.insert(sweeps).values({ name }).onConflictDoNothing();
  const claimed = await db
    .update(sweeps)
    .set({ lastRunAt: databaseNow, leaseUntil: inMs(SWEEP_LEASE_MS) })
    .where(
      and(
        eq(sweeps.name, name),
        isFree(sweeps),
        sql`(${sweeps.lastRunAt} is null or ${sweeps.lastRunAt} < clock_timestamp() - ${everyMs} * interval '1 millisecond')`,
      ),
    )
    .returning({ name: sweeps.name });
  return claimed.length > 0;
}

async function finishSweep(
  db: Executor,
  name: string,
  result: { durationMs: number; error: string | null },
): Promise<void> {
  await db
    .update(sweeps)
    .set({
      leaseUntil: null,
      lastError: result.error,
      durationMs: result.durationMs,
      ...(result.error === null ? { lastSuccessAt: databaseNow } : {}),
    })
    .where(eq(sweeps.name, name));
}

export async function readSweeps(db: Executor): Promise<(typeof sweeps.$inferSelect)[]> {
  return db.select().from(sweeps);
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

/** Drops log lines that are older than `days`. */
export async function forgetOldLogs(db: Executor, days: number): Promise<void> {
  await db.delete(logs).where(sql`${logs.at} < clock_timestamp() - ${days} * interval '1 day'`);
}

/** Drops what was said in requests that ended more than `days` ago; their ids and hashes stay for ever. */
export async function forgetPayloads(db: Executor, days: number): Promise<void> {
  await db
    .update(deliveries)
    .set({ payload: null })
    .where(
      sql`${deliveries.payload} is not null and ${deliveries.endedAt} < clock_timestamp() - ${days} * interval '1 day'`,
    );
}
