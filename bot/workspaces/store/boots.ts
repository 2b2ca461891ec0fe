// What machines say while they boot, written down.
import { and, desc, eq, ne, sql } from 'drizzle-orm';
import type { KnownFailure } from '../../codes.ts';
import { events, logs, nodes, workspaces } from '../../database/schema.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { append } from './rows.ts';

/** Enough for every step of a boot and its repeats: a token that leaked must not fill the logs. */
const MOST_LINES = 50;

/**
 * The line goes into the logs of the node's workspaces. Before the node was ready a failed step is its failure, and its
 * pass is due; afterwards the agent works, and the line is all.
 */
export async function noteBootStep(db: Executor, nodeId: string, said: Said): Promise<void> {
  await db.transaction(async (tx) => {
    const [node] = await tx.select().from(nodes).where(eq(nodes.id, nodeId)).for('no key update');
    if (!node || (await countLines(tx, nodeId)) >= MOST_LINES) return;
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
