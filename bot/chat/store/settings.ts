// What a person's own pages show of the tables, and those of whoever runs Sam: browsers that were let in, people and what they have.
import { and, asc, desc, eq, gt, isNull, ne, sql } from 'drizzle-orm';
import { databaseNow, type Executor } from '../../database/executor.ts';
import { browserSessions, nodes, tokens, users, workspaces } from '../../database/schema.ts';

/** A browser that is let in; `id` is no secret of it. */
export interface Browser {
  id: string;
  /** `sign-in`: as its person everywhere; `code`: into workspaces whose codes it spent; `settings`: to these pages alone. */
  by: 'sign-in' | 'code' | 'settings';
  since: Date;
  until: Date;
}

/** Of a hash as much as tells one from another. */
const SHORT = 16;

export async function listBrowsers(db: Executor, user: string): Promise<Browser[]> {
  const sessions = await db
    .select()
    .from(browserSessions)
    .where(and(eq(browserSessions.userId, user), gt(browserSessions.expiresAt, databaseNow)))
    .orderBy(desc(browserSessions.createdAt));
  const settings = await db
    .select({ hash: tokens.hash, createdAt: tokens.createdAt, expiresAt: tokens.expiresAt })
    .from(tokens)
    .where(and(isSettings(user), gt(tokens.expiresAt, databaseNow)))
    .orderBy(desc(tokens.createdAt));
  return [
    ...sessions.map(({ hash, workspaces: only, createdAt, expiresAt }) => ({
      id: hash.slice(0, SHORT),
      by: only === null ? ('sign-in' as const) : ('code' as const),
      since: createdAt,
      until: expiresAt,
    })),
    ...settings.map(({ hash, createdAt, expiresAt }) => ({
      id: hash.slice(0, SHORT),
      by: 'settings' as const,
      since: createdAt,
      until: expiresAt,
    })),
  ];
}

const isSettings = (user: string) =>
  and(eq(tokens.userId, user), eq(tokens.purpose, 'settings-session'), isNull(tokens.usedAt));

/** False: the person has none of that id, or not any more. */
export async function endBrowser(tx: Executor, user: string, id: string): Promise<boolean> {
  const sessions = await tx
    .delete(browserSessions)
    .where(and(eq(browserSessions.userId, user), sql`left(${browserSessions.hash}, ${SHORT}) = ${id}`))
    .returning({ hash: browserSessions.hash });
  const settings = await tx
    .delete(tokens)
    .where(and(isSettings(user), sql`left(${tokens.hash}, ${SHORT}) = ${id}`))
    .returning({ hash: tokens.hash });
  return sessions.length + settings.length > 0;
}

export interface PersonRow {
  id: string;
  name: string;
  workspaces: number;
  machines: number;
}

/** Those who have most first. */
export async function listPeople(db: Executor, limit: number): Promise<PersonRow[]> {
  const owned = sql<number>`(select count(*) from ${workspaces} w where w.owner = ${users.id} and w.desired <> 'deleted')::int`;
  const made = sql<number>`(select count(*) from ${nodes} n where n.owner = ${users.id} and n.phase <> 'deleted')::int`;
  return db
    .select({ id: users.id, name: users.name, workspaces: owned, machines: made })
    .from(users)
    .orderBy(desc(owned), desc(made), asc(users.name))
    .limit(limit);
}

/** Everybody's that are there, newest first, with their owners' names. */
export const listEverybodys = (
  db: Executor,
  limit: number,
): Promise<
  { id: string; name: string; owner: string; repository: string; phase: string; desired: string }[]
> =>
  db
    .select({
      id: workspaces.id,
      name: workspaces.name,
      owner: users.name,
      repository: workspaces.repository,
      phase: workspaces.phase,
      desired: workspaces.desired,
    })
    .from(workspaces)
    .innerJoin(users, eq(users.id, workspaces.owner))
    .where(ne(workspaces.phase, 'deleted'))
    .orderBy(desc(workspaces.createdAt))
    .limit(limit);
