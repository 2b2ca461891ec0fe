// Workspaces: found by owner, name, key, place or repository, and made. The unique indices decide who has a key or a name.
import { and, desc, eq, isNotNull, ne, sql, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { notify, type Executor } from '../../database/executor.ts';
import {
  cards,
  commands,
  events,
  users,
  workspaces,
  type Fork,
  type Size,
  type Workspace,
} from '../../database/schema.ts';
import type { Admission } from '../fork.ts';
import { checkStillThere, lockOwner } from './users.ts';

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

/** Everyone's on a repository that are not on their way out, newest first, with the owner's name. Undefined: on any. */
export async function listOfRepository(
  db: Executor,
  repository: string | undefined,
): Promise<(Workspace & { ownerName: string })[]> {
  const rows = await db
    .select({ workspace: workspaces, ownerName: users.name })
    .from(workspaces)
    .innerJoin(users, eq(users.id, workspaces.owner))
    .where(
      and(
        repository === undefined
          ? undefined
          : eq(sql`lower(${workspaces.repository})`, repository.toLowerCase()),
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

/** A pull request or issue, a repository's address, or a place in a chat with all that is in it: `slack`, `T1`. */
export type WantedAt =
  | { topic: string }
  | { repository: string }
  | { chat: { front: string; place: string } };

/**
 * Those that nobody has deleted yet; locked. With `since` only those that were not given up after it, and that nobody started after
 * it either.
 */
export async function listWanted(tx: Executor, place: WantedAt & { since?: Date }): Promise<Workspace[]> {
  return tx
    .select()
    .from(workspaces)
    .where(
      and(isThere(place), ne(workspaces.desired, 'deleted'), place.since && isUntouchedSince(place.since)),
    )
    .orderBy(workspaces.id)
    .for('update');
}

function isThere(place: WantedAt): SQL {
  if ('topic' in place) return eq(workspaces.topic, place.topic);
  if ('repository' in place) return eq(workspaces.repository, place.repository);
  const { front, place: within } = place.chat;
  // Before channels were written down only the card says where it was asked for.
  return sql`(starts_with(${workspaces.channel}, ${`${front}|${within}/`}) or (${workspaces.channel} is null
    and ${workspaces.topic} is null and exists (select 1 from ${cards} c where c.subject = ${workspaces.id}
      and c.front = ${front} and starts_with(c.thread, ${`${within}/`}))))`;
}

/** The addresses of the repositories below that address that have any; in any case. */
export async function listRepositoriesBelow(tx: Executor, address: string): Promise<string[]> {
  const rows = await tx
    .selectDistinct({ repository: workspaces.repository })
    .from(workspaces)
    .where(
      and(
        ne(workspaces.desired, 'deleted'),
        sql`starts_with(lower(${workspaces.repository}), ${`${address.toLowerCase()}/`})`,
      ),
    )
    .orderBy(workspaces.repository);
  return rows.map(({ repository }) => repository);
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
  { host, most }: { host: string; most: number },
): Promise<{ topic: string; head: string | null }[]> {
  const { topic, repository, desired } = workspaces;
  const head = sql<string | null>`max(${workspaces.fork}->>'head')`;
  const rows = await tx
    .select({ topic, head })
    .from(workspaces)
    .where(and(isNotNull(topic), ne(desired, 'deleted'), sql`starts_with(${repository}, ${host})`))
    .groupBy(topic)
    .orderBy(sql`random()`)
    .limit(most);
  return rows.map((row) => ({ topic: row.topic ?? '', head: row.head }));
}

export interface NewWorkspace {
  id: string;
  key: string;
  owner: string;
  name: string;
  repository: string;
  ref: string | null;
  configuration?: string | null;
  commit: string | null;
  fork: Fork | null;
  topic: string | null;
  channel?: string | null;
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
  _: Admission,
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
  await checkStillThere(tx, owner);
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
