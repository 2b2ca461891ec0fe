// The wish that a card is drawn again, from whoever changed what it shows.
import { inArray, sql } from 'drizzle-orm';
import { notify, type Executor } from '../../database/executor.ts';
import { cards, workspaces } from '../../database/schema.ts';

/**
 * What makes a card due with another version. `next_at` is since when it waits: what waits already keeps its age, and what
 * was sent long ago has none.
 */
export const AGAIN = {
  wantVersion: sql`${cards.wantVersion} + 1`,
  nextAt: sql`case when ${cards.wantVersion} = ${cards.sentVersion} then clock_timestamp() else least(${cards.nextAt}, clock_timestamp()) end`,
};

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
    .set(AGAIN)
    .where(inArray(cards.subject, [...ids, ...topics]));
  await notify(tx, 'card');
}
