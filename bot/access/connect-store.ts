// Who a person of a chat is on GitHub, in Postgres: found, linked by a one-time token, forgotten. Knows no HTTP.
import { and, eq, gt, isNull, sql } from 'drizzle-orm';
import { identities, tokens, users, type User } from '../database/schema.ts';
import type { Executor } from './store.ts';

/** Of a chat: `slack:T1`, `U1`. */
export interface ChatIdentity {
  source: string;
  externalId: string;
}

export interface Known {
  user: User;
  /** What they were called there last. */
  login: string;
  /** Whose rights count; undefined: not connected. */
  github: { id: number; login: string } | undefined;
}

const isIdentity = ({ source, externalId }: ChatIdentity) =>
  and(eq(identities.source, source), eq(identities.externalId, externalId));

/** Undefined: never met. */
export async function findKnown(db: Executor, identity: ChatIdentity): Promise<Known | undefined> {
  const [found] = await db
    .select({ user: users, login: identities.login })
    .from(identities)
    .innerJoin(users, eq(users.id, identities.userId))
    .where(isIdentity(identity));
  return found && { ...found, github: await findGitHub(db, found.user.id) };
}

/** The GitHub account of a user; undefined: they have none with us. */
export async function findGitHub(
  db: Executor,
  user: string,
): Promise<{ id: number; login: string } | undefined> {
  const [found] = await db
    .select({ id: identities.externalId, login: identities.login })
    .from(identities)
    .where(and(eq(identities.source, 'github'), eq(identities.userId, user)));
  return found && { id: Number(found.id), login: found.login };
}

/** The person of the chat is that user from now on. */
export async function link(tx: Executor, identity: ChatIdentity, login: string, user: string): Promise<void> {
  await tx
    .insert(identities)
    .values({ ...identity, login, userId: user })
    .onConflictDoUpdate({
      target: [identities.source, identities.externalId],
      set: { userId: user, createdAt: sql`clock_timestamp()` },
    });
}

/** Forgets who the person of the chat is, and the unspent codes they were given. False: they were not connected. */
export async function unlink(tx: Executor, identity: ChatIdentity): Promise<boolean> {
  const known = await findKnown(tx, identity);
  if (!known?.github) return false;
  await tx.delete(identities).where(isIdentity(identity));
  await tx
    .delete(tokens)
    .where(and(eq(tokens.userId, known.user.id), eq(tokens.purpose, 'link'), isNull(tokens.usedAt)));
  return true;
}

// --- one-time tokens ----------------------------------------------------------------------------------------------

/** `subject`: who it is for and what goes on afterwards, as JSON. */
export async function insertConnect(
  db: Executor,
  token: { hash: string; subject: string; lifeSeconds: number },
): Promise<void> {
  const { hash, subject, lifeSeconds } = token;
  await db.insert(tokens).values({
    hash,
    subject,
    purpose: 'connect',
    expiresAt: sql`clock_timestamp() + ${lifeSeconds} * interval '1 second'`,
  });
}

const isGood = (hash: string) =>
  and(
    eq(tokens.hash, hash),
    eq(tokens.purpose, 'connect'),
    isNull(tokens.usedAt),
    gt(tokens.expiresAt, sql`clock_timestamp()`),
  );

export async function findConnect(db: Executor, hash: string): Promise<string | undefined> {
  const [found] = await db.select({ subject: tokens.subject }).from(tokens).where(isGood(hash));
  return found?.subject;
}

/** Undefined: unknown, spent or late. */
export async function spendConnect(tx: Executor, hash: string): Promise<string | undefined> {
  const [spent] = await tx
    .update(tokens)
    .set({ usedAt: sql`clock_timestamp()` })
    .where(isGood(hash))
    .returning({ subject: tokens.subject });
  return spent?.subject;
}
