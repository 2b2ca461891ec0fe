// People, codes, browser sessions and bootstrap tokens in Postgres: only hashes, and one statement decides each race.
// Knows no HTTP and signs nothing.
import { and, desc, eq, gt, inArray, isNull, ne, sql, type SQL } from 'drizzle-orm';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';
import {
  browserSessions,
  identities,
  nodes,
  tokens,
  users,
  workspaces,
  type BrowserSession,
  type Node,
  type User,
  type Workspace,
} from '../database/schema.ts';
import { newUserId } from '../ids.ts';

/** A pool or one of its transactions. */
export type Executor = PgDatabase<PostgresJsQueryResultHKT>;

const databaseNow = sql<Date>`clock_timestamp()`;
const inSeconds = (seconds: number): SQL<Date> => sql`clock_timestamp() + ${seconds} * interval '1 second'`;

// --- people -------------------------------------------------------------------------------------------------------

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

// --- codes of links -----------------------------------------------------------------------------------------------

export interface NewCode {
  hash: string;
  workspace: string;
  user: string;
  access: number;
  lifeSeconds: number;
}

export async function insertCode(db: Executor, code: NewCode): Promise<void> {
  await db.insert(tokens).values({
    hash: code.hash,
    purpose: 'link',
    subject: code.workspace,
    userId: code.user,
    access: code.access,
    expiresAt: inSeconds(code.lifeSeconds),
  });
}

/**
 * Spends a code, for whoever it was made for; with `user`, only if that is them. Undefined: unknown, spent, late, revoked,
 * of another workspace or another person, and then nothing is spent.
 */
export async function spendCode(
  db: Executor,
  { hash, workspace, user }: { hash: string; workspace: string; user: string | undefined },
): Promise<{ user: string; access: number } | undefined> {
  const [spent] = await db
    .update(tokens)
    .set({ usedAt: databaseNow })
    .from(workspaces)
    .where(
      and(
        eq(tokens.hash, hash),
        eq(tokens.purpose, 'link'),
        eq(tokens.subject, workspace),
        isNull(tokens.usedAt),
        gt(tokens.expiresAt, databaseNow),
        eq(workspaces.id, tokens.subject),
        eq(workspaces.access, tokens.access),
        ne(workspaces.phase, 'deleted'),
        user === undefined ? undefined : eq(tokens.userId, user),
      ),
    )
    .returning({ user: tokens.userId, access: tokens.access });
  if (!spent?.user || spent.access === null) return undefined;
  return { user: spent.user, access: spent.access };
}

/** Whom a code of this workspace was made for, spent or not. */
export async function findCodeUser(
  db: Executor,
  hash: string,
  workspace: string,
): Promise<string | undefined> {
  const [code] = await db
    .select({ user: tokens.userId })
    .from(tokens)
    .where(and(eq(tokens.hash, hash), eq(tokens.purpose, 'link'), eq(tokens.subject, workspace)));
  return code?.user ?? undefined;
}

// --- sign-ins that have begun -------------------------------------------------------------------------------------

export async function insertSignIn(
  db: Executor,
  signIn: { hash: string; returnTo: string; lifeSeconds: number },
): Promise<void> {
  await db.insert(tokens).values({
    hash: signIn.hash,
    purpose: 'sign-in',
    subject: signIn.returnTo,
    expiresAt: inSeconds(signIn.lifeSeconds),
  });
}

/** Ends it, so that it is finished once. Undefined: unknown, ended or late. */
export async function endSignIn(db: Executor, hash: string): Promise<{ returnTo: string } | undefined> {
  const [ended] = await db
    .delete(tokens)
    .where(and(eq(tokens.hash, hash), eq(tokens.purpose, 'sign-in'), gt(tokens.expiresAt, databaseNow)))
    .returning({ returnTo: tokens.subject });
  return ended;
}

// --- browser sessions ---------------------------------------------------------------------------------------------

export async function insertSession(
  db: Executor,
  session: { hash: string; user: string; workspaces: BrowserSession['workspaces']; lifeSeconds: number },
): Promise<void> {
  await db.insert(browserSessions).values({
    hash: session.hash,
    userId: session.user,
    workspaces: session.workspaces,
    expiresAt: inSeconds(session.lifeSeconds),
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
      expiresAt: sql`case when ${isFull} then ${browserSessions.expiresAt} else ${inSeconds(lifeSeconds)} end`,
    })
    .where(and(eq(browserSessions.hash, hash), gt(browserSessions.expiresAt, databaseNow)))
    .returning({ hash: browserSessions.hash });
  return widened.length > 0;
}

