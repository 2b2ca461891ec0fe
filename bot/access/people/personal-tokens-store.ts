// Personal tokens in Postgres: made, listed, found by what a request brings, deleted. Of the secret there is a hash; knows no HTTP.
import { and, desc, eq, gt, isNull, lt, or, sql } from 'drizzle-orm';
import { databaseNow, inMs, type Executor } from '../../database/executor.ts';
import { personalTokens, type PersonalToken, type TokenScope } from '../../database/schema.ts';
import { UserError } from '../../errors.ts';
import { newTokenId } from '../../ids.ts';
import { hashSecret, newSecret } from '../secrets.ts';

const PREFIX = 'sam_pat_';

/** A use is written down so often at most. */
const NOTED_EVERY = sql`interval '1 minute'`;

export interface NewToken {
  name: string;
  scope: TokenScope;
  lifeMs: number;
}

/** Its secret comes later, by `giveSecret`. Throws UserError: the person has one of that name. */
export async function insertToken(
  tx: Executor,
  owner: string,
  { name, scope, lifeMs }: NewToken,
): Promise<PersonalToken> {
  const isOver = lt(personalTokens.expiresAt, databaseNow);
  await tx
    .delete(personalTokens)
    .where(and(eq(personalTokens.owner, owner), eq(personalTokens.name, name), isOver));
  const [made] = await tx
    .insert(personalTokens)
    .values({ id: newTokenId(), owner, name, scope, expiresAt: inMs(lifeMs) })
    .onConflictDoNothing()
    .returning();
  if (!made) throw new UserError('token-taken', { name });
  return made;
}

/** The whole of a token, of which `random` is what nobody can guess. */
export const tokenOf = (random: string): string => `${PREFIX}${random}`;

/**
 * A secret for whoever it is shown to now; one that was shown before is worth nothing from then on. Undefined: the token was
 * deleted meanwhile.
 */
export async function giveSecret(
  db: Executor,
  id: string,
  token: string = tokenOf(newSecret()),
): Promise<string | undefined> {
  const given = await db
    .update(personalTokens)
    .set({ hash: hashSecret(token) })
    .where(eq(personalTokens.id, id))
    .returning({ id: personalTokens.id });
  return given.length > 0 ? token : undefined;
}

/** Whose token that is, and what for; written down as used. Undefined: nobody's, or it is over. */
export async function spendToken(db: Executor, token: string): Promise<PersonalToken | undefined> {
  if (!token.startsWith(PREFIX)) return undefined;
  const isGood = and(eq(personalTokens.hash, hashSecret(token)), gt(personalTokens.expiresAt, databaseNow));
  const { id, usedAt } = personalTokens;
  const isDue = or(isNull(usedAt), lt(usedAt, sql`clock_timestamp() - ${NOTED_EVERY}`));
  const [found] = await db
    .select({ token: personalTokens, isDue: sql<boolean>`${isDue}` })
    .from(personalTokens)
    .where(isGood);
  if (!found) return undefined;
  if (found.isDue)
    await db
      .update(personalTokens)
      .set({ usedAt: databaseNow })
      .where(and(eq(id, found.token.id), isDue));
  return found.token;
}

/** A person's that are not over, newest first; those behind `after`, where that is said. */
export async function listTokens(
  db: Executor,
  owner: string,
  { limit, after }: { limit?: number; after?: { at: Date; id: string } } = {},
): Promise<PersonalToken[]> {
  const { createdAt, id, expiresAt } = personalTokens;
  const query = db
    .select()
    .from(personalTokens)
    .where(
      and(
        eq(personalTokens.owner, owner),
        gt(expiresAt, databaseNow),
        after && or(lt(createdAt, after.at), and(eq(createdAt, after.at), lt(id, after.id))),
      ),
    )
    .orderBy(desc(createdAt), desc(id));
  return limit === undefined ? query : query.limit(limit);
}

/** By name or id, at once. False: the person has none of that name. */
export async function dropToken(tx: Executor, owner: string, named: string): Promise<boolean> {
  const { id, name } = personalTokens;
  const gone = await tx
    .delete(personalTokens)
    .where(and(eq(personalTokens.owner, owner), or(eq(id, named), eq(name, named))))
    .returning({ id });
  return gone.length > 0;
}
