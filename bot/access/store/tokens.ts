// One-time rights: codes of links, made and spent once; bootstrap tokens, and the keys of agents that they bind.
import { and, desc, eq, gt, isNull, ne, sql } from 'drizzle-orm';
import { tokens, workspaces, nodes, type Node } from '../../database/schema.ts';
import { databaseNow, inMs, type Executor } from '../../database/executor.ts';

export interface NewCode {
  hash: string;
  workspace: string;
  user: string;
  access: number;
  lifeSeconds: number;
  createdAt?: Date;
}

export async function insertCode(db: Executor, code: NewCode): Promise<void> {
  await db.insert(tokens).values({
    hash: code.hash,
    purpose: 'link',
    subject: code.workspace,
    userId: code.user,
    access: code.access,
    ...(code.createdAt ? { createdAt: code.createdAt } : {}),
    expiresAt: inMs(1_000 * code.lifeSeconds),
  });
}

/** The newest code of that person there which is good and unspent lives on for so long. Undefined: there is none. */
export async function prolongCode(
  db: Executor,
  { workspace, user, access, lifeSeconds }: Omit<NewCode, 'hash'>,
): Promise<{ hash: string; createdAt: Date } | undefined> {
  const newest = db
    .select({ hash: tokens.hash })
    .from(tokens)
    .where(
      and(
        eq(tokens.purpose, 'link'),
        eq(tokens.subject, workspace),
        eq(tokens.userId, user),
        eq(tokens.access, access),
        isNull(tokens.usedAt),
        gt(tokens.expiresAt, databaseNow),
      ),
    )
    .orderBy(desc(tokens.createdAt))
    .limit(1);
  const [row] = await db
    .update(tokens)
    .set({ expiresAt: inMs(1_000 * lifeSeconds) })
    .where(and(sql`${tokens.hash} = (${newest})`, isNull(tokens.usedAt)))
    .returning({ hash: tokens.hash, createdAt: tokens.createdAt });
  return row;
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

export async function insertBootstrapToken(
  db: Executor,
  token: { hash: string; node: string; lifeSeconds: number },
): Promise<void> {
  await db.insert(tokens).values({
    hash: token.hash,
    purpose: 'bootstrap',
    subject: token.node,
    expiresAt: inMs(1_000 * token.lifeSeconds),
  });
}

/**
 * Binds the node to the agent's key: the first key to come gets it, for the life of the node. The node's row decides, so
 * two tokens of one node cannot bring two keys either. Undefined: the token is unknown, late, of another node, was
 * redeemed longer than `repeatSeconds` ago, or the node has another key, is gone, or is on its way out.
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
         and nodes.id = ${claim.node} and nodes.desired = 'running' and nodes.phase <> 'deleted'
         and (nodes.agent_key is null or nodes.agent_key = ${claim.key})
      returning nodes.id, nodes.provider
    )
    update tokens set used_at = coalesce(tokens.used_at, clock_timestamp())
      from bound where tokens.hash = ${claim.hash}
    returning bound.id, bound.provider`);
  return bound;
}

/** The node of a token that has not expired, unless the node is on its way out. */
export async function findBootstrapNode(db: Executor, hash: string): Promise<string | undefined> {
  const [found] = await db
    .select({ id: nodes.id })
    .from(tokens)
    .innerJoin(nodes, eq(nodes.id, tokens.subject))
    .where(
      and(
        eq(tokens.hash, hash),
        eq(tokens.purpose, 'bootstrap'),
        sql`${tokens.expiresAt} > clock_timestamp()`,
        eq(nodes.desired, 'running'),
      ),
    );
  return found?.id;
}

/** The node, if this is its agent's key, unless the node is gone or on its way out. */
export async function findNodeByKey(
  db: Executor,
  node: string,
  key: string,
): Promise<Pick<Node, 'id' | 'provider'> | undefined> {
  const [found] = await db
    .select({ id: nodes.id, provider: nodes.provider })
    .from(nodes)
    .where(
      and(
        eq(nodes.id, node),
        eq(nodes.agentKey, key),
        eq(nodes.desired, 'running'),
        ne(nodes.phase, 'deleted'),
      ),
    );
  return found;
}
