// What happened around workspaces: a push to a fork, a repository that moved or that others may read now.
import { and, eq, isNotNull, ne, sql } from 'drizzle-orm';
import { workspaces } from '../../database/schema.ts';
import { databaseNow, notify, type Executor } from '../../database/executor.ts';
import { touchCards } from './rows.ts';

/** A pull request has a new head: of the workspaces that were made from its fork nothing starts before it is let in. */
export async function noteHead(tx: Executor, topic: string, head: string): Promise<void> {
  const moved = await tx
    .update(workspaces)
    .set({
      fork: sql`${workspaces.fork} || ${JSON.stringify({ head })}::jsonb`,
      notice: [{ code: 'fork-moved', details: { head } }],
    })
    .where(and(eq(workspaces.topic, topic), isNotNull(workspaces.fork), ne(workspaces.desired, 'deleted')))
    .returning({ id: workspaces.id });
  const ids = moved.map(({ id }) => id);
  if (ids.length > 0) await touchCards(tx, ids);
}

/** Those that are not deleted; `url`: the repository's address. */
export async function noteVisibility(tx: Executor, url: string, isPrivate: boolean): Promise<void> {
  const seen = await tx
    .update(workspaces)
    .set({ isPrivate, gen: sql`${workspaces.gen} + 1`, nextAt: databaseNow })
    .where(
      and(
        eq(workspaces.repository, url),
        ne(workspaces.phase, 'deleted'),
        sql`${workspaces.isPrivate} is distinct from ${isPrivate}`,
      ),
    )
    .returning({ node: workspaces.nodeId });
  // A saving that is under way ends, should it be public now.
  for (const { node } of seen) if (node) await notify(tx, 'due', `desired:${node}`);
}

/** A repository has a new address: its workspaces keep their keys and topics there. */
export async function moveWorkspaces(
  tx: Executor,
  from: { url: string; label: string },
  to: { url: string; label: string },
): Promise<void> {
  await tx
    .update(workspaces)
    .set({
      repository: to.url,
      key: sql`${to.url.toLowerCase()} || substr(${workspaces.key}, ${from.url.length + 1})`,
      topic: sql`${to.label} || substr(${workspaces.topic}, ${from.label.length + 1})`,
    })
    .where(eq(workspaces.repository, from.url));
}
