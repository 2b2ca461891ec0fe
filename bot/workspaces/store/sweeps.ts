// When each sweep ran last, and what stopped it since.
import { and, eq, sql } from 'drizzle-orm';
import { isFree } from '../../database/claims.ts';
import { databaseNow, inMs, type Executor } from '../../database/executor.ts';
import { sweeps } from '../../database/schema.ts';

/** A sweep renews nothing: it may take this long. */
const SWEEP_LEASE_MS = 5 * 60_000;

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
