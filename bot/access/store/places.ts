// What a terminal is about.
import { and, eq, ne, sql } from 'drizzle-orm';
import { commands, nodes, workspaces } from '../../database/schema.ts';
import type { FrontName, Node, Workspace } from '../../database/schema.ts';
import type { Executor } from '../../database/executor.ts';

/** What commands that were pressed on the terminal's own page say of their front: it is a place where nobody types any. */
export const PAGE = 'page';

/**
 * A workspace that is not deleted, its node, and where its owner last said something about it. One statement, so that what is
 * there answers as fast as what is not.
 */
export async function findPlace(
  db: Executor,
  workspaceId: string,
): Promise<{ workspace: Workspace; node: Node | null; front: FrontName | null } | undefined> {
  const said = and(
    eq(commands.workspaceId, workspaces.id),
    eq(commands.actor, workspaces.owner),
    ne(commands.front, PAGE),
  );
  const front = sql<FrontName | null>`(select ${commands.front} from ${commands} where ${said} order by ${commands.seq} desc limit 1)`;
  const [found] = await db
    .select({ workspace: workspaces, node: nodes, front })
    .from(workspaces)
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .where(and(eq(workspaces.id, workspaceId), ne(workspaces.phase, 'deleted')));
  return found;
}

/** Those in which terminals are open, whether somebody looks on or not. */
export const listOpened = (db: Executor): Promise<Pick<Workspace, 'id' | 'owner' | 'repository'>[]> =>
  db
    .select({ id: workspaces.id, owner: workspaces.owner, repository: workspaces.repository })
    .from(workspaces)
    .where(
      and(
        eq(workspaces.phase, 'running'),
        eq(workspaces.desired, 'running'),
        sql`(${workspaces.reported}->>'sessions')::int > 0`,
      ),
    );
