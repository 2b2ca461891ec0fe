// Ports and the browsers that see them, in Postgres: what a port's owner said of it, and one-time codes that become cookies. Decides
// nothing, and knows no HTTP.
import { and, eq, gt, inArray, isNotNull, isNull, ne, sql } from 'drizzle-orm';
import { browserSessions, nodes, ports, portSessions, workspaces } from '../database/schema.ts';
import type { BrowserSession, Node, Port, Workspace } from '../database/schema.ts';
import { databaseNow, inMs, notify, type Executor } from '../database/executor.ts';
import type { PortName } from './addresses.ts';

/** A workspace that is not deleted, with its machine and what was said of its port. */
export interface PortPlace {
  workspace: Workspace;
  node: Node | null;
  said: Port | null;
}

export interface PortVisit extends PortPlace {
  name: PortName;
  /** Of the cookie: what is open is known by it. */
  hash: string;
  session: Pick<BrowserSession, 'userId' | 'workspaces'>;
}

/** One statement, so that what is there answers as fast as what is not. */
export async function findPort(db: Executor, name: PortName): Promise<PortPlace | undefined> {
  const [found] = await db
    .select({ workspace: workspaces, node: nodes, said: ports })
    .from(workspaces)
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .leftJoin(ports, and(eq(ports.workspaceId, workspaces.id), eq(ports.port, name.port)))
    .where(and(eq(workspaces.id, name.workspace), ne(workspaces.phase, 'deleted')));
  return found;
}

/** Of whoever has one of these cookies for that port, and is still signed in. */
export async function findVisit(
  db: Executor,
  { workspace, port }: PortName,
  hashes: string[],
): Promise<PortVisit | undefined> {
  const visits = await findVisits(db, hashes);
  return visits.find(({ name }) => name.workspace === workspace && name.port === port);
}

/** Each for the port that its cookie is for; one statement for all. */
export async function findVisits(db: Executor, hashes: string[]): Promise<PortVisit[]> {
  if (hashes.length === 0) return [];
  return db
    .select({
      hash: portSessions.hash,
      name: { workspace: portSessions.workspaceId, port: portSessions.port },
      session: { userId: browserSessions.userId, workspaces: browserSessions.workspaces },
      workspace: workspaces,
      node: nodes,
      said: ports,
    })
    .from(portSessions)
    .innerJoin(browserSessions, eq(browserSessions.hash, portSessions.session))
    .innerJoin(workspaces, eq(workspaces.id, portSessions.workspaceId))
    .leftJoin(nodes, eq(nodes.id, workspaces.nodeId))
    .leftJoin(ports, and(eq(ports.workspaceId, workspaces.id), eq(ports.port, portSessions.port)))
    .where(
      and(
        inArray(portSessions.hash, hashes),
        isNull(portSessions.state),
        gt(portSessions.expiresAt, databaseNow),
        gt(browserSessions.expiresAt, databaseNow),
        ne(workspaces.phase, 'deleted'),
      ),
    );
}

/** A code for the browser that has what `state` is the hash of. `session`: the hash of the browser's own. */
export async function insertPortCode(
  db: Executor,
  code: PortName & { hash: string; session: string; state: string; lifeSeconds: number },
): Promise<void> {
  const { hash, session, state, workspace, port } = code;
  await db.insert(portSessions).values({
    hash,
    session,
    state,
    workspaceId: workspace,
    port,
    expiresAt: inMs(1_000 * code.lifeSeconds),
  });
}

/** The code becomes a cookie. False: unknown, spent, late, of another port or another browser. */
export async function spendPortCode(
  db: Executor,
  name: PortName,
  { code, state, cookie, lifeSeconds }: { code: string; state: string; cookie: string; lifeSeconds: number },
): Promise<boolean> {
  const spent = await db
    .update(portSessions)
    .set({ hash: cookie, state: null, expiresAt: inMs(1_000 * lifeSeconds) })
    .where(
      and(
        eq(portSessions.hash, code),
        eq(portSessions.state, state),
        eq(portSessions.workspaceId, name.workspace),
        eq(portSessions.port, name.port),
        gt(portSessions.expiresAt, databaseNow),
      ),
    )
    .returning({ hash: portSessions.hash });
  return spent.length > 0;
}

/** Whoever sees the port now is looked at again. */
export async function savePort(
  tx: Executor,
  { workspace, port }: PortName,
  said: Pick<Port, 'sharedAccess' | 'isClosed'>,
): Promise<void> {
  await tx
    .insert(ports)
    .values({ workspaceId: workspace, port, ...said })
    .onConflictDoUpdate({ target: [ports.workspaceId, ports.port], set: { ...said, saidAt: databaseNow } });
  await notify(tx, `ports:${workspace}`);
}

/** Nobody's cookie of it is worth anything any more. */
export async function dropPortSessions(tx: Executor, { workspace, port }: PortName): Promise<void> {
  await tx
    .delete(portSessions)
    .where(and(eq(portSessions.workspaceId, workspace), eq(portSessions.port, port)));
}

export async function findSaid(tx: Executor, { workspace, port }: PortName): Promise<Port | undefined> {
  const [said] = await tx
    .select()
    .from(ports)
    .where(and(eq(ports.workspaceId, workspace), eq(ports.port, port)));
  return said;
}

/** What was said of a workspace's ports, as far as it still holds. */
export const listPorts = (db: Executor, workspace: Pick<Workspace, 'id' | 'access'>): Promise<Port[]> =>
  db
    .select()
    .from(ports)
    .where(
      and(
        eq(ports.workspaceId, workspace.id),
        sql`(${ports.isClosed} or (${isNotNull(ports.sharedAccess)} and ${ports.sharedAccess} = ${workspace.access}))`,
      ),
    )
    .orderBy(ports.port);

export async function forgetPortSessions(db: Executor): Promise<void> {
  await db.delete(portSessions).where(sql`${portSessions.expiresAt} < clock_timestamp()`);
}
