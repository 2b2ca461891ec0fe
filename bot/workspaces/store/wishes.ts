// What people want, written down: new workspaces, changed ones, and the commands that said so.
import { and, desc, eq, isNotNull, ne, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import {
  commands,
  workspaces,
  type Desired,
  type Front,
  type Size,
  type Workspace,
} from '../../database/schema.ts';
import {
  type Executor,
  databaseNow,
  notify,
  type WorkspacePatch,
  touchCards,
  append,
  phaseClock,
} from './rows.ts';

export async function findWorkspace(db: Executor, id: string): Promise<Workspace | undefined> {
  const [workspace] = await db.select().from(workspaces).where(eq(workspaces.id, id));
  return workspace;
}

/** An owner's workspaces that are not on their way out, newest first. */
export async function listWorkspaces(db: Executor, owner: string): Promise<Workspace[]> {
  return db
    .select()
    .from(workspaces)
    .where(and(eq(workspaces.owner, owner), ne(workspaces.phase, 'deleted')))
    .orderBy(desc(workspaces.createdAt));
}

/** The one with that id or name, of that owner. A deleted one is not there, but for its id. */
export async function findByName(db: Executor, owner: string, name: string): Promise<Workspace | undefined> {
  const isNamed = name.startsWith('ws-') ? eq(workspaces.id, name) : eq(workspaces.name, name);
  const [workspace] = await db
    .select()
    .from(workspaces)
    .where(and(eq(workspaces.owner, owner), isNamed, ne(workspaces.phase, 'deleted')))
    .orderBy(sql`${workspaces.desired} = 'deleted'`, desc(workspaces.createdAt))
    .limit(1)
    .for('update');
  return workspace;
}

export async function findByKey(tx: Executor, key: string): Promise<Workspace | undefined> {
  const [workspace] = await tx
    .select()
    .from(workspaces)
    .where(and(eq(workspaces.key, key), ne(workspaces.desired, 'deleted')))
    .for('update');
  return workspace;
}

export interface NewWorkspace {
  id: string;
  key: string;
  owner: string;
  name: string;
  repository: string;
  ref: string | null;
  size: Size;
  keptUntil: Date | null;
}

/** Inserts it, or finds the one that holds its key: the unique index decides, not a look before. */
export async function insertWorkspace(
  tx: Executor,
  wanted: NewWorkspace,
): Promise<{ workspace: Workspace; isNew: boolean }> {
  const [inserted] = await tx
    .insert(workspaces)
    .values({ ...wanted, desired: 'running', phase: 'queued' })
    .onConflictDoNothing({ target: workspaces.key, where: ne(workspaces.desired, 'deleted') })
    .returning();
  if (inserted) return { workspace: inserted, isNew: true };
  const held = await findByKey(tx, wanted.key);
  if (!held) throw new Error(`the workspace with key ${wanted.key} vanished while it was being made`);
  return { workspace: held, isNew: false };
}

/** Names that this owner uses now. */
export async function takenNames(tx: Executor, owner: string): Promise<Set<string>> {
  const rows = await tx
    .select({ name: workspaces.name })
    .from(workspaces)
    .where(and(eq(workspaces.owner, owner), ne(workspaces.desired, 'deleted')));
  return new Set(rows.map((row) => row.name));
}

/** A new row is due: say so when the transaction commits. */
export const announce = (tx: Executor): Promise<void> => notify(tx, 'due');

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
  lastActivityAt: new Date(),
});

/** A person's wish for a workspace: everything that an earlier wish left behind is reset in the same statement. */
export async function changeWorkspace(
  tx: Executor,
  workspace: Workspace,
  patch: WorkspacePatch,
  revoke = false,
): Promise<Workspace> {
  const [changed] = await tx
    .update(workspaces)
    .set({
      ...patch,
      ...phaseClock(workspaces, patch.phase),
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
  if (command.desired)
    await tx
      .update(commands)
      .set({ status: 'superseded', endedAt: databaseNow })
      .where(
        and(
          eq(commands.workspaceId, workspace.id),
          eq(commands.status, 'running'),
          isNotNull(commands.desired),
          ne(commands.desired, command.desired),
        ),
      );
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

/** Restores what was wanted before a delete that was refused; another name and key if somebody took them meanwhile. */
export async function restoreWorkspace(
  tx: Executor,
  workspace: Workspace,
  patch: WorkspacePatch,
): Promise<WorkspacePatch> {
  const isTaken = async (column: PgColumn, value: string): Promise<boolean> => {
    const other = await tx
      .select({ id: workspaces.id })
      .from(workspaces)
      .where(
        and(
          eq(column, value),
          eq(workspaces.owner, workspace.owner),
          ne(workspaces.desired, 'deleted'),
          ne(workspaces.id, workspace.id),
        ),
      );
    return other.length > 0;
  };
  const suffix = workspace.id.slice(-4);
  return {
    ...patch,
    ...((await isTaken(workspaces.key, workspace.key)) ? { key: `${workspace.key}|${suffix}` } : {}),
    ...((await isTaken(workspaces.name, workspace.name)) ? { name: `${workspace.name}-${suffix}` } : {}),
  };
}
