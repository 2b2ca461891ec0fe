// What happened, in order, for whoever looks into it later. Nothing is decided by it but how often something was said.
import { and, asc, eq, gt, inArray, max } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { events } from '../../database/schema.ts';

export type Noted = Pick<typeof events.$inferSelect, 'id' | 'at' | 'type' | 'data'>;

export async function append(
  tx: Executor,
  entity: string,
  gen: number,
  type: string,
  data: Record<string, unknown>,
): Promise<void> {
  await tx.insert(events).values({ entity, gen, type, data });
}

/** Behind `after`, oldest first. */
export const listEvents = (
  db: Executor,
  entity: string,
  { after, limit }: { after: number; limit: number },
): Promise<Noted[]> =>
  db
    .select({ id: events.id, at: events.at, type: events.type, data: events.data })
    .from(events)
    .where(and(eq(events.entity, entity), gt(events.id, after)))
    .orderBy(asc(events.id))
    .limit(limit);

/** Of each a text that changes with every event. */
export async function readLastEvents(db: Executor, entities: string[]): Promise<Map<string, string>> {
  const rows = await db
    .select({ entity: events.entity, last: max(events.id) })
    .from(events)
    .where(inArray(events.entity, entities))
    .groupBy(events.entity);
  return new Map(rows.map(({ entity, last }) => [entity, String(last)]));
}
