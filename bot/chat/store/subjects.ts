// What a card shows: workspaces with their nodes and owners, as they are now; and short notes that a front keeps for itself.
import { and, asc, desc, eq, ne, or, sql } from 'drizzle-orm';
import {
  nodes,
  users,
  workspaces,
  type Node,
  type User,
  type Workspace,
  settings,
} from '../../database/schema.ts';
import type { Executor } from '../../database/executor.ts';

/** Of a workspace that is there. */
export async function readWorkspaceRef(
  tx: Executor,
  workspace: string,
): Promise<Pick<Workspace, 'id' | 'topic' | 'repository' | 'key' | 'isPrivate'>> {
  const { id, topic, repository, key, isPrivate } = workspaces;
  const [row] = await tx
    .select({ id, topic, repository, key, isPrivate })
    .from(workspaces)
    .where(eq(id, workspace));
  if (!row) throw new Error(`workspace ${workspace} has no row`);
  return row;
}

/** The address of the repository of a person's workspace, by its name or id; undefined: they have none of that name. */
export async function findRepositoryOf(
  db: Executor,
  owner: string,
  name: string,
): Promise<string | undefined> {
  const { id, name: called, phase, repository, desired } = workspaces;
  const [row] = await db
    .select({ repository })
    .from(workspaces)
    .where(and(eq(workspaces.owner, owner), or(eq(id, name), eq(called, name)), ne(phase, 'deleted')))
    .orderBy(sql`${desired} = 'deleted'`, desc(workspaces.createdAt))
    .limit(1);
  return row?.repository;
}

interface Subject {
  workspace: Workspace;
  node: Node | null;
  owner: User;
  now: Date;
}

/**
 * All that a card shows: the workspace, or those of the topic that are there, or whose work was saved as they went. Where
 * all of them are gone, the last of them at least.
 */
export async function readSubject(db: Executor, subject: string): Promise<Subject[]> {
  const rows = await readWorkspaces(db, subject);
  const shown = rows.filter(
    ({ workspace: { phase, notice, reported } }) => phase !== 'deleted' || (notice && reported?.saved),
  );
  return shown.length > 0 ? shown : rows.slice(-1);
}

async function readWorkspaces(db: Executor, subject: string): Promise<Subject[]> {
  const rows = await db
    .select({ workspace: workspaces, node: nodes, owner: users, now: sql<string>`clock_timestamp()` })
    .from(workspaces)
    .innerJoin(users, eq(users.id, workspaces.owner))
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .where(subject.includes('#') ? eq(workspaces.topic, subject) : eq(workspaces.id, subject))
    .orderBy(asc(workspaces.createdAt));
  return rows.map((row) => ({ ...row, now: new Date(row.now) }));
}

export async function readNote(db: Executor, name: string): Promise<string | undefined> {
  const [row] = await db.select().from(settings).where(eq(settings.name, name));
  return row?.value;
}

export async function keepNote(db: Executor, name: string, value: string): Promise<void> {
  const { name: target } = settings;
  await db.insert(settings).values({ name, value }).onConflictDoUpdate({ target, set: { value } });
}
