// Wishes to offer work as a change, in Postgres: asked for, claimed, pushed, ended. Knows no front, no socket and no forge.
import { and, desc, eq, inArray, isNotNull, ne, or, sql, type SQL } from 'drizzle-orm';
import type { PushResult } from '../../../agent/protocol.ts';
import { redact } from '../../../agent/redact.ts';
import {
  claimFirst,
  hasToken,
  isHeld,
  RELEASED,
  RENEWED,
  untilFirst,
  type Held,
} from '../../database/claims.ts';
import { inMs, notify, type Executor } from '../../database/executor.ts';
import {
  cards,
  proposals,
  tasks,
  taskTurns,
  workspaces,
  type Proposal,
  type Workspace,
} from '../../database/schema.ts';
import { newProposalId } from '../../ids.ts';
import { readClock } from '../../workspaces/store/reconciled.ts';
import { applyPushed, type ProposalPatch, type ProposalPlace } from '../proposal.ts';
import { lockWorkspace } from './turns.ts';

export type NewProposal = Pick<Proposal, 'actor' | 'front' | 'thread' | 'cause'> & {
  workspace: Pick<Workspace, 'id' | 'name' | 'repository' | 'ref' | 'nodeId'>;
  /** Absent: what the workspace was made of. */
  base?: string | undefined;
  /** What the work was asked for with. */
  prompt?: string | undefined;
};

/** Gives the branch. The same cause asks once. */
export async function addProposal(tx: Executor, asked: NewProposal): Promise<string> {
  const { workspace, base, prompt, ...rest } = asked;
  const branch = await chooseBranch(tx, workspace);
  const work = await findWork(tx, workspace.id);
  await tx
    .insert(proposals)
    .values({
      ...rest,
      id: newProposalId(),
      workspaceId: workspace.id,
      branch,
      base: base ?? workspace.ref,
      title: titleOf(prompt ?? work?.prompt ?? ''),
      agent: work?.agent ?? null,
    })
    .onConflictDoNothing({ target: [proposals.front, proposals.cause] });
  await notify(tx, 'due', ...(workspace.nodeId ? [`desired:${workspace.nodeId}` as const] : []));
  return branch;
}

/** One a workspace, whatever it is called later; two that are called the same have one each. */
async function chooseBranch(
  tx: Executor,
  { id, name, repository }: NewProposal['workspace'],
): Promise<string> {
  const [own] = await tx
    .select({ branch: proposals.branch })
    .from(proposals)
    .where(eq(proposals.workspaceId, id))
    .orderBy(desc(proposals.seq))
    .limit(1);
  if (own) return own.branch;
  const branch = `sam/${name}`;
  const taken = await tx
    .select({ id: proposals.id })
    .from(proposals)
    .innerJoin(workspaces, eq(workspaces.id, proposals.workspaceId))
    .where(and(eq(proposals.branch, branch), eq(workspaces.repository, repository), ne(workspaces.id, id)))
    .limit(1);
  return taken.length === 0 ? branch : `${branch}-${id.slice(3)}`;
}

/** What changed something there last. */
async function findWork(tx: Executor, workspace: string) {
  const [row] = await tx
    .select({ prompt: taskTurns.prompt, agent: tasks.agent })
    .from(taskTurns)
    .innerJoin(tasks, eq(tasks.id, taskTurns.taskId))
    .where(and(eq(taskTurns.workspaceId, workspace), isNotNull(taskTurns.changes)))
    .orderBy(desc(taskTurns.seq))
    .limit(1);
  return row;
}

const MAX_TITLE = 100;

/** The first line of a prompt; null: there is none. */
function titleOf(prompt: string): string | null {
  const [line = ''] = redact(prompt).trim().split('\n');
  const text = line.trim();
  if (text === '') return null;
  return text.length <= MAX_TITLE ? text : `${text.slice(0, MAX_TITLE - 1).toWellFormed()}…`;
}

/** As long as it is open: one that ended is not in that index. */
const isOpen = isNotNull(proposals.nextAt);

/** What becomes of its workspace is no row of ours: it is looked at whenever something is due. */
const isLost = sql`${proposals.state} = 'pushing' and exists (select from ${workspaces} w
  where w.id = ${proposals.workspaceId} and (w.desired <> 'running' or w.phase in ('failed', 'deleted')))`;

export const claimProposal = (db: Executor): Promise<Held<Proposal> | undefined> =>
  claimFirst<Proposal>(db, proposals, {
    key: [proposals.id],
    where: and(isOpen, or(sql`${proposals.nextAt} <= statement_timestamp()`, isLost)),
    order: proposals.seq,
  });

export async function proposalDueInMs(db: Executor): Promise<number | undefined> {
  const [row] = await db
    .select({ ms: untilFirst(proposals) })
    .from(proposals)
    .where(isNotNull(proposals.nextAt));
  return row?.ms ?? undefined;
}

const isMine = (held: Held<Proposal>): SQL | undefined =>
  and(eq(proposals.id, held.row.id), hasToken(proposals, held));

export async function renewProposal(db: Executor, held: Held<Proposal>): Promise<void> {
  await db.update(proposals).set(RENEWED).where(isMine(held));
}

