// Secrets that are good once, for a while, in Postgres: what leads to one's own page, what connects a chat, and the browsers that
// got in so. Of each there is a hash and what it is about; knows no HTTP, and not what it is for.
import { and, eq, gt, isNull } from 'drizzle-orm';
import { tokens } from '../../database/schema.ts';
import { databaseNow, inMs, type Executor } from '../../database/executor.ts';

export interface OneTime {
  hash: string;
  purpose: 'connect' | 'settings' | 'settings-session';
}

/** `subject`: whom or what it is about. `user`: whose it is, and who ends it by signing out everywhere. */
export async function insertOneTime(
  db: Executor,
  { user, lifeSeconds, ...token }: OneTime & { subject: string; user?: string; lifeSeconds: number },
): Promise<void> {
  await db.insert(tokens).values({ ...token, userId: user ?? null, expiresAt: inMs(1_000 * lifeSeconds) });
}

const isGood = ({ hash, purpose }: OneTime) =>
  and(
    eq(tokens.hash, hash),
    eq(tokens.purpose, purpose),
    isNull(tokens.usedAt),
    gt(tokens.expiresAt, databaseNow),
  );

/** What it is about; it stays good. Undefined: unknown, spent or late. */
export async function findOneTime(db: Executor, one: OneTime): Promise<string | undefined> {
  const [found] = await db.select({ subject: tokens.subject }).from(tokens).where(isGood(one));
  return found?.subject;
}

/** What it is about; with `only`, if that is it. Undefined: unknown, spent, late, or about something else, which stays as it is. */
export async function spendOneTime(tx: Executor, one: OneTime, only?: string): Promise<string | undefined> {
  const [spent] = await tx
    .update(tokens)
    .set({ usedAt: databaseNow })
    .where(and(isGood(one), only === undefined ? undefined : eq(tokens.subject, only)))
    .returning({ subject: tokens.subject });
  return spent?.subject;
}

export async function dropOneTime(db: Executor, { hash, purpose }: OneTime): Promise<void> {
  await db.delete(tokens).where(and(eq(tokens.hash, hash), eq(tokens.purpose, purpose)));
}
