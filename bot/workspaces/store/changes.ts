// What people want of a workspace, written down: its change, and the command that said so.
import { and, eq, isNotNull, ne, sql } from 'drizzle-orm';
import { commands, workspaces } from '../../database/schema.ts';
import type { Desired, Front, Workspace } from '../../database/schema.ts';
import { UserError } from '../../errors.ts';
import {
  append,
  databaseNow,
  notify,
  phaseClock,
  touchCards,
  type Executor,
  type WorkspacePatch,
} from './rows.ts';

/** What a wish to run resets: errors, deadlines, what was said of the last run. Its files stay where they are. */
export const startAgain = (workspace: Workspace): WorkspacePatch => ({
  desired: 'running',
  phase:
    workspace.phase === 'failed' || workspace.phase === 'running' || workspace.phase === 'preparing'
      ? 'queued'
      : workspace.phase,
  run: workspace.run + 1,
  step: null,
  lastError: null,
  notice: null,
  deleteAt: null,
  isAutomatic: false,
  runningAt: null,
});

/** A person's wish for a workspace: everything that an earlier wish left behind is reset in the same statement. */
export async function changeWorkspace(
  tx: Executor,
  workspace: Workspace,
  patch: WorkspacePatch,
  revoke = false,
): Promise<Workspace> {
  if (workspace.desired === 'deleted' && patch.desired && patch.desired !== 'deleted')
    throw new UserError('deleting', { name: workspace.name });
  const [changed] = await tx
    .update(workspaces)
    .set({
      ...patch,
      ...phaseClock(workspaces, patch.phase),
      // A new run: every deadline counts from here, and whoever asked for it was there.
      ...(patch.run ? { phaseSince: databaseNow, lastActivityAt: databaseNow } : {}),
      // What stood in the way of an earlier delete may be gone.
      ...(patch.desired === 'deleted' ? { reported: sql`${workspaces.reported} - 'refused'` } : {}),
      ...(revoke ? { access: workspace.access + 1 } : {}),
      gen: sql`${workspaces.gen} + 1`,
      attempts: 0,
      nextAt: databaseNow,
    })
    .where(eq(workspaces.id, workspace.id))
    .returning();
  if (!changed) throw new Error(`workspace ${workspace.id} has no row`);
  await touchCards(tx, [workspace.id]);
  await notify(tx, 'due', ...(changed.nodeId ? [`desired:${changed.nodeId}` as const] : []));
  return changed;
}

/** Nobody asked for it, something happened: stop at once, delete as soon as nothing would be lost. */
export async function giveUpWorkspace(tx: Executor, workspace: Workspace, notice: string): Promise<void> {
  await supersede(tx, workspace.id, 'deleted');
  const patch: WorkspacePatch = {
    desired: 'deleted',
    desiredBefore: 'stopped',
    force: false,
    isAutomatic: true,
    notice,
  };
  await changeWorkspace(tx, workspace, patch, true);
  await append(tx, workspace.id, workspace.gen, 'given-up', { notice });
}

export interface NewCommand {
  actor: string;
  front: Front;
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
async function supersede(tx: Executor, workspaceId: string, desired: Desired): Promise<void> {
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
