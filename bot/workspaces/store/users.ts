// People's rows: their names, and the lock under which one of them gets a workspace or a node.
import { eq } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { users } from '../../database/schema.ts';

/** One placement, one new workspace of an owner at a time. References to the row (each command has one) do not wait. */
export async function lockOwner(tx: Executor, owner: string): Promise<void> {
  await tx.select({ id: users.id }).from(users).where(eq(users.id, owner)).for('no key update');
}

/** What stands in place of the name of somebody who deleted themselves; nobody can be called so. */
export const NOBODY = '(deleted person)';

/** Throws where they deleted themselves since they were heard: heard anew they are somebody else. */
export async function checkStillThere(tx: Executor, owner: string): Promise<void> {
  const user = await findUser(tx, owner);
  if (user?.name === NOBODY) throw new Error(`${owner} deleted themselves`);
}

export async function findUser(db: Executor, id: string): Promise<{ id: string; name: string } | undefined> {
  const [user] = await db.select().from(users).where(eq(users.id, id));
  return user;
}
