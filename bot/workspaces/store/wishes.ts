// What people want, written down: new workspaces, changed ones, and the commands that said so.
import { and, desc, eq, isNotNull, ne, sql, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { UserError } from '../../errors.ts';
import {
  commands,
  events,
  users,
  workspaces,
  type Desired,
  type Fork,
  type Front,
  type Size,
  type Workspace,
} from '../../database/schema.ts';
import {
  type Executor,
  databaseNow,
  notify,
  type WorkspacePatch,
  touchCards,
  append,
  phaseClock,
  lockOwner,
} from './rows.ts';

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

/** A new row is due: say so when the transaction commits. */
export const announce = (tx: Executor): Promise<void> => notify(tx, 'due');

/** What a wish to run resets: errors, deadlines, what was said of the last run. Its files stay where they are. */
export const startAgain = (workspace: Workspace): WorkspacePatch => ({
  desired: 'running',
  phase:
    workspace.phase === 'failed' || workspace.phase === 'running' || workspace.phase === 'preparing'
      ? 'queued'
      : workspace.phase,
  run: workspace.run + 1,
  step: null,
  lastError: null,
  notice: null,
  deleteAt: null,
  isAutomatic: false,
  runningAt: null,
});

/** A person's wish for a workspace: everything that an earlier wish left behind is reset in the same statement. */
export async function changeWorkspace(
  tx: Executor,
  workspace: Workspace,
  patch: WorkspacePatch,
  revoke = false,
): Promise<Workspace> {
  if (workspace.desired === 'deleted' && patch.desired && patch.desired !== 'deleted')
    throw new UserError(
      'deleting',
      `\`${workspace.name}\` is being deleted, and nothing brings it back. Make a new one with \`up\`.`,
    );
  const [changed] = await tx
    .update(workspaces)
    .set({
      ...patch,
      ...phaseClock(workspaces, patch.phase),
      // A new run: every deadline counts from here, and whoever asked for it was there.
      ...(patch.run ? { phaseSince: databaseNow, lastActivityAt: databaseNow } : {}),
      // What stood in the way of an earlier delete may be gone.
      ...(patch.desired === 'deleted' ? { reported: sql`${workspaces.reported} - 'refused'` } : {}),
      ...(revoke ? { access: workspace.access + 1 } : {}),
      gen: sql`${workspaces.gen} + 1`,
      attempts: 0,
      nextAt: databaseNow,
    })
    .where(eq(workspaces.id, workspace.id))
    .returning();
  if (!changed) throw new Error(`workspace ${workspace.id} has no row`);
  await touchCards(tx, [workspace.id]);
  await notify(tx, 'due', ...(changed.nodeId ? [`desired:${changed.nodeId}` as const] : []));
  return changed;
}

/** Wishes for another state than `desired` are not waited for any more. */
async function supersede(tx: Executor, workspaceId: string, desired: Desired): Promise<void> {
  await tx
    .update(commands)
    .set({ status: 'superseded', endedAt: databaseNow })
    .where(
      and(
        eq(commands.workspaceId, workspaceId),
        eq(commands.status, 'running'),
        isNotNull(commands.desired),
        ne(commands.desired, desired),
      ),
    );
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

/** A pull request has a new head: of the workspaces that were made from its fork nothing starts before it is let in. */
export async function noteHead(tx: Executor, topic: string, head: string): Promise<void> {
  const moved = await tx
    .update(workspaces)
    .set({
      fork: sql`${workspaces.fork} || ${JSON.stringify({ head })}::jsonb`,
      notice: `Somebody pushed \`${head.slice(0, 7)}\` to the fork; this is still the commit that a maintainer let in. Before it starts again one of them has to say: \`up --trust-fork ${head}\`.`,
    })
    .where(and(eq(workspaces.topic, topic), isNotNull(workspaces.fork), ne(workspaces.desired, 'deleted')))
    .returning({ id: workspaces.id });
  const ids = moved.map(({ id }) => id);
  if (ids.length > 0) await touchCards(tx, ids);
}

/** Nobody asked for it, something happened: stop at once, delete as soon as nothing would be lost. */
export async function giveUpWorkspace(tx: Executor, workspace: Workspace, notice: string): Promise<void> {
  await supersede(tx, workspace.id, 'deleted');
  const patch: WorkspacePatch = {
    desired: 'deleted',
    desiredBefore: 'stopped',
    force: false,
    isAutomatic: true,
    notice,
  };
  await changeWorkspace(tx, workspace, patch, true);
  await append(tx, workspace.id, workspace.gen, 'given-up', { notice });
}

/** Those that are not deleted; `url`: the repository's address. */
export async function noteVisibility(tx: Executor, url: string, isPrivate: boolean): Promise<void> {
  const seen = await tx
    .update(workspaces)
    .set({ isPrivate, gen: sql`${workspaces.gen} + 1`, nextAt: databaseNow })
    .where(
      and(
        eq(workspaces.repository, url),
        ne(workspaces.phase, 'deleted'),
        sql`${workspaces.isPrivate} is distinct from ${isPrivate}`,
      ),
    )
    .returning({ node: workspaces.nodeId });
  // A saving that is under way ends, should it be public now.
  for (const { node } of seen) if (node) await notify(tx, 'due', `desired:${node}`);
}

/** A repository has a new address: its workspaces keep their keys and topics there. */
export async function moveWorkspaces(
  tx: Executor,
  from: { url: string; label: string },
  to: { url: string; label: string },
): Promise<void> {
  await tx
    .update(workspaces)
    .set({
      repository: to.url,
      key: sql`${to.url.toLowerCase()} || substr(${workspaces.key}, ${from.url.length + 1})`,
      topic: sql`${to.label} || substr(${workspaces.topic}, ${from.label.length + 1})`,
    })
    .where(eq(workspaces.repository, from.url));
}

export interface NewCommand {
  actor: string;
  front: Front;
  verb: string;
  line: string;
  /** Absent: the verb wants no other state. */
  desired: Desired | null;
}

/** Writes down who said what of which workspace; earlier wishes for another state are superseded, not done. */
export async function recordCommand(
  tx: Executor,
  workspace: Workspace,
  command: NewCommand,
): Promise<number> {
  if (command.desired) await supersede(tx, workspace.id, command.desired);
  const isOver = command.desired === null || workspace.phase === command.desired;
  const [row] = await tx
    .insert(commands)
    .values({
      ...command,
      workspaceId: workspace.id,
      seq: sql`(select coalesce(max(c.seq), 0) + 1 from commands c where c.workspace_id = ${workspace.id})`,
      status: isOver ? 'done' : 'running',
      gen: workspace.gen,
      endedAt: isOver ? databaseNow : null,
    })
    .returning({ id: commands.id });
  await append(tx, workspace.id, workspace.gen, command.verb, {
    actor: command.actor,
    front: command.front,
    line: command.line,
  });
  return row?.id ?? 0;
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
