// Workspaces and nodes in Postgres: claims, fenced writes, what commands and agents say. Calls nobody outside.
import { and, asc, desc, eq, gt, inArray, isNotNull, ne, sql, type SQL } from 'drizzle-orm';
import type { PgColumn, PgDatabase } from 'drizzle-orm/pg-core';
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';
import type { Load, LogLine, WorkspaceReport } from '../../agent/protocol.ts';
import {
  cards,
  commands,
  events,
  logs,
  nodes,
  settings,
  sweeps,
  users,
  workspaces,
  type Desired,
  type Front,
  type Node,
  type Size,
  type Workspace,
} from '../database/schema.ts';
import { randomBase32 } from '../ids.ts';

/** A pool or one of its transactions; all writes of a command go through one. */
export type Executor = PgDatabase<PostgresJsQueryResultHKT>;

const databaseNow = sql<Date>`clock_timestamp()`;
const LEASE = sql`clock_timestamp() + interval '30 seconds'`;

/** A row that this process alone may work on until its lease ends. `now` is the database's clock at the claim. */
export interface Claim<Row> {
  row: Row;
  token: string;
  now: Date;
}

// --- waking -------------------------------------------------------------------------------------------------------

/** What may have changed; a hint to whoever listens on the channel `sam`. */
export type Hint = 'due' | 'card' | 'delivery' | 'answer' | `desired:${string}`;

/** Delivered when the transaction commits. */
export async function notify(tx: Executor, ...hints: Hint[]): Promise<void> {
  for (const hint of new Set(hints)) await tx.execute(sql`select pg_notify('sam', ${hint})`);
}

// --- claims -------------------------------------------------------------------------------------------------------

type Reconciled = typeof workspaces | typeof nodes;

async function claim<Row extends Workspace | Node>(
  db: Executor,
  table: Reconciled,
): Promise<Claim<Row> | undefined> {
  const token = randomBase32(16);
  const due = db
    .select({ id: table.id })
    .from(table)
    .where(
      sql`${table.nextAt} <= clock_timestamp() and (${table.leaseUntil} is null or ${table.leaseUntil} < clock_timestamp())`,
    )
    .orderBy(asc(table.nextAt))
    .limit(1)
    .for('update', { skipLocked: true });
  const [found] = await db
    .update(table)
    .set({ leaseToken: token, leaseUntil: LEASE })
    .where(eq(table.id, sql`(${due})`))
    .returning();
  if (!found) return undefined;
  return { row: found as Row, token, now: await readClock(db) };
}

export const claimWorkspace = (db: Executor): Promise<Claim<Workspace> | undefined> =>
  claim<Workspace>(db, workspaces);
export const claimNode = (db: Executor): Promise<Claim<Node> | undefined> => claim<Node>(db, nodes);

/** The database's clock: the only one that all bots share. */
export async function readClock(db: Executor): Promise<Date> {
  const [row] = await db.execute<{ now: string }>(sql`select clock_timestamp() as now`);
  return new Date(row?.now ?? Date.now());
}

/** In how many ms the next row of the table is due; undefined: none waits. */
export async function dueInMs(db: Executor, kind: 'workspace' | 'node'): Promise<number | undefined> {
  const table = kind === 'workspace' ? workspaces : nodes;
  const [row] = await db
    .select({
      ms: sql<
        number | null
      >`extract(epoch from min(greatest(${table.nextAt}, ${table.leaseUntil})) - clock_timestamp())::float8 * 1000`,
    })
    .from(table)
    .where(isNotNull(table.nextAt));
  return row?.ms ?? undefined;
}

const holds = (table: Reconciled, held: Claim<{ id: string }>): SQL | undefined =>
  and(
    eq(table.id, held.row.id),
    eq(table.leaseToken, held.token),
    gt(table.leaseUntil, sql`clock_timestamp()`),
  );

export async function renewLease(
  db: Executor,
  kind: 'workspace' | 'node',
  held: Claim<{ id: string }>,
): Promise<void> {
  const table = kind === 'workspace' ? workspaces : nodes;
  await db.update(table).set({ leaseUntil: LEASE }).where(holds(table, held));
}