export async function readProposalPlace(
  db: Executor,
  { workspaceId }: Proposal,
): Promise<ProposalPlace & { workspace: Workspace }> {
  const isAtWork = sql<boolean>`exists (select from ${taskTurns} t where t.workspace_id = ${workspaceId}
    and t.started_at is not null and t.ended_at is null)`;
  const [row] = await db
    .select({ workspace: workspaces, isAtWork })
    .from(workspaces)
    .where(eq(workspaces.id, workspaceId));
  if (!row) throw new Error(`workspace ${workspaceId} has no row`);
  const { desired, phase } = row.workspace;
  return { ...row, desired, phase };
}

/** What changed meanwhile brings it forward: then it is looked at again. While something is worked on its time does not begin. */
export async function restProposal(
  db: Executor,
  held: Held<Proposal>,
  until: Date,
  isAtWork: boolean,
): Promise<void> {
  await db
    .update(proposals)
    .set({
      nextAt: sql`case when ${proposals.state} = ${held.row.state} then ${until.toISOString()}::timestamptz else ${proposals.nextAt} end`,
      ...(isAtWork && { since: held.now }),
      ...RELEASED,
    })
    .where(isMine(held));
}

/** The forge could not be asked. */
export async function postponeProposal(
  db: Executor,
  held: Held<Proposal>,
  ms: number,
  error: string,
): Promise<void> {
  await db
    .update(proposals)
    .set({ nextAt: inMs(ms), attempts: held.row.attempts + 1, lastError: error, ...RELEASED })
    .where(isMine(held));
}

/** Unless somebody else said so meanwhile. */
export async function writeHeldProposal(
  db: Executor,
  held: Held<Proposal>,
  patch: ProposalPatch,
): Promise<void> {
  await db.transaction(async (tx) => {
    await lockWorkspace(tx, held.row.workspaceId);
    const [row] = await tx
      .select()
      .from(proposals)
      .where(and(eq(proposals.id, held.row.id), isHeld(proposals, held), eq(proposals.state, held.row.state)))
      .for('update');
    if (row) await write(tx, row, { ...patch, ...RELEASED });
    else await tx.update(proposals).set(RELEASED).where(isMine(held));
  });
}

/** With its end it is answered in the thread. */
async function write(
  tx: Executor,
  row: Proposal,
  patch: ProposalPatch & { leaseToken?: null; leaseUntil?: null },
): Promise<void> {
  const nextAt = patch.endedAt ? { nextAt: null } : { nextAt: inMs(0) };
  await tx
    .update(proposals)
    .set({ ...patch, ...nextAt, attempts: 0, lastError: null })
    .where(eq(proposals.id, row.id));
  await notify(tx, 'due');
  if (!patch.endedAt) return;
  const { front, thread, id } = row;
  await tx.insert(cards).values({ front, thread, subject: id, kind: 'answer' }).onConflictDoNothing();
  await notify(tx, 'card');
}

/** What an agent says of a push. Of a workspace that is not on that node nothing is believed. */
export async function savePushed(
  db: Executor,
  node: string,
  { workspace, id, result }: { workspace: string; id: string; result: PushResult },
): Promise<void> {
  await db.transaction(async (tx) => {
    if (!(await lockWorkspace(tx, workspace, node))) return;
    const [row] = await tx
      .select()
      .from(proposals)
      .where(and(eq(proposals.id, id), eq(proposals.workspaceId, workspace)))
      .for('update');
    const patch = row && applyPushed(row, redacted(result), await readClock(tx));
    if (row && patch && Object.keys(patch).length > 0) await write(tx, row, patch);
  });
}

/** Secrets are in no row. */
const redacted = (result: PushResult): PushResult =>
  'commit' in result
    ? { ...result, subject: redact(result.subject) }
    : {
        failure: {
          ...result.failure,
          ...(result.failure.said !== undefined && { said: redact(result.failure.said) }),
        },
      };

export interface WantedPush {
  node: string;
  proposal: Proposal;
  workspace: Workspace;
}

/** What is to be pushed on those nodes: of each workspace what was asked for first. */
export async function pushesOn(db: Executor, nodes: string[]): Promise<WantedPush[]> {
  const rows = await db
    .select({ proposal: proposals, workspace: workspaces })
    .from(proposals)
    .innerJoin(workspaces, eq(workspaces.id, proposals.workspaceId))
    .where(
      and(
        isOpen,
        eq(proposals.state, 'pushing'),
        inArray(workspaces.nodeId, nodes),
        eq(workspaces.desired, 'running'),
        eq(workspaces.phase, 'running'),
      ),
    )
    .orderBy(desc(proposals.seq));
  const first = new Map(rows.map((row) => [row.workspace.id, row] as const));
  return [...first.values()].flatMap((row) =>
    row.workspace.nodeId === null || row.workspace.fork !== null
      ? []
      : [{ ...row, node: row.workspace.nodeId }],
  );
}

/** By what its answer is called; undefined: its rows are gone, or it is none. */
export async function findProposal(
  db: Executor,
  subject: string,
): Promise<{ proposal: Proposal; workspace: Workspace } | undefined> {
  const [row] = await db
    .select({ proposal: proposals, workspace: workspaces })
    .from(proposals)
    .innerJoin(workspaces, eq(workspaces.id, proposals.workspaceId))
    .where(eq(proposals.id, subject));
  return row;
}

/** A repository has a new name: what was asked in its threads is answered there. */
export async function moveProposals(tx: Executor, front: string, from: string, to: string): Promise<void> {
  await tx
    .update(proposals)
    .set({ thread: sql`${to} || substr(${proposals.thread}, ${from.length + 1})` })
    .where(and(eq(proposals.front, front), sql`starts_with(${proposals.thread}, ${`${from}#`})`));
}
