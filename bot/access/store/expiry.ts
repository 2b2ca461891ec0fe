// What ends because somebody says so, or by time.
import { and, eq, inArray, ne, sql } from 'drizzle-orm';
import { browserSessions, tokens, workspaces } from '../../database/schema.ts';
import { notify, type Executor } from '../../database/executor.ts';

/** Ends all of a person's sessions and unspent codes, and everything that was ever handed out for their workspaces. */
export async function revokeUser(db: Executor, user: string): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.delete(browserSessions).where(eq(browserSessions.userId, user));
    await tx
      .delete(tokens)
      .where(and(eq(tokens.userId, user), inArray(tokens.purpose, ['link', 'settings', 'settings-session'])));
    const revoked = await tx
      .update(workspaces)
      .set({ access: sql`${workspaces.access} + 1` })
      .where(and(eq(workspaces.owner, user), ne(workspaces.phase, 'deleted')))
      .returning({ nodeId: workspaces.nodeId });
    for (const nodeId of new Set(revoked.map((row) => row.nodeId)))
      if (nodeId) await notify(tx, `desired:${nodeId}`);
  });
}

/**
 * Drops what is worth nothing any more. Codes are kept for a day, so that a late one is not a foreign one; sign-ins are
 * not: what is late says so by itself.
 */
export async function forgetExpired(db: Executor): Promise<void> {
  await db.delete(browserSessions).where(sql`${browserSessions.expiresAt} < clock_timestamp()`);
  await db.delete(tokens).where(
    sql`${tokens.expiresAt} < clock_timestamp() - case when ${tokens.purpose} = 'sign-in'
      then interval '0' else interval '1 day' end`,
  );
}
