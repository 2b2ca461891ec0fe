// Makes what the tables have of one person nobody's. Knows no HTTP.
import { and, asc, eq, inArray, isNotNull, isNull, ne, sql } from 'drizzle-orm';
import { tellNodes } from '../../access/credentials/credentials-store.ts';
import { recordOwn } from '../../access/store/audit.ts';
import { revokeUser } from '../../access/store/expiry.ts';
import type { Executor } from '../../database/executor.ts';
import {
  apiRequests,
  commands,
  credentials,
  deliveries,
  events,
  identities,
  limits,
  pageSettings,
  personalTokens,
  proposals,
  taskEvents,
  taskTurns,
  tokens,
  users,
  workspaces,
} from '../../database/schema.ts';
import { changeWorkspace } from '../../workspaces/store/workspace-changes.ts';
import { recordCommand } from '../../workspaces/store/commands.ts';
import { lockOwner, NOBODY } from '../../workspaces/store/users.ts';

/** Those that would go with the person, and have work that is nowhere else, as far as is known. */
export const listOwned = (
  db: Executor,
  user: string,
): Promise<Pick<typeof workspaces.$inferSelect, 'name' | 'reported'>[]> =>
  db
    .select({ name: workspaces.name, reported: workspaces.reported })
    .from(workspaces)
    .where(and(eq(workspaces.owner, user), ne(workspaces.phase, 'deleted')))
    .orderBy(asc(workspaces.name));

/**
 * What lets in ends, what is theirs goes, what they said is emptied; what others and the audit refer to stays and is nobody's. Whoever
 * signs in with the same account afterwards is somebody new.
 */
export async function forgetPerson(tx: Executor, user: string): Promise<void> {
  // What programs asked for has run, or never does; before the lock, as whoever runs it takes them.
  await tx
    .update(deliveries)
    .set({
      endedAt: sql`clock_timestamp()`,
      answeredAt: sql`clock_timestamp()`,
      leaseToken: null,
      leaseUntil: null,
    })
    .where(and(eq(deliveries.thread, `api:${user}`), isNull(deliveries.endedAt)));
  // Whoever makes a workspace of theirs does so before, or finds nobody.
  await lockOwner(tx, user);
  await removeWorkspaces(tx, user);
  await revokeUser(tx, user);
  await tx.delete(tokens).where(eq(tokens.userId, user));
  await tx.delete(personalTokens).where(eq(personalTokens.owner, user));
  await tx.delete(credentials).where(eq(credentials.owner, user));
  await tellNodes(tx, user);
  await tx.delete(identities).where(eq(identities.userId, user));
  await tx.delete(pageSettings).where(eq(pageSettings.userId, user));
  await tx.delete(apiRequests).where(eq(apiRequests.owner, user));
  await tx.delete(limits).where(and(eq(limits.holder, 'person'), eq(limits.subject, user)));
  await emptyWords(tx, user);
  await recordOwn(tx, user, 'person-deleted');
  await tx.update(users).set({ name: NOBODY }).where(eq(users.id, user));
}

/** As `rm --force` does: who deletes themselves was told what is lost. */
async function removeWorkspaces(tx: Executor, user: string): Promise<void> {
  const owned = await tx
    .select()
    .from(workspaces)
    .where(and(eq(workspaces.owner, user), ne(workspaces.phase, 'deleted')))
    .orderBy(workspaces.id)
    .for('update');
  for (const workspace of owned) {
    const command = {
      actor: user,
      front: 'api',
      verb: 'rm',
      line: 'rm --force',
      desired: 'deleted',
    } as const;
    await recordCommand(tx, workspace, command);
    const patch = { desired: 'deleted', force: true, isAutomatic: false, notice: null } as const;
    await changeWorkspace(tx, workspace, patch, true);
  }
}

/** What a coding agent works on still, and what a chat sent us, goes when its days are over. */
async function emptyWords(tx: Executor, user: string): Promise<void> {
  const isOver = and(eq(taskTurns.actor, user), isNotNull(taskTurns.endedAt));
  await tx.delete(taskEvents).where(
    sql`exists (select from ${taskTurns} where ${taskTurns.taskId} = ${taskEvents.taskId}
        and ${taskTurns.turn} = ${taskEvents.turn} and ${isOver})`,
  );
  await tx
    .update(taskTurns)
    .set({ prompt: '', answer: null, progress: {}, changes: null, decisions: [] })
    .where(isOver);
  await tx
    .update(proposals)
    .set({ title: null, lastError: null, failure: sql`${proposals.failure} #- '{details,said}'` })
    .where(and(eq(proposals.actor, user), isNotNull(proposals.endedAt)));
  const about = tx.select({ id: commands.workspaceId }).from(commands).where(eq(commands.actor, user));
  await tx
    .update(events)
    .set({ data: sql`${events.data} || jsonb_build_object('line', ${events.type})` })
    .where(
      and(inArray(events.entity, about), sql`${events.data}->>'actor' = ${user} and ${events.data} ? 'line'`),
    );
  await tx
    .update(commands)
    .set({ line: sql`${commands.verb}` })
    .where(eq(commands.actor, user));
}