// --- ending a pass ------------------------------------------------------------------------------------------------

export type WorkspacePatch = Partial<typeof workspaces.$inferInsert>;
export type NodePatch = Partial<typeof nodes.$inferInsert>;

/** Changes that people see on the card. */
const SHOWN = ['phase', 'step', 'lastError', 'notice', 'warnedFor', 'desired', 'deleteAt', 'nodeId'] as const;

/** Writes the result of a pass and gives the lease back. False: the lease was lost, nothing was written. */
export async function finishWorkspace(
  db: Executor,
  held: Claim<Workspace>,
  patch: WorkspacePatch,
  nextAt: Date | null,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { id, gen, nodeId } = held.row;
    const written = await tx
      .update(workspaces)
      .set({
        ...patch,
        ...phaseClock(workspaces, patch.phase),
        nextAt: unlessNewer(workspaces, gen, nextAt),
        leaseToken: null,
        leaseUntil: null,
      })
      .where(holds(workspaces, held))
      .returning({ id: workspaces.id });
    if (written.length === 0) return false;
    if (!SHOWN.some((column) => column in patch)) return true;
    await append(tx, id, gen, 'phase', {
      phase: patch.phase,
      step: patch.step,
      error: patch.lastError,
      notice: patch.notice,
    });
    await touchCards(tx, [id]);
    await endCommands(tx, id, patch);
    const node = patch.nodeId === undefined ? nodeId : patch.nodeId;
    if (patch.phase === 'deleted' && nodeId) await wakeNodes(tx, [nodeId]);
    await notify(tx, 'due', ...(node ? [`desired:${node}` as const] : []));
    return true;
  });
}

/** Writes the result of a node's pass. A change of phase concerns its workspaces: they and their cards are woken. */
export async function finishNode(
  db: Executor,
  held: Claim<Node>,
  patch: NodePatch,
  nextAt: Date | null,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { id, gen } = held.row;
    const written = await tx
      .update(nodes)
      .set({
        ...patch,
        ...phaseClock(nodes, patch.phase),
        nextAt: unlessNewer(nodes, gen, nextAt),
        leaseToken: null,
        leaseUntil: null,
      })
      .where(holds(nodes, held))
      .returning({ id: nodes.id });
    if (written.length === 0) return false;
    if (!patch.phase && !patch.desired) return true;
    await append(tx, id, gen, 'phase', { phase: patch.phase, error: patch.lastError });
    await wakeWorkspacesOf(tx, id);
    return true;
  });
}

const phaseClock = (table: Reconciled, phase: string | undefined) =>
  phase === undefined
    ? {}
    : {
        phaseSince: sql`case when ${table.phase} = ${phase} then ${table.phaseSince} else clock_timestamp() end`,
      };

/** A command or report that came during the pass is due at once. */
const unlessNewer = (table: Reconciled, gen: number, nextAt: Date | null) =>
  sql`case when ${table.gen} = ${gen} then ${nextAt?.toISOString() ?? null}::timestamptz else clock_timestamp() end`;

async function endCommands(tx: Executor, workspaceId: string, patch: WorkspacePatch): Promise<void> {
  const isOpen = and(eq(commands.workspaceId, workspaceId), eq(commands.status, 'running'));
  if (patch.phase === 'failed')
    await tx
      .update(commands)
      .set({ status: 'failed', error: patch.lastError?.message ?? null, endedAt: databaseNow })
      .where(isOpen);
  if (patch.phase === 'running' || patch.phase === 'stopped' || patch.phase === 'deleted')
    await tx
      .update(commands)
      .set({ status: 'done', endedAt: databaseNow })
      .where(and(isOpen, eq(commands.desired, patch.phase)));
  // What was wanted is wanted no longer: a delete that was refused.
  if (patch.desired)
    await tx
      .update(commands)
      .set({ status: 'failed', error: patch.notice ?? null, endedAt: databaseNow })
      .where(and(isOpen, ne(commands.desired, patch.desired)));
}

