// New workspaces, and names that nobody else of the owner’s has. The unique indices decide.
import { and, eq, ne } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { workspaces } from '../../database/schema.ts';
import type { Fork, Size, Workspace } from '../../database/schema.ts';
import { findByKey } from './finding.ts';
import { notify, type Executor } from '../../database/executor.ts';
import { lockOwner } from './rows.ts';

export interface NewWorkspace {
  id: string;
  key: string;
  owner: string;
  name: string;
  repository: string;
  ref: string | null;
  commit: string | null;
  fork: Fork | null;
  topic: string | null;
  isPrivate: boolean | null;
  size: Size;
  keptUntil: Date | null;
  idleTimeMs?: number | null;
}

/**
 * Inserts it, or finds the one that holds its key: the unique index decides, not a look before. A name that somebody took
 * a moment ago gets a suffix.
 */
export async function insertWorkspace(
  tx: Executor,
  wanted: NewWorkspace,
): Promise<{ workspace: Workspace; isNew: boolean }> {
  for (const name of [wanted.name, wanted.name, withSuffix(wanted.name, wanted.id)]) {
    // No target: a conflict of any index gives no row. With one, the others throw when two arrive together.
    const [inserted] = await tx
      .insert(workspaces)
      .values({ ...wanted, name, desired: 'running', phase: 'queued' })
      .onConflictDoNothing()
      .returning();
    if (inserted) return { workspace: inserted, isNew: true };
    const held = await findByKey(tx, wanted.key);
    if (held) return { workspace: held, isNew: false };
  }
  throw new Error(`no workspace could be made for the key ${wanted.key}`);
}

const withSuffix = (name: string, id: string): string => `${name.slice(0, 58)}-${id.slice(-4)}`;

/** Names that this owner uses now; it stays so until the transaction ends. */
export async function takenNames(tx: Executor, owner: string): Promise<Set<string>> {
  await lockOwner(tx, owner);
  const rows = await tx
    .select({ name: workspaces.name })
    .from(workspaces)
    .where(and(eq(workspaces.owner, owner), ne(workspaces.desired, 'deleted')));
  return new Set(rows.map((row) => row.name));
}

/** What a workspace whose delete was refused is called from now on, where somebody took its key or name meanwhile. */
export async function freeNames(
  db: Executor,
  workspace: Workspace,
): Promise<Partial<Pick<Workspace, 'key' | 'name'>>> {
  const { id, key, name, owner } = workspace;
  const isTaken = async (column: PgColumn, value: string): Promise<boolean> => {
    const isOther = and(
      eq(column, value),
      eq(workspaces.owner, owner),
      ne(workspaces.desired, 'deleted'),
      ne(workspaces.id, id),
    );
    return (await db.$count(workspaces, isOther)) > 0;
  };
  return {
    ...((await isTaken(workspaces.key, key)) ? { key: `${key}|${id.slice(-4)}` } : {}),
    ...((await isTaken(workspaces.name, name)) ? { name: withSuffix(name, id) } : {}),
  };
}

/** A new row is due: say so when the transaction commits. */
export const announce = (tx: Executor): Promise<void> => notify(tx, 'due');
