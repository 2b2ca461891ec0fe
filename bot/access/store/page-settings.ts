// What people want of the terminal's page, in Postgres: a row each. Knows no HTTP, and not what the words mean.
import { eq, sql } from 'drizzle-orm';
import type { PageSettings } from '../../../agent/protocol.ts';
import { pageSettings } from '../../database/schema.ts';
import type { Executor } from '../../database/executor.ts';

export async function readPageSettings(db: Executor, user: string): Promise<PageSettings> {
  const [row] = await db.select().from(pageSettings).where(eq(pageSettings.userId, user));
  return row?.settings ?? {};
}

/** What is not named stays as it is. Returns all of them. */
export async function changePageSettings(
  db: Executor,
  user: string,
  settings: PageSettings,
): Promise<PageSettings> {
  const merged = sql`${pageSettings.settings} || excluded.settings`;
  const [row] = await db
    .insert(pageSettings)
    .values({ userId: user, settings })
    .onConflictDoUpdate({ target: pageSettings.userId, set: { settings: merged } })
    .returning();
  return row?.settings ?? settings;
}