export async function deleteSession(db: Executor, hash: string): Promise<void> {
  await db.delete(browserSessions).where(eq(browserSessions.hash, hash));
}

/** Ends all of a person's sessions and unspent codes, and everything that was ever handed out for their workspaces. */
export async function revokeUser(db: Executor, user: string): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.delete(browserSessions).where(eq(browserSessions.userId, user));
    await tx.delete(tokens).where(and(eq(tokens.userId, user), eq(tokens.purpose, 'link')));
    const revoked = await tx
      .update(workspaces)
      .set({ access: sql`${workspaces.access} + 1` })
      .where(and(eq(workspaces.owner, user), ne(workspaces.phase, 'deleted')))
      .returning({ nodeId: workspaces.nodeId });
    for (const nodeId of new Set(revoked.map((row) => row.nodeId)))
      if (nodeId) await tx.execute(sql`select pg_notify('sam', ${`desired:${nodeId}`})`);
  });
}

/**
 * Drops what is worth nothing any more. Codes are kept for a day, so that a late one is not a foreign one; sign-ins are
 * not, because anybody can begin as many as they like.
 */
export async function forgetExpired(db: Executor): Promise<void> {
  await db.delete(browserSessions).where(sql`${browserSessions.expiresAt} < clock_timestamp()`);
  await db.delete(tokens).where(
    sql`${tokens.expiresAt} < clock_timestamp() - case when ${tokens.purpose} = 'sign-in'
      then interval '0' else interval '1 day' end`,
  );
}

// --- what a terminal is about -------------------------------------------------------------------------------------

/** A workspace that is not deleted, and its node. One statement, so that what is there answers as fast as what is not. */
export async function findPlace(
  db: Executor,
  workspaceId: string,
): Promise<{ workspace: Workspace; node: Node | null } | undefined> {
  const [found] = await db
    .select({ workspace: workspaces, node: nodes })
    .from(workspaces)
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .where(and(eq(workspaces.id, workspaceId), ne(workspaces.phase, 'deleted')));
  return found;
}

// --- bootstrap tokens ---------------------------------------------------------------------------------------------

export async function insertBootstrapToken(
  db: Executor,
  token: { hash: string; node: string; lifeSeconds: number },
): Promise<void> {
  await db.insert(tokens).values({
    hash: token.hash,
    purpose: 'bootstrap',
    subject: token.node,
    expiresAt: inSeconds(token.lifeSeconds),
  });
}

/**
 * Binds the node to the agent's key: the first key to come gets it, for the life of the node. The node's row decides, so
 * two tokens of one node cannot bring two keys either. Undefined: the token is unknown, late, of another node, was
 * redeemed longer than `repeatSeconds` ago, or the node has another key or is gone.
 */
export async function bindAgentKey(
  db: Executor,
  claim: { hash: string; node: string; key: string; repeatSeconds: number },
): Promise<Pick<Node, 'id' | 'provider'> | undefined> {
  const [bound] = await db.execute<{ id: string; provider: string }>(sql`
    with bound as (
      update nodes set agent_key = ${claim.key}
        from tokens
       where tokens.hash = ${claim.hash} and tokens.purpose = 'bootstrap' and tokens.subject = nodes.id
         and tokens.expires_at > clock_timestamp()
         and (tokens.used_at is null or tokens.used_at > clock_timestamp() - ${claim.repeatSeconds} * interval '1 second')
         and nodes.id = ${claim.node} and nodes.phase <> 'deleted'
         and (nodes.agent_key is null or nodes.agent_key = ${claim.key})
      returning nodes.id, nodes.provider
    )
    update tokens set used_at = coalesce(tokens.used_at, clock_timestamp())
      from bound where tokens.hash = ${claim.hash}
    returning bound.id, bound.provider`);
  return bound;
}

/** The node, if it is not deleted and this is its agent's key. */
export async function findNodeByKey(
  db: Executor,
  node: string,
  key: string,
): Promise<Pick<Node, 'id' | 'provider'> | undefined> {
  const [found] = await db
    .select({ id: nodes.id, provider: nodes.provider })
    .from(nodes)
    .where(and(eq(nodes.id, node), eq(nodes.agentKey, key), ne(nodes.phase, 'deleted')));
  return found;
}