async function wakeWorkspacesOf(tx: Executor, nodeId: string): Promise<void> {
  const woken = await tx
    .update(workspaces)
    .set({ gen: sql`${workspaces.gen} + 1`, nextAt: databaseNow })
    .where(and(eq(workspaces.nodeId, nodeId), ne(workspaces.phase, 'deleted')))
    .returning({ id: workspaces.id });
  await touchCards(
    tx,
    woken.map((row) => row.id),
  );
  await notify(tx, 'due');
}

/** Makes nodes due now. */
export async function wakeNodes(tx: Executor, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .update(nodes)
    .set({ gen: sql`${nodes.gen} + 1`, nextAt: databaseNow })
    .where(inArray(nodes.id, ids));
  await notify(tx, 'due');
}

/** The cards that show these workspaces want to be drawn again. */
export async function touchCards(tx: Executor, subjects: string[]): Promise<void> {
  if (subjects.length === 0) return;
  await tx
    .update(cards)
    .set({
      wantVersion: sql`${cards.wantVersion} + 1`,
      nextAt: sql`least(${cards.nextAt}, clock_timestamp())`,
    })
    .where(inArray(cards.subject, subjects));
  await notify(tx, 'card');
}

export async function append(
  tx: Executor,
  entity: string,
  gen: number,
  type: string,
  data: Record<string, unknown>,
): Promise<void> {
  await tx.insert(events).values({ entity, gen, type, data });
}

// --- nodes --------------------------------------------------------------------------------------------------------

export async function findNode(db: Executor, id: string): Promise<Node | undefined> {
  const [node] = await db.select().from(nodes).where(eq(nodes.id, id));
  return node;
}

/** Whether a workspace that is not deleted is on it. */
export async function isWanted(db: Executor, nodeId: string): Promise<boolean> {
  const [row] = await db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.nodeId, nodeId), ne(workspaces.phase, 'deleted')))
    .limit(1);
  return row !== undefined;
}

/** Commits "a create is about to be sent" and says whether it is still wanted. Undefined: the lease is lost. */
export async function markCreateSent(db: Executor, held: Claim<Node>): Promise<Desired | undefined> {
  const [row] = await db
    .update(nodes)
    .set({ createSentAt: databaseNow })
    .where(and(holds(nodes, held), eq(nodes.desired, 'running')))
    .returning({ desired: nodes.desired });
  return row?.desired;
}

/** Gives a node up, unless a workspace was placed on it a moment ago. */
export async function discardNode(db: Executor, held: Claim<Node>): Promise<void> {
  await db.transaction(async (tx) => {
    const [node] = await tx.select().from(nodes).where(eq(nodes.id, held.row.id)).for('update');
    const isNeeded = node?.phase !== 'failed' && (await isWanted(tx, held.row.id));
    await finishNode(tx, held, isNeeded ? {} : { desired: 'deleted' }, held.now);
  });
}

/** Nodes that no workspace is on are not kept warm any longer. Gives their ids. */
export async function giveUpIdleNodes(db: Executor): Promise<string[]> {
  const given = await db
    .update(nodes)
    .set({ desired: 'deleted', gen: sql`${nodes.gen} + 1`, nextAt: databaseNow })
    .where(
      sql`${nodes.phase} <> 'deleted' and not exists
          (select 1 from ${workspaces} where ${workspaces.nodeId} = ${nodes.id} and ${workspaces.phase} <> 'deleted')`,
    )
    .returning({ id: nodes.id });
  return given.map((node) => node.id);
}

export async function countLiving(db: Executor, ids: string[]): Promise<number> {
  return db.$count(nodes, and(inArray(nodes.id, ids), ne(nodes.phase, 'deleted')));
}

