// What ends because somebody says so, or by time.
import { and, eq, inArray, isNotNull, like, ne, sql, type SQL } from 'drizzle-orm';
import {
  browserSessions,
  identities,
  personalTokens,
  tokens,
  workspaces,
  type Workspace,
} from '../../database/schema.ts';
import { notify, type Executor } from '../../database/executor.ts';
import { endShares } from './shares.ts';

/**
 * Who somebody is in a chat: that was connected, and is disconnected. A chat's source names the place in it (`slack:T1`). A forge's is
 * its bare name, and stays, also while that forge is switched off.
 */
export const isInChat = like(identities.source, '%:%');

/**
 * Ends all of a person's sessions and unspent codes, everything that was ever handed out for their workspaces, what others share
 * with them, and who they are in chats.
 */
export async function revokeUser(db: Executor, user: string): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.delete(browserSessions).where(eq(browserSessions.userId, user));
    await tx.delete(identities).where(and(eq(identities.userId, user), isInChat));
    await revokeCodes(tx, user);
  });
}

/** Ends what codes gave a person or may still give: sessions of browsers, and the terminals that are open. */
export async function revokeCodes(tx: Executor, user: string): Promise<void> {
  await tx
    .delete(browserSessions)
    .where(and(eq(browserSessions.userId, user), isNotNull(browserSessions.workspaces)));
  await tx
    .delete(tokens)
    .where(and(eq(tokens.userId, user), inArray(tokens.purpose, ['link', 'settings', 'settings-session'])));
  await endShares(tx, { person: user });
  await revokeWorkspaces(tx, eq(workspaces.owner, user));
}

/** Ends everything that was ever handed out for this workspace, unless it is somebody else's by now. */
export const revokeWorkspace = (
  db: Executor,
  { id, owner }: Pick<Workspace, 'id' | 'owner'>,
): Promise<void> =>
  db.transaction((tx) => revokeWorkspaces(tx, and(eq(workspaces.id, id), eq(workspaces.owner, owner))));

async function revokeWorkspaces(tx: Executor, which: SQL | undefined): Promise<void> {
  const revoked = await tx
    .update(workspaces)
    .set({ access: sql`${workspaces.access} + 1` })
    .where(and(which, ne(workspaces.phase, 'deleted')))
    .returning({ nodeId: workspaces.nodeId });
  for (const nodeId of new Set(revoked.map((row) => row.nodeId)))
    if (nodeId) await notify(tx, `desired:${nodeId}`);
}

/**
 * Drops what is worth nothing any more. Codes are kept for a day, so that a late one is not a foreign one; sign-ins are
 * not: what is late says so by itself.
 */
export async function forgetExpired(db: Executor): Promise<void> {
  await db.delete(browserSessions).where(sql`${browserSessions.expiresAt} < clock_timestamp()`);
  await db.delete(personalTokens).where(sql`${personalTokens.expiresAt} < clock_timestamp()`);
  await db.delete(tokens).where(
    sql`${tokens.expiresAt} < clock_timestamp() - case when ${tokens.purpose} = 'sign-in'
      then interval '0' else interval '1 day' end`,
  );
}
