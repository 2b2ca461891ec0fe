// What changes a workspace's row outside a pass: people's words, what happened to its repository, its agent's reports.
import { isDeepStrictEqual } from 'node:util';
import { and, eq, inArray, isNotNull, isNull, lte, ne, sql } from 'drizzle-orm';
import { isFree } from '../../database/claims.ts';
import type { WorkspaceReport } from '../../../agent/protocol.ts';
import type { Notice } from '../../codes.ts';
import { databaseNow, inMs, notify, type Executor } from '../../database/executor.ts';
import { workspaces, type Workspace } from '../../database/schema.ts';
import { UserError } from '../../errors.ts';
import type { Admission } from '../fork.ts';
import { touchCards } from './cards.ts';
import { supersede } from './commands.ts';
import { append } from './events.ts';
import { phaseClock, type WorkspacePatch } from './reconciled.ts';

/** A change that starts nothing. */
export type QuietPatch = Omit<WorkspacePatch, 'desired' | 'run'> & { desired?: 'stopped' | 'deleted' };

/** A wish to run resets errors, deadlines, what was said of the last run. Its files stay where they are. */
const anew = (workspace: Workspace): WorkspacePatch => ({
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

/** The one way by which a workspace that is there becomes wanted running, past the gate. */
export const startWorkspace = (
  tx: Executor,
  workspace: Workspace,
  _: Admission,
  patch: Omit<QuietPatch, 'desired'> = {},
): Promise<Workspace> => write(tx, workspace, { ...anew(workspace), ...patch }, false);

/** A person's wish for a workspace: everything that an earlier wish left behind is reset in the same statement. */
export const changeWorkspace = (
  tx: Executor,
  workspace: Workspace,
  patch: QuietPatch,
  revoke = false,
): Promise<Workspace> => write(tx, workspace, patch, revoke);

async function write(
  tx: Executor,
  workspace: Workspace,
  patch: WorkspacePatch,
  revoke: boolean,
): Promise<Workspace> {
  if (workspace.desired === 'deleted' && patch.desired && patch.desired !== 'deleted')
    throw new UserError('deleting', { name: workspace.name });
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

/** Nobody asked for it, something happened: stop at once, delete as soon as nothing would be lost. */
export async function giveUpWorkspace(tx: Executor, workspace: Workspace, why: Notice): Promise<void> {
  await supersede(tx, workspace.id, 'deleted');
  const patch: QuietPatch = {
    desired: 'deleted',
    desiredBefore: 'stopped',
    force: false,
    isAutomatic: true,
    notice: [why],
  };
  await changeWorkspace(tx, workspace, patch, true);
  await append(tx, workspace.id, workspace.gen, 'given-up', { why });
}

/** What happened to the node concerns them, and their cards. */
export async function wakeWorkspacesOf(tx: Executor, nodeId: string): Promise<void> {
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

/** Those at rest that the limits give an end to: their passes find out when. */
export async function wakeResting(
  db: Executor,
  { idleTimeoutMs, deleteStoppedAfterMs }: { idleTimeoutMs: number; deleteStoppedAfterMs: number },
): Promise<void> {
  const ending = [
    ...(idleTimeoutMs > 0 ? (['running', 'failed'] as const) : []),
    ...(deleteStoppedAfterMs > 0 ? (['stopped', 'failed'] as const) : []),
  ];
  await db
    .update(workspaces)
    .set({ nextAt: databaseNow })
    .where(and(isNull(workspaces.nextAt), isFree(workspaces), inArray(workspaces.phase, ending)));
  await notify(db, 'due');
}

/** Takes an agent's word for one of its workspaces. Only a change of state wakes the reconciler. */
export async function saveReport(
  db: Executor,
  nodeId: string,
  said: WorkspaceReport,
  activity: { at: Date | null; everyMs: number },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [before] = await tx
      .select()
      .from(workspaces)
      .where(and(eq(workspaces.id, said.id), eq(workspaces.nodeId, nodeId)))
      .for('update');
    if (!before) return;
    // A node that has nothing of it any more does not know either where its work was saved.
    const isGoing = said.phase === 'deleting' || said.phase === 'deleted';
    const saved = said.saved ?? (isGoing ? before.reported?.saved : undefined);
    const report = saved ? { ...said, saved } : said;
    const isNews = !isDeepStrictEqual(stateOf(before.reported), stateOf(report));
    const isShown = isNews || !isDeepStrictEqual(factsOf(before.reported), factsOf(report));
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
    if (isShown || isActive) await touchCards(tx, [report.id]);
  });
}

/** People use what runs in it. Said no more often than `everyMs`. */
export async function noteUse(db: Executor, id: string, everyMs: number): Promise<void> {
  await db.transaction(async (tx) => {
    const noted = await tx
      .update(workspaces)
      .set({ lastActivityAt: databaseNow })
      .where(
        and(
          eq(workspaces.id, id),
          eq(workspaces.desired, 'running'),
          lte(workspaces.lastActivityAt, inMs(-everyMs)),
        ),
      )
      .returning({ id: workspaces.id });
    if (noted.length > 0) await touchCards(tx, [id]);
  });
}

/** What the reconciler decides by. Compared by value: Postgres keeps an object's members in an order of its own. */
const stateOf = (report: WorkspaceReport | null) =>
  report && [
    report.phase,
    report.run,
    report.step,
    report.failure,
    report.refused,
    report.saved,
    report.isEmpty,
  ];

/** What people see beside it. */
const factsOf = (report: WorkspaceReport | null) =>
  report && [
    report.work,
    report.sessions,
    report.commit,
    report.limits?.reached,
    report.attempt,
    report.environment,
    report.ports,
    magnitude(report.usage?.requests),
  ];

/** Counts rise all the time: a card that is not drawn for anything else is drawn when they have doubled. */
export const magnitude = (count = 0): number => Math.floor(Math.log2(count + 1));

/**
 * A pull request has a new head: of the workspaces that were made from its fork nothing starts before it is let in. `isHeard`: a
 * delivery says so, and that may come late. The commit that was let in is then an old one where there was another since, and opens
 * nothing again: who starts something asks where it stands.
 */
export async function noteHead(
  tx: Executor,
  topic: string,
  head: string,
  { isHeard = false } = {},
): Promise<void> {
  const isNews = isHeard ? sql`${workspaces.fork}->>'trusted' <> ${head}` : undefined;
  const moved = await tx
    .update(workspaces)
    .set({
      fork: sql`${workspaces.fork} || ${JSON.stringify({ head })}::jsonb`,
      notice: [{ code: 'fork-moved', details: { head } }],
    })
    .where(
      and(eq(workspaces.topic, topic), isNotNull(workspaces.fork), ne(workspaces.desired, 'deleted'), isNews),
    )
    .returning({ id: workspaces.id });
  const ids = moved.map(({ id }) => id);
  if (ids.length > 0) await touchCards(tx, ids);
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
