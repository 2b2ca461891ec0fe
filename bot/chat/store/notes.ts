// What a front has to remember that is about no person and no thread.
import { eq } from 'drizzle-orm';
import { settings } from '../../database/schema.ts';
import { type Executor } from '../../database/executor.ts';

export async function readNote(db: Executor, name: string): Promise<string | undefined> {
  const [row] = await db.select().from(settings).where(eq(settings.name, name));
  return row?.value;
}

export async function keepNote(db: Executor, name: string, value: string): Promise<void> {
  const { name: target } = settings;
  await db.insert(settings).values({ name, value }).onConflictDoUpdate({ target, set: { value } });
}
