// What a terminal is about.
import { and, eq, ne } from 'drizzle-orm';
import { nodes, workspaces } from '../../database/schema.ts';
import type { Node, Workspace } from '../../database/schema.ts';
import { type Executor } from '../../database/executor.ts';

/** A workspace that is not deleted, and its node. One statement, so that what is there answers as fast as what is not. */
export async function findPlace(
  db: Executor,
  workspaceId: string,
): Promise<{ workspace: Workspace; node: Node | null } | undefined> {
  const [found] = await db
    .select({ workspace: workspaces, node: nodes })
    .from(workspaces)
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .where(and(eq(workspaces.id, workspaceId), ne(workspaces.phase, 'deleted')));
  return found;
}
