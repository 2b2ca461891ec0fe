// Rows for tests: an owner, a node, a workspace on it, as the reconciler would have left them.
import { connect, type Database } from '../../bot/database/connect.ts';
import {
  nodes,
  shares,
  users,
  workspaces,
  type Node,
  type Share,
  type Workspace,
} from '../../bot/database/schema.ts';
import { newNodeId, newShareId, newUserId, newWorkspaceId, serverName } from '../../bot/ids.ts';
import { freshDatabase } from '../postgres.ts';

export type Rows = {
  db: Database['db'];
  sql: Database['sql'];
  addUser(name?: string): Promise<string>;
  addNode(patch?: Partial<typeof nodes.$inferInsert>): Promise<Node>;
  /** Running, on a ready local node of the same owner, unless the patch says otherwise. */
  addWorkspace(patch?: Partial<typeof workspaces.$inferInsert>): Promise<Workspace>;
  /** Lets the person in for an hour, unless the patch says otherwise. */
  share(workspace: Workspace, person: string, patch?: Partial<typeof shares.$inferInsert>): Promise<Share>;
  close(): Promise<void>;
};

/** A fresh database and what fills it. */
export async function openRows(): Promise<Rows> {
  const database = await freshDatabase();
  const connection = await connect(database.url);
  const { db } = connection;
  const addUser = async (name = 'ada') => {
    const id = newUserId();
    await db.insert(users).values({ id, name });
    return id;
  };
  const addNode: Rows['addNode'] = async (patch = {}) => {
    const id = newNodeId();
    const owner = patch.owner ?? (await addUser());
    const fresh = {
      id,
      name: serverName(id),
      owner,
      provider: 'local',
      size: 'small',
      phase: 'ready',
    } as const;
    const [node] = await db
      .insert(nodes)
      .values({ ...fresh, desired: 'running', terminalPort: 7681, ...patch })
      .returning();
    return node!;
  };
  const addWorkspace: Rows['addWorkspace'] = async (patch = {}) => {
    const id = newWorkspaceId();
    const owner = patch.owner ?? (await addUser());
    const nodeId = patch.nodeId === undefined ? (await addNode({ owner })).id : patch.nodeId;
    const name = `api-${id.slice(-4)}`;
    const repository = 'https://github.com/acme/api';
    const [workspace] = await db
      .insert(workspaces)
      .values({
        id,
        key: id,
        name,
        repository,
        size: 'small',
        phase: 'running',
        desired: 'running',
        ...patch,
        owner,
        nodeId,
      })
      .returning();
    return workspace!;
  };
  const share: Rows['share'] = async ({ id, access }, person, patch = {}) => {
    const fresh = { id: newShareId(), workspaceId: id, person, may: 'view', access } as const;
    const until = new Date(Date.now() + 3_600_000);
    const [made] = await db
      .insert(shares)
      .values({ ...fresh, until, ...patch })
      .returning();
    return made!;
  };
  const close = async () => {
    await connection.close();
    await database.drop();
  };
  return { db, sql: connection.sql, addUser, addNode, addWorkspace, share, close };
}
