// Codes that lead to a person's own page, and the browsers that they let in there, in Postgres. Knows no HTTP.
import { and, eq, gt, isNull } from 'drizzle-orm';
import { tokens } from '../../database/schema.ts';
import { databaseNow, inMs, type Executor } from '../../database/executor.ts';

interface NewToken {
  hash: string;
  purpose: 'settings' | 'settings-session';
  user: string;
  lifeSeconds: number;
}

export async function insertSettings(
  db: Executor,
  { hash, purpose, user, lifeSeconds }: NewToken,
): Promise<void> {
  const expiresAt = inMs(1_000 * lifeSeconds);
  await db.insert(tokens).values({ hash, purpose, subject: user, userId: user, expiresAt });
}

/** Whose browser that is; undefined: nobody's, or not any more. */
export async function findSettings(db: Executor, hash: string): Promise<string | undefined> {
  const [found] = await db
    .select({ user: tokens.userId })
    .from(tokens)
    .where(
      and(eq(tokens.hash, hash), eq(tokens.purpose, 'settings-session'), gt(tokens.expiresAt, databaseNow)),
    );
  return found?.user ?? undefined;
}

/** Whom the code was made for; with `only`, if that is them. Undefined: unknown, spent, late, or another's, which stays as it is. */
export async function spendSettings(
  tx: Executor,
  hash: string,
  only: string | undefined,
): Promise<string | undefined> {
  const [spent] = await tx
    .update(tokens)
    .set({ usedAt: databaseNow })
    .where(
      and(
        eq(tokens.hash, hash),
        eq(tokens.purpose, 'settings'),
        isNull(tokens.usedAt),
        gt(tokens.expiresAt, databaseNow),
        only === undefined ? undefined : eq(tokens.userId, only),
      ),
    )
    .returning({ user: tokens.userId });
  return spent?.user ?? undefined;
}

export async function dropSettings(db: Executor, hash: string): Promise<void> {
  await db.delete(tokens).where(and(eq(tokens.hash, hash), eq(tokens.purpose, 'settings-session')));
}
