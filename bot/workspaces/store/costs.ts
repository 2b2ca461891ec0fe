// What nodes cost, as far as rows know it: a person's nodes, and the prices that the sweep wrote down.
import { and, asc, eq, gt, ne, or, sql } from 'drizzle-orm';
import { nodes, settings, workspaces, type Node, type Size } from '../../database/schema.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { lockOwner } from './rows.ts';

/** Net, per hour and month of a node, at the dearest location that is configured; the address is in it. */
export interface PriceList {
  /** `EUR`. */
  currency: string;
  provider: string;
  sizes: Partial<Record<Size, { perHour: number; perMonth: number }>>;
}

const NAME = 'prices';

export async function savePrices(db: Executor, prices: PriceList): Promise<void> {
  const value = JSON.stringify(prices);
  await db
    .insert(settings)
    .values({ name: NAME, value })
    .onConflictDoUpdate({ target: settings.name, set: { value } });
}

/** Undefined: this installation's machines cost nothing, or nobody has asked for the prices yet. */
export async function readPrices(db: Executor): Promise<PriceList | undefined> {
  const [row] = await db.select().from(settings).where(eq(settings.name, NAME));
  return row && (JSON.parse(row.value) as PriceList);
}

export interface OwnNode {
  node: Node;
  /** Names of the workspaces on it that are not deleted. */
  workspaces: string[];
}

/** A person's nodes that are there, or were later than `since`; oldest first. */
export async function listNodesOf(db: Executor, owner: string, since?: Date): Promise<OwnNode[]> {
  const isThere = ne(nodes.phase, 'deleted');
  const found = await db
    .select()
    .from(nodes)
    .where(and(eq(nodes.owner, owner), since ? or(isThere, gt(nodes.phaseSince, since)) : isThere))
    .orderBy(asc(nodes.createdAt), asc(nodes.id));
  const guests = await db
    .select({ nodeId: workspaces.nodeId, name: workspaces.name })
    .from(workspaces)
    .where(and(eq(workspaces.owner, owner), ne(workspaces.phase, 'deleted')))
    .orderBy(asc(workspaces.name));
  return found.map((node) => ({
    node,
    workspaces: guests.filter(({ nodeId }) => nodeId === node.id).map(({ name }) => name),
  }));
}

/** Gives a node up that no workspace is on; false: one came. A placement has to wait, and sees it. */
export async function giveUpNode(tx: Executor, { id, owner }: Node): Promise<boolean> {
  await lockOwner(tx, owner);
  const given = await tx
    .update(nodes)
    .set({ desired: 'deleted', gen: sql`${nodes.gen} + 1`, nextAt: databaseNow })
    .where(
      and(
        eq(nodes.id, id),
        sql`not exists (select 1 from ${workspaces} where ${workspaces.nodeId} = ${id} and ${workspaces.phase} <> 'deleted')`,
      ),
    )
    .returning({ id: nodes.id });
  await notify(tx, 'due');
  return given.length > 0;
}
