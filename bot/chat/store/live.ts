// What the terminals' pages look at in the tables: whether anything of a workspace moved, and what the last press came to.
import { and, desc, eq, inArray, isNotNull, sql, type SQL } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import {
  commands,
  deliveries,
  nodes,
  workspaces,
  type Answer,
  type FrontName,
} from '../../database/schema.ts';

/** Of each workspace that is there a text that changes with all that its page shows; one statement for all of them. */
export async function readVersions(
  db: Executor,
  ids: readonly string[],
  source: FrontName,
): Promise<Map<string, string>> {
  const { id, owner, name, phase, desired, step, access, gen, notice, lastError, nodeId } = workspaces;
  const lastLine = sql`(select max(l.id) from logs l where l.workspace_id = ${id})`;
  const lastPress = sql`(select max(d.seq) from ${deliveries} d where d.source = ${source}
    and d.thread = ${threadOf('')} || ${id} and d.ended_at is not null)`;
  const turn = turnOf(sql`${id}`);
  const rows = await db
    .select({
      id,
      version: sql<string>`concat_ws(' ', ${owner}, ${name}, ${phase}, ${desired}, ${step}, ${access}, ${gen}, ${nodes.phase},
        md5(${notice}::text), md5(${lastError}::text), ${lastLine}, ${lastPress}, ${turn})`,
    })
    .from(workspaces)
    .leftJoin(nodes, eq(nodes.id, nodeId))
    .where(inArray(id, [...ids]));
  return new Map(rows.map((row) => [row.id, row.version]));
}

/** The same of what listens in each. */
export async function readPortVersions(db: Executor, ids: readonly string[]): Promise<Map<string, string>> {
  const { id, owner, phase, desired, access, reported } = workspaces;
  const rows = await db
    .select({
      id,
      version: sql<string>`concat_ws(' ', ${owner}, ${phase}, ${desired}, ${access}, ${reported}->'ports')`,
    })
    .from(workspaces)
    .where(inArray(id, [...ids]));
  return new Map(rows.map((row) => [row.id, row.version]));
}

const turnOf = (workspace: SQL) =>
  sql<number>`(select coalesce(max(c.seq), 0) from ${commands} c where c.workspace_id = ${workspace})`;

/** How many commands a workspace has had, wherever they were said: what is shown with fewer is older. */
export async function readTurn(db: Executor, workspace: string): Promise<number> {
  const [row] = await db.execute<{ turn: number }>(sql`select ${turnOf(sql`${workspace}`)} as turn`);
  return row?.turn ?? 0;
}

/** Where presses on a workspace's page are stored: in order. */
export const threadOf = (workspace: string): string => `page:${workspace}`;

/** The newest press that was run, if it was in the last minute, and what it came to. */
export async function readLastPress(
  db: Executor,
  source: FrontName,
  thread: string,
): Promise<{ answer: Answer | null } | undefined> {
  const { answer, endedAt, seq } = deliveries;
  const [row] = await db
    .select({ answer })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.source, source),
        eq(deliveries.thread, thread),
        isNotNull(endedAt),
        sql`${endedAt} > clock_timestamp() - interval '1 minute'`,
      ),
    )
    .orderBy(desc(seq))
    .limit(1);
  return row;
}

/** Presses of the last hour that came to nothing, the newest first. */
export function listRefused(
  db: Executor,
  source: FrontName,
  { thread, user, limit }: { thread: string; user: string; limit: number },
): Promise<{ deliveryId: string; answer: Answer }[]> {
  const { deliveryId, answer, payload, receivedAt, seq } = deliveries;
  return db
    .select({ deliveryId, answer: sql<Answer>`${answer}` })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.source, source),
        eq(deliveries.thread, thread),
        sql`${receivedAt} > clock_timestamp() - interval '1 hour'`,
        sql`${payload}->>'user' = ${user}`,
        sql`${answer}->>'ok' = 'false'`,
      ),
    )
    .orderBy(desc(seq))
    .limit(limit);
}

/** Of each of these threads the newest press that was run; one statement for all of them. */
export async function readLastPresses(
  db: Executor,
  source: FrontName,
  threads: readonly string[],
): Promise<Map<string, number>> {
  const rows = await db
    .select({ thread: deliveries.thread, seq: sql<number>`max(${deliveries.seq})` })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.source, source),
        inArray(deliveries.thread, [...threads]),
        isNotNull(deliveries.endedAt),
      ),
    )
    .groupBy(deliveries.thread);
  return new Map(rows.map(({ thread, seq }) => [thread, seq]));
}

/** Presses in the last hour. */
export async function countPresses(db: Executor, source: FrontName, thread: string): Promise<number> {
  const [row] = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.source, source),
        eq(deliveries.thread, thread),
        sql`${deliveries.receivedAt} > clock_timestamp() - interval '1 hour'`,
      ),
    );
  return row?.count ?? 0;
}
