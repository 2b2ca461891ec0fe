// What the sweep saw beside what is ours, and what a person wants of it. One statement each; calls nobody outside.
import { asc, eq, isNotNull, notInArray, or, sql } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { orphans } from '../../database/schema.ts';
import { runSweepSoon } from './sweeps.ts';

export type Orphan = typeof orphans.$inferSelect;
export type Wish = 'delete' | 'adopt';
export type SeenOrphan = Pick<Orphan, 'id' | 'kind' | 'name' | 'why' | 'address' | 'createdAt'>;

/**
 * The whole list as it was seen: what is not in it any more is forgotten, with what was wanted of it. Gives those that were
 * not in it before.
 */
export async function saveOrphans(db: Executor, seen: SeenOrphan[]): Promise<SeenOrphan[]> {
  return db.transaction(async (tx) => {
    const ids = seen.map(({ id }) => id);
    await tx.delete(orphans).where(ids.length > 0 ? notInArray(orphans.id, ids) : sql`true`);
    if (seen.length === 0) return [];
    const known = new Set((await tx.select({ id: orphans.id }).from(orphans)).map(({ id }) => id));
    const newest = (column: string) => sql.raw(`excluded.${column}`);
    await tx
      .insert(orphans)
      .values(seen)
      .onConflictDoUpdate({
        target: orphans.id,
        set: { name: newest('name'), why: newest('why'), address: newest('address') },
      });
    return seen.filter(({ id }) => !known.has(id));
  });
}

/** Oldest first. */
export async function listOrphans(db: Executor): Promise<Orphan[]> {
  return db.select().from(orphans).orderBy(asc(orphans.createdAt), asc(orphans.id));
}

/** Those with this id or name. */
export async function findOrphans(tx: Executor, word: string): Promise<Orphan[]> {
  return tx
    .select()
    .from(orphans)
    .where(or(eq(orphans.id, word), eq(orphans.name, word)));
}

/** The sweep does it, soon. */
export async function wishOrphan(tx: Executor, id: string, wish: Wish, user: string): Promise<void> {
  await tx.update(orphans).set({ wish, wishedBy: user, lastError: null }).where(eq(orphans.id, id));
  await runSweepSoon(tx, 'orphans');
}

export async function listWishes(db: Executor): Promise<Orphan[]> {
  return db.select().from(orphans).where(isNotNull(orphans.wish));
}

/** It was tried, and what was wanted is over either way. `error`: what people read about it. */
export async function settleOrphan(db: Executor, id: string, error: string | null): Promise<void> {
  await db.update(orphans).set({ wish: null, lastError: error }).where(eq(orphans.id, id));
}
