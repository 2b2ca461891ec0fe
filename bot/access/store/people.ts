// People and who they are elsewhere: met, found, called by their names. Knows no vendor.
import { and, asc, desc, eq, inArray, like, not, or, sql, type SQL } from 'drizzle-orm';
import { identities, users } from '../../database/schema.ts';
import type { User } from '../../database/schema.ts';
import { newUserId } from '../../ids.ts';
import { type Executor } from '../../database/executor.ts';

interface Identity {
  source: string;
  externalId: string;
  login: string;
}

const isIdentity = ({ source, externalId }: Identity): SQL | undefined =>
  and(eq(identities.source, source), eq(identities.externalId, externalId));

/** The person with that identity, who may be called something else by now; met for the first time, they get a row. */
export async function meetPerson(db: Executor, identity: Identity): Promise<User> {
  return db.transaction(async (tx) => {
    await tx.execute(
      sql`select pg_advisory_xact_lock(hashtext(${`${identity.source}|${identity.externalId}`}))`,
    );
    const [known] = await tx
      .select({ user: users, login: identities.login })
      .from(identities)
      .innerJoin(users, eq(users.id, identities.userId))
      .where(isIdentity(identity));
    if (known) return keepLogin(tx, known, identity);
    const [user] = await tx.insert(users).values({ id: newUserId(), name: identity.login }).returning();
    if (!user) throw new Error('a new person got no row');
    await tx.insert(identities).values({ ...identity, userId: user.id });
    return user;
  });
}

/** Logins change; a person who was called by theirs still is. */
async function keepLogin(
  tx: Executor,
  { user, login }: { user: User; login: string },
  identity: Identity,
): Promise<User> {
  if (login === identity.login) return user;
  await tx.update(identities).set({ login: identity.login }).where(isIdentity(identity));
  if (user.name !== login) return user;
  await tx.update(users).set({ name: identity.login }).where(eq(users.id, user.id));
  return { ...user, name: identity.login };
}

export async function findUserName(db: Executor, id: string): Promise<string | undefined> {
  const [user] = await db.select({ name: users.name }).from(users).where(eq(users.id, id));
  return user?.name;
}

/** A chat's source names the place in it: `slack:T1`. */
const isOnForge = not(like(identities.source, '%:%'));

/** Undefined: never met. */
export async function findIdentity(
  db: Executor,
  { source, externalId }: Pick<Identity, 'source' | 'externalId'>,
): Promise<string | undefined> {
  const isIt = and(eq(identities.source, source), eq(identities.externalId, externalId));
  const [found] = await db.select({ id: identities.userId }).from(identities).where(isIt);
  return found?.id;
}

/**
 * Of that id, or called so: on a forge, where names are one person's, before chats, where people choose them; of several the newest
 * account's.
 */
export async function findUserId(db: Executor, named: string): Promise<string | undefined> {
  const lower = named.toLowerCase();
  const [found] = await db
    .select({ id: users.id })
    .from(users)
    .leftJoin(identities, eq(identities.userId, users.id))
    .where(
      or(
        eq(users.id, named),
        sql`lower(${users.name}) = ${lower}`,
        sql`lower(${identities.login}) = ${lower}`,
      ),
    )
    .orderBy(
      sql`${users.id} = ${named} desc`,
      sql`(lower(${identities.login}) = ${lower} and ${isOnForge}) is true desc`,
      desc(identities.createdAt),
      users.id,
    )
    .limit(1);
  return found?.id;
}

/** What those people are called, by id. */
export async function findUserNames(db: Executor, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({ id: users.id, name: users.name })
    .from(users)
    .where(inArray(users.id, [...new Set(ids)]));
  return new Map(rows.map(({ id, name }) => [id, name]));
}

export interface Known {
  externalId: string;
  login: string;
  /** What the person is called. */
  name: string;
}

/** Who those people are there, by user; who has no such identity is not among them. */
export async function findIdentities(
  db: Executor,
  people: string[],
  source: string,
): Promise<Map<string, Known>> {
  if (people.length === 0) return new Map();
  const rows = await db
    .select({
      user: users.id,
      externalId: identities.externalId,
      login: identities.login,
      name: users.name,
    })
    .from(identities)
    .innerJoin(users, eq(users.id, identities.userId))
    .where(and(eq(identities.source, source), inArray(users.id, people)))
    .orderBy(desc(identities.createdAt));
  return new Map(rows.map(({ user, ...known }) => [user, known]));
}

/** Who a person is elsewhere. */
export const listIdentities = (
  db: Executor,
  user: string,
): Promise<{ source: string; externalId: string; login: string }[]> => {
  const { source, externalId, login } = identities;
  return db
    .select({ source, externalId, login })
    .from(identities)
    .where(eq(identities.userId, user))
    .orderBy(asc(source), asc(externalId));
};

/** Which of those people are called so: `@login` on a forge, or by Sam; `<@U1>` in the chat of that source. */
export async function matchPeople(
  db: Executor,
  people: string[],
  typed: string,
  source: string | undefined,
): Promise<Set<string>> {
  if (people.length === 0) return new Set();
  const [, member] = /^<@(.+)>$/.exec(typed) ?? [];
  const login = typed.replace(/^@/, '').toLowerCase();
  const isCalled =
    member === undefined
      ? or(and(isOnForge, eq(sql`lower(${identities.login})`, login)), eq(sql`lower(${users.name})`, login))
      : and(eq(identities.source, source ?? ''), eq(identities.externalId, member));
  const rows = await db
    .selectDistinct({ id: users.id })
    .from(users)
    .innerJoin(identities, eq(identities.userId, users.id))
    .where(and(inArray(users.id, people), isCalled));
  return new Set(rows.map(({ id }) => id));
}
