// Who said what of which workspace, and what became of it.
import { and, eq, isNotNull, ne, sql } from 'drizzle-orm';
import { databaseNow, type Executor } from '../../database/executor.ts';
import { commands, type Desired, type FrontName, type Workspace } from '../../database/schema.ts';
import { append } from './events.ts';
import type { WorkspacePatch } from './reconciled.ts';

export interface NewCommand {
  actor: string;
  front: FrontName;
  verb: string;
  line: string;
  /** Absent: the verb wants no other state. */
  desired: Desired | null;
}

/** Writes down who said what of which workspace; earlier wishes for another state are superseded, not done. */
export async function recordCommand(
  tx: Executor,
  workspace: Workspace,
  command: NewCommand,
): Promise<number> {
  if (command.desired) await supersede(tx, workspace.id, command.desired);
  const isOver = command.desired === null || workspace.phase === command.desired;
  const [row] = await tx
    .insert(commands)
    .values({
      ...command,
      workspaceId: workspace.id,
      seq: sql`(select coalesce(max(c.seq), 0) + 1 from commands c where c.workspace_id = ${workspace.id})`,
      status: isOver ? 'done' : 'running',
      gen: workspace.gen,
      endedAt: isOver ? databaseNow : null,
    })
    .returning({ id: commands.id });
  await append(tx, workspace.id, workspace.gen, command.verb, {
    actor: command.actor,
    front: command.front,
    line: command.line,
  });
  return row?.id ?? 0;
}

/** Wishes for another state than `desired` are not waited for any more. */
export async function supersede(tx: Executor, workspaceId: string, desired: Desired): Promise<void> {
  await tx
    .update(commands)
    .set({ status: 'superseded', endedAt: databaseNow })
    .where(
      and(
        eq(commands.workspaceId, workspaceId),
        eq(commands.status, 'running'),
        isNotNull(commands.desired),
        ne(commands.desired, desired),
      ),
    );
}

export async function endCommands(tx: Executor, workspaceId: string, patch: WorkspacePatch): Promise<void> {
  const isOpen = and(eq(commands.workspaceId, workspaceId), eq(commands.status, 'running'));
  if (patch.phase === 'failed')
    await tx
      .update(commands)
      .set({
        status: 'failed',
        error: patch.lastError ? (patch.lastError.code ?? 'unknown') : null,
        endedAt: databaseNow,
      })
      .where(isOpen);
  if (patch.phase === 'running' || patch.phase === 'stopped' || patch.phase === 'deleted')
    await tx
      .update(commands)
      .set({ status: 'done', endedAt: databaseNow })
      .where(and(isOpen, eq(commands.desired, patch.phase)));
  // What was wanted is wanted no longer: a delete that was refused.
  if (patch.desired)
    await tx
      .update(commands)
      .set({
        status: 'failed',
        error: patch.notice?.map(({ code }) => code).join(' ') ?? null,
        endedAt: databaseNow,
      })
      .where(and(isOpen, ne(commands.desired, patch.desired)));
}
