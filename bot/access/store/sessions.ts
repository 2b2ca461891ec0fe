// Sign-ins that have ended, and browser sessions.
import { and, eq, gt, isNull, sql } from 'drizzle-orm';
import { browserSessions, tokens } from '../../database/schema.ts';
import type { BrowserSession } from '../../database/schema.ts';
import { databaseNow, inMs, type Executor } from '../../database/executor.ts';

/** A sign-in that comes back: it is finished once. False: it came before. `until`: seconds since 1970. */
export async function insertSignIn(
  db: Executor,
  { hash, until }: { hash: string; until: number },
): Promise<boolean> {
  const ended = await db
    .insert(tokens)
    .values({ hash, purpose: 'sign-in', subject: 'ended', expiresAt: new Date(1_000 * until) })
    .onConflictDoNothing()
    .returning({ hash: tokens.hash });
  return ended.length > 0;
}

export async function deleteSignIn(db: Executor, hash: string): Promise<void> {
  await db.delete(tokens).where(and(eq(tokens.hash, hash), eq(tokens.purpose, 'sign-in')));
}

export async function insertSession(
  db: Executor,
  session: { hash: string; user: string; workspaces: BrowserSession['workspaces']; lifeSeconds: number },
): Promise<void> {
  await db.insert(browserSessions).values({
    hash: session.hash,
    userId: session.user,
    workspaces: session.workspaces,
    expiresAt: inMs(1_000 * session.lifeSeconds),
  });
}

export async function findSession(db: Executor, hash: string): Promise<BrowserSession | undefined> {
  const [session] = await db
    .select()
    .from(browserSessions)
    .where(and(eq(browserSessions.hash, hash), gt(browserSessions.expiresAt, databaseNow)));
  return session;
}

/**
 * Lets a session that codes made open one more workspace, and lengthens its life. A full sign-in needs neither and stays
 * as it is. False: there is no such session any more.
 */
export async function widenSession(
  db: Executor,
  hash: string,
  workspace: { id: string; access: number },
  lifeSeconds: number,
): Promise<boolean> {
  const others = sql`(select coalesce(jsonb_agg(entry), '[]') from jsonb_array_elements(${browserSessions.workspaces}) entry
    where entry->>'id' <> ${workspace.id})`;
  const isFull = isNull(browserSessions.workspaces);
  const widened = await db
    .update(browserSessions)
    .set({
      workspaces: sql`case when ${isFull} then null else ${others} || ${JSON.stringify([workspace])}::jsonb end`,
      expiresAt: sql`case when ${isFull} then ${browserSessions.expiresAt} else ${inMs(1_000 * lifeSeconds)} end`,
    })
    .where(and(eq(browserSessions.hash, hash), gt(browserSessions.expiresAt, databaseNow)))
    .returning({ hash: browserSessions.hash });
  return widened.length > 0;
}

export async function deleteSession(db: Executor, hash: string): Promise<void> {
  await db.delete(browserSessions).where(eq(browserSessions.hash, hash));
}
