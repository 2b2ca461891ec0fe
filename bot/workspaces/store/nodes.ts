// Nodes: found, counted, made, woken. Locked in the order of their ids.
import { and, asc, eq, gt, inArray, isNotNull, ne, or, sql, type SQL } from 'drizzle-orm';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { nodes, workspaces, type Node, type Workspace } from '../../database/schema.ts';
import { newNodeId, serverName } from '../../ids.ts';
import { append } from './events.ts';
import { lockOwner } from './users.ts';

export interface OwnNode {
  node: Node;
  /** Names of the workspaces on it that are not deleted. */
  workspaces: string[];
}

/** A person's nodes that are there, or were later than `since`; oldest first. */
export const listNodesOf = (db: Executor, owner: string, since?: Date): Promise<OwnNode[]> =>
  listNodes(db, { owner, since });

interface NodeFilter {
  id?: string;
  owner?: string;
  since?: Date | undefined;
  /** Those, too, that are there no more. */
  gone?: boolean;
}

/** The same of everybody. */
export async function listNodes(
  db: Executor,
  { id, owner, since, gone = false }: NodeFilter = {},
): Promise<OwnNode[]> {
  const isThere = gone ? undefined : ne(nodes.phase, 'deleted');
  const found = await db
    .select()
    .from(nodes)
    .where(
      and(
        id === undefined ? undefined : eq(nodes.id, id),
        owner === undefined ? undefined : eq(nodes.owner, owner),
        since ? or(isThere, gt(nodes.phaseSince, since)) : isThere,
      ),
    )
    .orderBy(asc(nodes.createdAt), asc(nodes.id));
  const guests = await db
    .select({ nodeId: workspaces.nodeId, name: workspaces.name })
    .from(workspaces)
    .where(
      and(
        id === undefined ? undefined : eq(workspaces.nodeId, id),
        owner === undefined ? undefined : eq(workspaces.owner, owner),
        ne(workspaces.phase, 'deleted'),
      ),
    )
    .orderBy(asc(workspaces.name));
  return found.map((node) => ({
    node,
    workspaces: guests.filter(({ nodeId }) => nodeId === node.id).map(({ name }) => name),
  }));
}

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

export type NewNode = Pick<Node, 'owner' | 'provider' | 'size' | 'isIsolated'>;

/** As it is before anything was done for it. */
export function newNode(wanted: NewNode): NewNode & Pick<Node, 'id' | 'name' | 'phase' | 'desired'> {
  const id = newNodeId();
  return { ...wanted, id, name: serverName(id), phase: 'creating', desired: 'running' };
}

/** `isAhead`: no workspace wants it yet; it waits for one as long as one that was left does. */
export async function insertNode(
  tx: Executor,
  node: typeof nodes.$inferInsert,
  isAhead = false,
): Promise<void> {
  await tx.insert(nodes).values({ ...node, ...(isAhead && { idleSince: databaseNow }) });
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

/** Every node that may have a server at the provider. */
export async function listLivingNodes(db: Executor, provider: string): Promise<Node[]> {
  return db
    .select()
    .from(nodes)
    .where(and(eq(nodes.provider, provider), ne(nodes.phase, 'deleted')));
}

/** The living nodes of these names. */
export async function findNodesByName(db: Executor, names: string[]): Promise<Node[]> {
  if (names.length === 0) return [];
  return db
    .select()
    .from(nodes)
    .where(and(inArray(nodes.name, names), ne(nodes.phase, 'deleted')));
}

/** Makes nodes due now. */
export async function wakeNodes(tx: Executor, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .update(nodes)
    .set({ gen: sql`${nodes.gen} + 1`, nextAt: databaseNow })
    .where(inArray(nodes.id, inOrder(tx, inArray(nodes.id, ids))));
  await notify(tx, 'due');
}

/** Nodes by id, locked in the order of their ids: who changes several at once must not meet another half-way. */
export const inOrder = (tx: Executor, where: SQL) =>
  tx
    .select({ id: nodes.id })
    .from(nodes)
    .where(and(where, ne(nodes.phase, 'deleted')))
    .orderBy(asc(nodes.id))
    .for('no key update');

/** What nodes should have: everything that was ever sent to them and is not deleted, and what they still ask about. */
export async function workspacesOn(
  db: Executor,
  nodeIds: string | string[],
  reported: string[] = [],
): Promise<Workspace[]> {
  const isLive = ne(workspaces.phase, 'deleted');
  const isAsked = reported.length > 0 ? inArray(workspaces.id, reported) : sql`false`;
  return db
    .select()
    .from(workspaces)
    .where(and(inArray(workspaces.nodeId, [nodeIds].flat()), sql`(${isLive} or ${isAsked})`));
}
