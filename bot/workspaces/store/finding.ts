// Workspaces found: by owner, name, key, place or repository. Changes nothing; some are locked for who will.
import { and, desc, eq, isNotNull, ne, sql, type SQL } from 'drizzle-orm';
import { commands, events, users, workspaces } from '../../database/schema.ts';
import type { Workspace } from '../../database/schema.ts';
import { type Executor } from '../../database/executor.ts';

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

/** Everyone's on a repository that are not on their way out, newest first, with the owner's name. */
export async function listOfRepository(
  db: Executor,
  repository: string,
): Promise<(Workspace & { ownerName: string })[]> {
  const rows = await db
    .select({ workspace: workspaces, ownerName: users.name })
    .from(workspaces)
    .innerJoin(users, eq(users.id, workspaces.owner))
    .where(
      and(
        eq(sql`lower(${workspaces.repository})`, repository.toLowerCase()),
        ne(workspaces.phase, 'deleted'),
      ),
    )
    .orderBy(desc(workspaces.createdAt));
  return rows.map(({ workspace, ownerName }) => ({ ...workspace, ownerName }));
}

export async function findByKey(tx: Executor, key: string): Promise<Workspace | undefined> {
  const [workspace] = await tx
    .select()
    .from(workspaces)
    .where(and(eq(workspaces.key, key), ne(workspaces.desired, 'deleted')))
    .for('update');
  return workspace;
}

/**
 * Those of a pull request or issue, or of a repository's address, that nobody has deleted yet; locked. With `since` only
 * those that were not given up after it, and that nobody started after it either.
 */
export async function listWanted(
  tx: Executor,
  place: { topic: string; since?: Date } | { repository: string },
): Promise<Workspace[]> {
  const isThere =
    'topic' in place ? eq(workspaces.topic, place.topic) : eq(workspaces.repository, place.repository);
  return tx
    .select()
    .from(workspaces)
    .where(
      and(
        isThere,
        ne(workspaces.desired, 'deleted'),
        'since' in place && place.since ? isUntouchedSince(place.since) : undefined,
      ),
    )
    .orderBy(workspaces.id)
    .for('update');
}

function isUntouchedSince(since: Date): SQL {
  const at = sql`${since.toISOString()}::timestamptz`;
  return sql`not exists (select 1 from ${events} e
      where e.entity = ${workspaces.id} and e.type = 'given-up' and e.at >= ${at})
    and not exists (select 1 from ${commands} c
      where c.workspace_id = ${workspaces.id} and c.desired = 'running' and c.created_at >= ${at})`;
}

/**
 * The threads that the living workspaces of a host (`https://github.com/`) were made for, `owner/name#7`, with the head of
 * the fork where it is one. In no order: whoever looks at some of them only gets to all of them in time.
 */
export async function listTopics(
  tx: Executor,
  { host, owner, most }: { host: string; owner?: string; most: number },
): Promise<{ topic: string; head: string | null }[]> {
  const { topic, repository, desired } = workspaces;
  const head = sql<string | null>`max(${workspaces.fork}->>'head')`;
  const rows = await tx
    .select({ topic, head })
    .from(workspaces)
    .where(
      and(
        isNotNull(topic),
        ne(desired, 'deleted'),
        sql`starts_with(${repository}, ${host})`,
        ...(owner === undefined ? [] : [eq(workspaces.owner, owner), isNotNull(workspaces.fork)]),
      ),
    )
    .groupBy(topic)
    .orderBy(sql`random()`)
    .limit(most);
  return rows.map((row) => ({ topic: row.topic ?? '', head: row.head }));
}
