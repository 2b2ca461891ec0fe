// The lines that agents and booting machines write, for people to read.
import { and, asc, desc, eq, gt, inArray, lt, max, ne, sql } from 'drizzle-orm';
import type { LogLine } from '../../../agent/protocol.ts';
import type { KnownFailure } from '../../codes.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { events, logs, nodes, workspaces } from '../../database/schema.ts';
import { append } from './events.ts';

/** Enough for every step of a boot and its repeats: a token that leaked must not fill the logs. */
const MAX_LINES = 50;

/**
 * The line goes into the logs of the node's workspaces. Before the node was ready a failed step is its failure, and its
 * pass is due; afterwards the agent works, and the line is all.
 */
export async function noteBootStep(db: Executor, nodeId: string, said: Said): Promise<void> {
  await db.transaction(async (tx) => {
    const [node] = await tx.select().from(nodes).where(eq(nodes.id, nodeId)).for('no key update');
    if (!node || (await countLines(tx, nodeId)) >= MAX_LINES) return;
    await append(tx, nodeId, node.gen, 'boot', { ...said });
    await logBoot(tx, nodeId, lineOf(said));
    if (said.ok || node.readyAt || node.bootFailure) return;
    const failure: KnownFailure = {
      class: 'provider',
      code: 'boot-failed',
      details: { step: said.step, said: said.message.slice(0, 500) },
    };
    await tx
      .update(nodes)
      .set({ bootFailure: failure, gen: sql`${nodes.gen} + 1`, nextAt: databaseNow })
      .where(eq(nodes.id, nodeId));
    await notify(tx, 'due');
  });
}

/** The newest lines of a node's boot, as logs have them; oldest first. */
export async function readBoot(
  db: Executor,
  nodeId: string | null,
  count: number,
): Promise<{ at: Date; step: string; text: string }[]> {
  if (nodeId === null) return [];
  const rows = await db
    .select({ at: events.at, said: events.data })
    .from(events)
    .where(and(eq(events.entity, nodeId), eq(events.type, 'boot')))
    .orderBy(desc(events.id))
    .limit(count);
  return rows.reverse().map(({ at, said }) => ({ at, step: 'boot', text: lineOf(said as unknown as Said) }));
}

/** All that it said of its boot, behind `after`. */
export async function listBoot(
  db: Executor,
  nodeId: string,
  { after, limit }: { after: number; limit: number },
): Promise<LoggedLine[]> {
  const rows = await db
    .select({ id: events.id, at: events.at, said: events.data })
    .from(events)
    .where(and(eq(events.entity, nodeId), eq(events.type, 'boot'), gt(events.id, after)))
    .orderBy(asc(events.id))
    .limit(limit);
  return rows.map(({ id, at, said }) => ({ id, at, step: 'boot', text: lineOf(said as unknown as Said) }));
}

interface Said {
  step: string;
  ok: boolean;
  message: string;
}

const lineOf = ({ step, ok, message }: Said): string =>
  `${step} ${ok ? 'done' : 'FAILED'}${message && `: ${message}`}`;

async function countLines(tx: Executor, nodeId: string): Promise<number> {
  const [row] = await tx.execute<{ count: number }>(
    sql`select count(*)::int as count from events where entity = ${nodeId} and type = 'boot'`,
  );
  return row?.count ?? 0;
}

async function logBoot(tx: Executor, nodeId: string, text: string): Promise<void> {
  const waiting = await tx
    .select({ workspaceId: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.nodeId, nodeId), ne(workspaces.phase, 'deleted')));
  if (waiting.length === 0) return;
  await tx
    .insert(logs)
    .values(waiting.map(({ workspaceId }) => ({ workspaceId, at: databaseNow, step: 'boot', text })));
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

export type LoggedLine = Pick<typeof logs.$inferSelect, 'id' | 'at' | 'step' | 'text'>;

const line = { id: logs.id, at: logs.at, step: logs.step, text: logs.text };

/** The newest, oldest first: of those behind `after` and before `before`. */
export async function readLogs(
  db: Executor,
  workspaceId: string,
  count: number,
  { after, before }: { after?: number | undefined; before?: number | undefined } = {},
): Promise<LoggedLine[]> {
  const rows = await db
    .select(line)
    .from(logs)
    .where(
      and(
        eq(logs.workspaceId, workspaceId),
        after === undefined ? undefined : gt(logs.id, after),
        before === undefined ? undefined : lt(logs.id, before),
      ),
    )
    .orderBy(desc(logs.id))
    .limit(count);
  return rows.reverse();
}

/** Behind `after`, oldest first. */
export const listLogs = (
  db: Executor,
  workspaceId: string,
  { after, limit }: { after: number; limit: number },
): Promise<LoggedLine[]> =>
  db
    .select(line)
    .from(logs)
    .where(and(eq(logs.workspaceId, workspaceId), gt(logs.id, after)))
    .orderBy(asc(logs.id))
    .limit(limit);

/** Of each workspace a text that changes with every line. */
export async function readLastLogs(db: Executor, workspaceIds: string[]): Promise<Map<string, string>> {
  const rows = await db
    .select({ id: logs.workspaceId, last: max(logs.id) })
    .from(logs)
    .where(inArray(logs.workspaceId, workspaceIds))
    .groupBy(logs.workspaceId);
  return new Map(rows.map(({ id, last }) => [id, String(last)]));
}

/** Drops log lines that are older than `days`. */
export async function forgetOldLogs(db: Executor, days: number): Promise<void> {
  await db.delete(logs).where(sql`${logs.at} < clock_timestamp() - ${days} * interval '1 day'`);
}
