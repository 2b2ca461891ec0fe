// Sees that shares have ended, whatever ended them: time, a word, a right that was lost. Agents and cards hear of it.
import { and, eq, isNull, lte, ne, or, sql } from 'drizzle-orm';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { shares, workspaces } from '../../database/schema.ts';
import type { Source } from '../../jobs/loop.ts';
import { touchCards } from './cards.ts';

/** For the loop, which comes by when the next one runs out. */
export const shareSource = (db: Executor): Source => ({
  name: 'shares',
  async take() {
    await closeShares(db);
    return undefined;
  },
  async dueInMs() {
    const [next] = await db
      .select({
        ms: sql<
          number | null
        >`ceil(extract(epoch from min(${shares.until}) - ${databaseNow}) * 1000)::float8`,
      })
      .from(shares)
      .where(isNull(shares.endedAt));
    return next?.ms === null || next?.ms === undefined ? undefined : Math.max(0, next.ms);
  },
});

/** Two that come at once close each of them once. */
async function closeShares(db: Executor): Promise<void> {
  const isOver = or(lte(shares.until, databaseNow), ne(shares.access, workspaces.access));
  await db.transaction(async (tx) => {
    const closed = await tx
      .update(shares)
      .set({ endedAt: databaseNow, until: sql`least(${shares.until}, ${databaseNow})` })
      .from(workspaces)
      .where(and(isNull(shares.endedAt), eq(workspaces.id, shares.workspaceId), isOver))
      .returning({ id: workspaces.id, node: workspaces.nodeId });
    if (closed.length === 0) return;
    await touchCards(tx, [...new Set(closed.map(({ id }) => id))]);
    await notify(tx, ...closed.flatMap(({ node }) => (node ? [`desired:${node}` as const] : [])));
  });
}
