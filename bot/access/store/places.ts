// What a terminal is about.
import { and, eq, ne, sql } from 'drizzle-orm';
import { commands, nodes, shares, users, workspaces } from '../../database/schema.ts';
import type { FrontName, Node, Workspace } from '../../database/schema.ts';
import type { Executor } from '../../database/executor.ts';
import { isOpen, SHOWN, type OpenShare } from './shares.ts';

/** What commands that were pressed on the terminal's own page say of their front: it is a place where nobody types any. */
export const PAGE = 'page';

export interface PlaceOf {
  workspace: Workspace;
  node: Node | null;
  /** Where its owner last said something about it. */
  front: FrontName | null;
  /** With which the person is let in, where it is somebody else's. */
  share: OpenShare | undefined;
}

/** A workspace that is not deleted, for that person. One statement, so that what is there answers as fast as what is not. */
export async function findPlace(
  db: Executor,
  workspaceId: string,
  person: string,
): Promise<PlaceOf | undefined> {
  const said = and(
    eq(commands.workspaceId, workspaces.id),
    eq(commands.actor, workspaces.owner),
    ne(commands.front, PAGE),
  );
  const front = sql<FrontName | null>`(select ${commands.front} from ${commands} where ${said} order by ${commands.seq} desc limit 1)`;
  const [found] = await db
    .select({ workspace: workspaces, node: nodes, front, share: SHOWN })
    .from(workspaces)
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .leftJoin(shares, and(eq(shares.workspaceId, workspaces.id), eq(shares.person, person), isOpen))
    .leftJoin(users, eq(users.id, shares.person))
    .where(and(eq(workspaces.id, workspaceId), ne(workspaces.phase, 'deleted')));
  return found && { ...found, share: shareIn(found.share) };
}

/** Drizzle says of a join's columns that each may be null. */
type Joined = { [Name in keyof OpenShare]: OpenShare[Name] | null };

const shareIn = (joined: Joined): OpenShare | undefined =>
  joined.id === null ? undefined : (joined as OpenShare);

/** Somebody who may be in a terminal: the owner, or with a share somebody else. */
export type Inside = Pick<Workspace, 'id' | 'owner' | 'repository'> & { guest?: string; share?: string };

/** Of those in which terminals are open, whether somebody looks on or not. */
export async function listInside(db: Executor): Promise<Inside[]> {
  const { id, owner, repository } = workspaces;
  const hasTerminals = and(
    eq(workspaces.phase, 'running'),
    eq(workspaces.desired, 'running'),
    sql`(${workspaces.reported}->>'sessions')::int > 0`,
  );
  const owners = await db.select({ id, owner, repository }).from(workspaces).where(hasTerminals);
  const guests = await db
    .select({ id, owner, repository, guest: shares.person, share: shares.id })
    .from(shares)
    .innerJoin(workspaces, eq(id, shares.workspaceId))
    .where(and(hasTerminals, isOpen));
  return [...owners, ...guests];
}
