// Statements about nodes: whether they are wanted, where there is room, what is about to be created.
import { and, asc, eq, inArray, isNotNull, ne, sql } from 'drizzle-orm';
import { nodes, workspaces, type Node } from '../../database/schema.ts';
import { type Held } from '../../database/claims.ts';
import { type Executor, databaseNow, notify } from '../../database/executor.ts';
import { holds, append, inOrder, lockOwner, phaseClock } from './rows.ts';
import { finishNode, wakeWorkspacesOf } from './passes.ts';

export async function findNode(db: Executor, id: string): Promise<Node | undefined> {
  const [node] = await db.select().from(nodes).where(eq(nodes.id, id));
  return node;
}

/** Whether a workspace that is not deleted is on it. */
export async function isWanted(db: Executor, nodeId: string): Promise<boolean> {
  const [row] = await db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.nodeId, nodeId), ne(workspaces.phase, 'deleted')))
    .limit(1);
  return row !== undefined;
}

/** Commits "a create is about to be sent". False: it is not wanted any more, or the lease is lost. */
export async function markCreateSent(db: Executor, held: Held<Node>): Promise<boolean> {
  const marked = await db
    .update(nodes)
    .set({ createSentAt: databaseNow })
    .where(and(holds(nodes, held), eq(nodes.desired, 'running')))
    .returning({ id: nodes.id });
  return marked.length > 0;
}

/** It is as if it had not been sent. */
export async function forgetCreateSent(db: Executor, held: Held<Node>): Promise<void> {
  await db.update(nodes).set({ createSentAt: null }).where(holds(nodes, held));
}

/** Commits "a record is about to be made". False: the node is not wanted any more, or the lease is lost. */
export async function markPointSent(db: Executor, held: Held<Node>): Promise<boolean> {
  const marked = await db
    .update(nodes)
    .set({ pointSentAt: databaseNow })
    .where(and(holds(nodes, held), eq(nodes.desired, 'running')))
    .returning({ id: nodes.id });
  return marked.length > 0;
}

/** Gives a node up, unless a workspace is on it. A placement that comes meanwhile moves `gen`, and the pass is overtaken. */
export async function discardNode(db: Executor, held: Held<Node>): Promise<void> {
  const isNeeded = held.row.phase !== 'failed' && (await isWanted(db, held.row.id));
  await finishNode(db, held, isNeeded ? {} : { desired: 'deleted' }, held.now);
}

/** Nodes that no workspace is on are not kept warm any longer. Gives their ids. */
export async function giveUpIdleNodes(db: Executor): Promise<string[]> {
  return db.transaction(async (tx) => {
    const isIdle = sql`not exists
      (select 1 from ${workspaces} where ${workspaces.nodeId} = ${nodes.id} and ${workspaces.phase} <> 'deleted')`;
    const locked = await inOrder(tx, isIdle);
    // Asked again under the locks: a placement that was under way has ended by now.
    const given = await tx
      .update(nodes)
      .set({ desired: 'deleted', gen: sql`${nodes.gen} + 1`, nextAt: databaseNow })
      .where(
        and(
          inArray(
            nodes.id,
            locked.map((node) => node.id),
          ),
          isIdle,
        ),
      )
      .returning({ id: nodes.id });
    await notify(tx, 'due');
    return given.map((node) => node.id);
  });
}

export async function countLiving(db: Executor, ids: string[]): Promise<number> {
  return db.$count(nodes, and(inArray(nodes.id, ids), ne(nodes.phase, 'deleted')));
}

/** An owner's nodes that are not gone, with how many workspaces each has; rows locked against their deletion. */
export async function lockNodesOf(
  tx: Executor,
  owner: string,
  provider: string,
): Promise<{ node: Node; workspaces: number }[]> {
  // The owner's row first: two placements of one owner must see each other's new node.
  await lockOwner(tx, owner);
  const found = await tx
    .select()
    .from(nodes)
    .where(and(eq(nodes.owner, owner), eq(nodes.provider, provider), ne(nodes.phase, 'deleted')))
    .orderBy(asc(nodes.id))
    .for('no key update');
  const counted = await tx
    .select({ nodeId: workspaces.nodeId, count: sql<number>`count(*)::int` })
    .from(workspaces)
    .where(
      and(
        inArray(
          workspaces.nodeId,
          found.map((node) => node.id),
        ),
        ne(workspaces.phase, 'deleted'),
      ),
    )
    .groupBy(workspaces.nodeId);
  return found.map((node) => ({
    node,
    workspaces: counted.find((row) => row.nodeId === node.id)?.count ?? 0,
  }));
}

export async function insertNode(tx: Executor, node: typeof nodes.$inferInsert): Promise<void> {
  await tx.insert(nodes).values(node);
  await append(tx, node.id, 1, 'wanted', { size: node.size, provider: node.provider });
  await notify(tx, 'due');
}

/** Nodes that have gone silent become due, so that their pass sees it. Cheap: one statement, no row read. */
export async function wakeSilentNodes(db: Executor, silenceMs: number): Promise<void> {
  const isSilent = sql`${nodes.phase} = 'ready'
    and ${nodes.nextAt} is distinct from least(${nodes.nextAt}, clock_timestamp())
    and ${nodes.lastHeardAt} < clock_timestamp() - ${silenceMs} * interval '1 millisecond'`;
  await db
    .update(nodes)
    .set({ nextAt: databaseNow })
    .where(inArray(nodes.id, inOrder(db, isSilent)));
}

/** Of nodes whose server was seen at the provider and is not known to be gone; oldest first. */
export async function namesOfSeenNodes(db: Executor, provider: string): Promise<string[]> {
  const rows = await db
    .select({ name: nodes.name })
    .from(nodes)
    .where(and(eq(nodes.provider, provider), ne(nodes.phase, 'deleted'), isNotNull(nodes.observedAt)))
    .orderBy(asc(nodes.createdAt), asc(nodes.id));
  return rows.map(({ name }) => name);
}

/** Nodes that may have a server or a name outside, whoever made it. */
export async function listMade(db: Executor): Promise<Pick<Node, 'name' | 'provider' | 'host'>[]> {
  return db
    .select({ name: nodes.name, provider: nodes.provider, host: nodes.host })
    .from(nodes)
    .where(and(ne(nodes.phase, 'deleted'), isNotNull(nodes.createSentAt)))
    .orderBy(asc(nodes.createdAt), asc(nodes.id));
}

/** A person said that its server is gone: nobody looks. Should it be there all the same, the sweep finds it. */
export async function forgetNode(tx: Executor, { id, gen }: Node): Promise<void> {
  await tx
    .update(nodes)
    .set({
      desired: 'deleted',
      phase: 'deleted',
      ...phaseClock(nodes, 'deleted'),
      gen: sql`${nodes.gen} + 1`,
      nextAt: null,
      leaseToken: null,
      leaseUntil: null,
    })
    .where(eq(nodes.id, id));
  await append(tx, id, gen + 1, 'forgotten', {});
  await wakeWorkspacesOf(tx, id);
}

/** Every node that may have a server at the provider. */
export async function listLivingNodes(db: Executor, provider: string): Promise<Node[]> {
  return db
    .select()
    .from(nodes)
    .where(and(eq(nodes.provider, provider), ne(nodes.phase, 'deleted')));
}
