// The wish that a card is drawn again, from whoever changed what it shows.
import { inArray, sql } from 'drizzle-orm';
import { notify, type Executor } from '../../database/executor.ts';
import { cards, workspaces } from '../../database/schema.ts';

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