/** An owner's nodes that are not gone, with how many workspaces each has; rows locked against their deletion. */
export async function lockNodesOf(
  tx: Executor,
  owner: string,
  provider: string,
): Promise<{ node: Node; workspaces: number }[]> {
  // The owner's row first: two placements of one owner must see each other's new node.
  await tx.select({ id: users.id }).from(users).where(eq(users.id, owner)).for('update');
  const found = await tx
    .select()
    .from(nodes)
    .where(and(eq(nodes.owner, owner), eq(nodes.provider, provider), ne(nodes.phase, 'deleted')))
    .orderBy(asc(nodes.createdAt))
    .for('update');
  const counted = await tx
    .select({ nodeId: workspaces.nodeId, count: sql<number>`count(*)::int` })
    .from(workspaces)
    .where(
      and(
        inArray(
          workspaces.nodeId,
          found.map((node) => node.id),
        ),
        ne(workspaces.phase, 'deleted'),
      ),
    )
    .groupBy(workspaces.nodeId);
  return found.map((node) => ({
    node,
    workspaces: counted.find((row) => row.nodeId === node.id)?.count ?? 0,
  }));
}

/** Puts a workspace on a node while its lease holds. False: the lease was lost. */
export async function assignNode(tx: Executor, held: Claim<Workspace>, nodeId: string): Promise<boolean> {
  const written = await tx
    .update(workspaces)
    .set({ nodeId })
    .where(holds(workspaces, held))
    .returning({ id: workspaces.id });
  return written.length > 0;
}

export async function insertNode(tx: Executor, node: typeof nodes.$inferInsert): Promise<void> {
  await tx.insert(nodes).values(node);
  await append(tx, node.id, 1, 'wanted', { size: node.size, provider: node.provider });
  await notify(tx, 'due');
}

/** Nodes that have gone silent become due, so that their pass sees it. Cheap: one statement, no row read. */
export async function wakeSilentNodes(db: Executor, silenceMs: number): Promise<void> {
  await db
    .update(nodes)
    .set({ nextAt: databaseNow })
    .where(
      sql`${nodes.phase} = 'ready' and ${nodes.nextAt} is distinct from least(${nodes.nextAt}, clock_timestamp())
          and ${nodes.lastHeardAt} < clock_timestamp() - ${silenceMs} * interval '1 millisecond'`,
    );
}

/** Every node that may have a server at the provider. */
export async function listLivingNodes(db: Executor, provider: string): Promise<Node[]> {
  return db
    .select()
    .from(nodes)
    .where(and(eq(nodes.provider, provider), ne(nodes.phase, 'deleted')));
}

// --- what agents say ----------------------------------------------------------------------------------------------

/** Heartbeats of all nodes that are connected here, in one statement. Activity is another column, on purpose. */
export async function hearNodes(db: Executor, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await db.update(nodes).set({ lastHeardAt: databaseNow }).where(inArray(nodes.id, ids));
}

export async function helloNode(
  db: Executor,
  id: string,
  said: { version: string; terminalPort: number | null },
): Promise<Node | undefined> {
  return db.transaction(async (tx) => {
    const [node] = await tx
      .update(nodes)
      .set({
        lastHeardAt: databaseNow,
        readyAt: sql`coalesce(${nodes.readyAt}, clock_timestamp())`,
        agentVersion: said.version,
        terminalPort: said.terminalPort,
        gen: sql`${nodes.gen} + 1`,
        nextAt: databaseNow,
      })
      .where(and(eq(nodes.id, id), ne(nodes.phase, 'deleted')))
      .returning();
    await notify(tx, 'due');
    return node;
  });
}

export async function saveLoad(db: Executor, nodeId: string, load: Load): Promise<void> {
  await db.update(nodes).set({ load }).where(eq(nodes.id, nodeId));
}

