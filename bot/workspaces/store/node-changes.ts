// What changes a node's row: marks of a pass, its agent's word, a person's or the clock's decision that it goes.
import { and, eq, inArray, ne, sql } from 'drizzle-orm';
import type { Load } from '../../../agent/protocol.ts';
import { RELEASED, type Held } from '../../database/claims.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { nodes, workspaces, type Node } from '../../database/schema.ts';
import { append } from './events.ts';
import { inOrder, isWanted } from './nodes.ts';
import { finishNode } from './passes.ts';
import { holds, phaseClock } from './reconciled.ts';
import { lockOwner } from './users.ts';
import { wakeWorkspacesOf } from './workspace-changes.ts';

/** Gives a node up that no workspace is on; false: one came. A placement has to wait, and sees it. */
export async function retireNode(tx: Executor, { id, owner }: Node): Promise<boolean> {
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
export async function markRecordSent(db: Executor, held: Held<Node>): Promise<boolean> {
  const marked = await db
    .update(nodes)
    .set({ recordSentAt: databaseNow })
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
export async function retireIdleNodes(db: Executor): Promise<string[]> {
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
      ...RELEASED,
    })
    .where(eq(nodes.id, id));
  await append(tx, id, gen + 1, 'forgotten', {});
  await wakeWorkspacesOf(tx, id);
}

/** Heartbeats of all nodes that are connected here, in one statement. Activity is another column, on purpose. */
export async function saveHeartbeats(db: Executor, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await db
    .update(nodes)
    .set({
      lastHeardAt: databaseNow,
      // One that was given up as silent is back: its pass shall see that.
      nextAt: sql`case when ${nodes.phase} = 'unhealthy' then clock_timestamp() else ${nodes.nextAt} end`,
    })
    .where(inArray(nodes.id, inOrder(db, inArray(nodes.id, ids))));
}

export async function saveHello(
  db: Executor,
  id: string,
  said: { version: string; terminalPort: number | null },
): Promise<Node | undefined> {
  return db.transaction(async (tx) => {
    const [node] = await tx
      .update(nodes)
      .set({
        lastHeardAt: databaseNow,
        readyAt: sql`coalesce(${nodes.readyAt}, clock_timestamp())`,
        agentVersion: said.version,
        terminalPort: said.terminalPort,
        gen: sql`${nodes.gen} + 1`,
        nextAt: databaseNow,
      })
      .where(and(eq(nodes.id, id), ne(nodes.phase, 'deleted')))
      .returning();
    await notify(tx, 'due');
    return node;
  });
}

export async function saveLoad(db: Executor, nodeId: string, load: Load): Promise<void> {
  await db.update(nodes).set({ load }).where(eq(nodes.id, nodeId));
}
