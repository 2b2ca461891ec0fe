// What agents say, written down, and what they are to have.
import { isDeepStrictEqual } from 'node:util';
import { and, desc, eq, inArray, ne, sql } from 'drizzle-orm';
import type { Load, LogLine, WorkspaceReport } from '../../../agent/protocol.ts';
import { logs, nodes, workspaces, type Node, type Workspace } from '../../database/schema.ts';
import { type Executor, databaseNow, notify } from '../../database/executor.ts';
import { inOrder, touchCards } from './rows.ts';

/** Heartbeats of all nodes that are connected here, in one statement. Activity is another column, on purpose. */
export async function hearNodes(db: Executor, ids: string[]): Promise<void> {
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

export async function helloNode(
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

/** Takes an agent's word for one of its workspaces. Only a change of state wakes the reconciler. */
export async function saveReport(
  db: Executor,
  nodeId: string,
  said: WorkspaceReport,
  activity: { at: Date | null; everyMs: number },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [before] = await tx
      .select()
      .from(workspaces)
      .where(and(eq(workspaces.id, said.id), eq(workspaces.nodeId, nodeId)))
      .for('update');
    if (!before) return;
    // A node that has nothing of it any more does not know either where its work was saved.
    const isGoing = said.phase === 'deleting' || said.phase === 'deleted';
    const saved = said.saved ?? (isGoing ? before.reported?.saved : undefined);
    const report = saved ? { ...said, saved } : said;
    const isNews = !isDeepStrictEqual(stateOf(before.reported), stateOf(report));
    const isShown = isNews || !isDeepStrictEqual(factsOf(before.reported), factsOf(report));
    const isActive =
      activity.at !== null && activity.at.getTime() - before.lastActivityAt.getTime() >= activity.everyMs;
    await tx
      .update(workspaces)
      .set({
        reported: report,
        reportedAt: databaseNow,
        ...(isActive && activity.at ? { lastActivityAt: activity.at } : {}),
        ...(isNews ? { gen: before.gen + 1, nextAt: databaseNow } : {}),
      })
      .where(eq(workspaces.id, report.id));
    if (isNews) await notify(tx, 'due');
    if (isShown || isActive) await touchCards(tx, [report.id]);
  });
}

/** What the reconciler decides by. Compared by value: Postgres keeps an object's members in an order of its own. */
const stateOf = (report: WorkspaceReport | null) =>
  report && [report.phase, report.run, report.step, report.failure, report.refused, report.saved];

/** What people see beside it. */
const factsOf = (report: WorkspaceReport | null) => report && [report.work, report.sessions, report.commit];

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

export async function saveLogs(
  db: Executor,
  nodeId: string,
  lines: LogLine[],
  clockOffsetMs: number,
): Promise<void> {
  const ids = [...new Set(lines.map((line) => line.workspace))];
  if (ids.length === 0) return;
  const own = await db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(inArray(workspaces.id, ids), eq(workspaces.nodeId, nodeId)));
  const known = new Set(own.map((row) => row.id));
  const rows = lines
    .filter((line) => known.has(line.workspace))
    .map((line) => ({
      workspaceId: line.workspace,
      at: new Date(line.at + clockOffsetMs),
      step: line.step.slice(0, 32),
      text: line.text.slice(0, 4000),
    }));
  if (rows.length > 0) await db.insert(logs).values(rows);
}

export async function readLogs(
  db: Executor,
  workspaceId: string,
  count: number,
): Promise<{ at: Date; step: string; text: string }[]> {
  const rows = await db
    .select({ at: logs.at, step: logs.step, text: logs.text })
    .from(logs)
    .where(eq(logs.workspaceId, workspaceId))
    .orderBy(desc(logs.id))
    .limit(count);
  return rows.reverse();
}