/** Takes an agent's word for one of its workspaces. Only a change of state wakes the reconciler. */
export async function saveReport(
  db: Executor,
  nodeId: string,
  report: WorkspaceReport,
  activity: { at: Date | null; everyMs: number },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [before] = await tx
      .select()
      .from(workspaces)
      .where(and(eq(workspaces.id, report.id), eq(workspaces.nodeId, nodeId)))
      .for('update');
    if (!before) return;
    const isNews = stateOf(before.reported) !== stateOf(report);
    const isActive =
      activity.at !== null && activity.at.getTime() - before.lastActivityAt.getTime() >= activity.everyMs;
    await tx
      .update(workspaces)
      .set({
        reported: report,
        reportedAt: databaseNow,
        ...(isActive && activity.at ? { lastActivityAt: activity.at } : {}),
        ...(isNews ? { gen: before.gen + 1, nextAt: databaseNow } : {}),
      })
      .where(eq(workspaces.id, report.id));
    if (isNews) await notify(tx, 'due');
    if (isNews || isActive) await touchCards(tx, [report.id]);
  });
}

const stateOf = (report: WorkspaceReport | null): string =>
  JSON.stringify(
    report && [
      report.phase,
      report.run,
      report.step,
      report.failure,
      report.refused,
      report.work,
      report.sessions,
      report.commit,
    ],
  );

/** What a node should have: everything that was ever sent to it and is not deleted, and what it still asks about. */
export async function workspacesOn(
  db: Executor,
  nodeId: string,
  reported: string[] = [],
): Promise<Workspace[]> {
  const isLive = ne(workspaces.phase, 'deleted');
  const isAsked = reported.length > 0 ? inArray(workspaces.id, reported) : sql`false`;
  return db
    .select()
    .from(workspaces)
    .where(and(eq(workspaces.nodeId, nodeId), sql`(${isLive} or ${isAsked})`));
}

export async function saveLogs(
  db: Executor,
  nodeId: string,
  lines: LogLine[],
  clockOffsetMs: number,
): Promise<void> {
  const ids = [...new Set(lines.map((line) => line.workspace))];
  if (ids.length === 0) return;
  const own = await db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(inArray(workspaces.id, ids), eq(workspaces.nodeId, nodeId)));
  const known = new Set(own.map((row) => row.id));
  const rows = lines
    .filter((line) => known.has(line.workspace))
    .map((line) => ({
      workspaceId: line.workspace,
      at: new Date(line.at + clockOffsetMs),
      step: line.step.slice(0, 32),
      text: line.text.slice(0, 4000),
    }));
  if (rows.length > 0) await db.insert(logs).values(rows);
}

export async function readLogs(
  db: Executor,
  workspaceId: string,
  count: number,
): Promise<{ at: Date; step: string; text: string }[]> {
  const rows = await db
    .select({ at: logs.at, step: logs.step, text: logs.text })
    .from(logs)
    .where(eq(logs.workspaceId, workspaceId))
    .orderBy(desc(logs.id))
    .limit(count);
  return rows.reverse();
}

// --- what commands say --------------------------------------------------------------------------------------------

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
  size: Size;
  keptUntil: Date | null;
}

/** Inserts it, or finds the one that holds its key: the unique index decides, not a look before. */
export async function insertWorkspace(
  tx: Executor,
  wanted: NewWorkspace,
): Promise<{ workspace: Workspace; isNew: boolean }> {
  const [inserted] = await tx
    .insert(workspaces)
    .values({ ...wanted, desired: 'running', phase: 'queued' })
    .onConflictDoNothing({ target: workspaces.key, where: ne(workspaces.desired, 'deleted') })
    .returning();
  if (inserted) return { workspace: inserted, isNew: true };
  const held = await findByKey(tx, wanted.key);
  if (!held) throw new Error(`the workspace with key ${wanted.key} vanished while it was being made`);
  return { workspace: held, isNew: false };
}

/** Names that this owner uses now. */
export async function takenNames(tx: Executor, owner: string): Promise<Set<string>> {
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
  lastActivityAt: new Date(),
});

