// What all statements about workspaces and nodes share.
import { and, asc, eq, inArray, ne, sql, type SQL } from 'drizzle-orm';
import { isHeld, type Held } from '../../database/claims.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { cards, events, nodes, users, workspaces } from '../../database/schema.ts';

export type Reconciled = typeof workspaces | typeof nodes;

/** True while this pass has the right to the row. */
export const holds = (table: Reconciled, held: Held<{ id: string }>): SQL | undefined =>
  and(eq(table.id, held.row.id), isHeld(table, held));

export type WorkspacePatch = Partial<typeof workspaces.$inferInsert>;

export type NodePatch = Partial<typeof nodes.$inferInsert>;

export const phaseClock = (table: Reconciled, phase: string | undefined) =>
  phase === undefined
    ? {}
    : {
        phaseSince: sql`case when ${table.phase} = ${phase} then ${table.phaseSince} else clock_timestamp() end`,
      };

/** Makes nodes due now. */
export async function wakeNodes(tx: Executor, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .update(nodes)
    .set({ gen: sql`${nodes.gen} + 1`, nextAt: databaseNow })
    .where(inArray(nodes.id, inOrder(tx, inArray(nodes.id, ids))));
  await notify(tx, 'due');
}

/** One placement, one new workspace of an owner at a time. References to the row (each command has one) do not wait. */
export async function lockOwner(tx: Executor, owner: string): Promise<void> {
  await tx.select({ id: users.id }).from(users).where(eq(users.id, owner)).for('no key update');
}

/** Nodes by id, locked in the order of their ids: who changes several at once must not meet another half-way. */
export const inOrder = (tx: Executor, where: SQL) =>
  tx
    .select({ id: nodes.id })
    .from(nodes)
    .where(and(where, ne(nodes.phase, 'deleted')))
    .orderBy(asc(nodes.id))
    .for('no key update');

/** The cards that show these workspaces, by themselves or among those of a topic, want to be drawn again. */
export async function touchCards(tx: Executor, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  // Asked first: an OR over a subquery would read every card.
  const rows = await tx
    .select({ topic: workspaces.topic })
    .from(workspaces)
    .where(inArray(workspaces.id, ids));
  const topics = rows.map(({ topic }) => topic).filter((topic) => topic !== null);
  await tx
    .update(cards)
    .set({
      wantVersion: sql`${cards.wantVersion} + 1`,
      nextAt: sql`least(${cards.nextAt}, clock_timestamp())`,
    })
    .where(inArray(cards.subject, [...ids, ...topics]));
  await notify(tx, 'card');
}

export async function append(
  tx: Executor,
  entity: string,
  gen: number,
  type: string,
  data: Record<string, unknown>,
): Promise<void> {
  await tx.insert(events).values({ entity, gen, type, data });
}

/** The database's clock: the only one that all bots share. */
export async function readClock(db: Executor): Promise<Date> {
  const [row] = await db.execute<{ now: string }>(sql`select clock_timestamp() as now`);
  return new Date(row?.now ?? Date.now());
}
