// What a card shows: workspaces with their nodes and owners, as they are now. Writes nothing.
import { asc, eq, sql } from 'drizzle-orm';
import { nodes, users, workspaces } from '../../database/schema.ts';
import type { Node, User, Workspace } from '../../database/schema.ts';
import type { Executor } from './rows.ts';

/** Of a workspace that is there. */
export async function readWhereabouts(
  tx: Executor,
  workspace: string,
): Promise<Pick<Workspace, 'id' | 'topic' | 'repository' | 'key'>> {
  const { id, topic, repository, key } = workspaces;
  const [row] = await tx.select({ id, topic, repository, key }).from(workspaces).where(eq(id, workspace));
  if (!row) throw new Error(`workspace ${workspace} has no row`);
  return row;
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