/** A person's wish for a workspace: everything that an earlier wish left behind is reset in the same statement. */
export async function changeWorkspace(
  tx: Executor,
  workspace: Workspace,
  patch: WorkspacePatch,
  revoke = false,
): Promise<Workspace> {
  const [changed] = await tx
    .update(workspaces)
    .set({
      ...patch,
      ...phaseClock(workspaces, patch.phase),
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
  if (command.desired)
    await tx
      .update(commands)
      .set({ status: 'superseded', endedAt: databaseNow })
      .where(
        and(
          eq(commands.workspaceId, workspace.id),
          eq(commands.status, 'running'),
          isNotNull(commands.desired),
          ne(commands.desired, command.desired),
        ),
      );
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

/** Restores what was wanted before a delete that was refused; another name and key if somebody took them meanwhile. */
export async function restoreWorkspace(
  tx: Executor,
  workspace: Workspace,
  patch: WorkspacePatch,
): Promise<WorkspacePatch> {
  const isTaken = async (column: PgColumn, value: string): Promise<boolean> => {
    const other = await tx
      .select({ id: workspaces.id })
      .from(workspaces)
      .where(
        and(
          eq(column, value),
          eq(workspaces.owner, workspace.owner),
          ne(workspaces.desired, 'deleted'),
          ne(workspaces.id, workspace.id),
        ),
      );
    return other.length > 0;
  };
  const suffix = workspace.id.slice(-4);
  return {
    ...patch,
    ...((await isTaken(workspaces.key, workspace.key)) ? { key: `${workspace.key}|${suffix}` } : {}),
    ...((await isTaken(workspaces.name, workspace.name)) ? { name: `${workspace.name}-${suffix}` } : {}),
  };
}

// --- people and settings ------------------------------------------------------------------------------------------

export async function findUser(db: Executor, id: string): Promise<{ id: string; name: string } | undefined> {
  const [user] = await db.select().from(users).where(eq(users.id, id));
  return user;
}

/** A value that is chosen once for the installation; the first bot's choice holds for all. */
export async function settle(db: Executor, name: string, value: string): Promise<string> {
  await db.insert(settings).values({ name, value }).onConflictDoNothing();
  const [row] = await db.select().from(settings).where(eq(settings.name, name));
  return row?.value ?? value;
}

// --- sweeps -------------------------------------------------------------------------------------------------------

/** True if this bot shall run the sweep now: its period is over and no other bot is at it. */
export async function claimSweep(db: Executor, name: string, everyMs: number): Promise<boolean> {
  await db.insert(sweeps).values({ name }).onConflictDoNothing();
  const claimed = await db
    .update(sweeps)
    .set({ lastRunAt: databaseNow, leaseUntil: sql`clock_timestamp() + interval '5 minutes'` })
    .where(
      and(
        eq(sweeps.name, name),
        sql`(${sweeps.leaseUntil} is null or ${sweeps.leaseUntil} < clock_timestamp())`,
        sql`(${sweeps.lastRunAt} is null or ${sweeps.lastRunAt} < clock_timestamp() - ${everyMs} * interval '1 millisecond')`,
      ),
    )
    .returning({ name: sweeps.name });
  return claimed.length > 0;
}

export async function finishSweep(
  db: Executor,
  name: string,
  result: { durationMs: number; error: string | null },
): Promise<void> {
  await db
    .update(sweeps)
    .set({
      leaseUntil: null,
      lastError: result.error,
      durationMs: result.durationMs,
      ...(result.error === null ? { lastSuccessAt: databaseNow } : {}),
    })
    .where(eq(sweeps.name, name));
}

export async function readSweeps(db: Executor): Promise<(typeof sweeps.$inferSelect)[]> {
  return db.select().from(sweeps);
}

/** How many rows stand in each phase; the deleted ones are not counted. */
export async function countPhases(db: Executor, kind: 'workspace' | 'node'): Promise<[string, number][]> {
  const table = kind === 'workspace' ? workspaces : nodes;
  const rows = await db
    .select({ phase: table.phase, count: sql<number>`count(*)::int` })
    .from(table)
    .where(sql`${table.phase} <> 'deleted'`)
    .groupBy(table.phase);
  return rows.map((row) => [row.phase, row.count]);
}

/** Drops what is older than `days`: log lines and payloads; ids and hashes stay for ever. */
export async function forgetOldLogs(db: Executor, days: number): Promise<void> {
  await db.delete(logs).where(sql`${logs.at} < clock_timestamp() - ${days} * interval '1 day'`);
}
