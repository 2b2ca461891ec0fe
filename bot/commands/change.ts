// Writes down what a person wants of a workspace: the row, the command, the event, all in the context's transaction.
import type { AnswerCodes, Said } from '../codes.ts';
import { findUserName } from '../access/store/people.ts';
import type { Answer, Desired, Executor, Workspace } from '../database/types.ts';
import type { CommandContext, Outcome, StartContext } from './context.ts';
import { checkLimits } from './maxima.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { recordCommand } from '../workspaces/store/commands.ts';
import type { Admission } from '../workspaces/fork.ts';
import { changeWorkspace, startWorkspace, type QuietPatch } from '../workspaces/store/workspace-changes.ts';

export interface Change {
  /** Null: the verb wants no other state. */
  desired: Exclude<Desired, 'running'> | null;
  /** Absent: it is so already, nothing changes. */
  patch?: QuietPatch | undefined;
  /** Tickets, links and open terminals end with it. */
  isRevoking?: boolean;
  /** What is answered beside the card. */
  said?: Said<AnswerCodes> | undefined;
}

/** Throws UserError where what is being deleted shall come back. */
export async function change(
  workspace: Workspace,
  command: ParsedCommand,
  context: CommandContext,
  { desired, patch, isRevoking, said }: Change,
): Promise<Outcome> {
  const changed = patch ? await changeWorkspace(context.tx, workspace, patch, isRevoking) : workspace;
  return answerFor(changed, command, context, { desired, said });
}

export interface Start {
  /** Absent: the row is as it shall be. It is started all the same, unless it `isRunning`. */
  patch?: Omit<QuietPatch, 'desired'> | undefined;
  isRunning: boolean;
  said?: Said<AnswerCodes> | undefined;
}

/** The same for a verb that wants it running; whoever has no admission cannot say so. */
export async function start(
  workspace: Workspace,
  admission: Admission,
  command: ParsedCommand,
  context: StartContext,
  { patch, isRunning, said }: Start,
): Promise<Outcome> {
  const { tx } = context;
  // What is made anew was asked about before.
  if (!isRunning) await checkLimits(context, workspace, { hours: 1 });
  const changed = isRunning
    ? patch
      ? await changeWorkspace(tx, workspace, patch)
      : workspace
    : await startWorkspace(tx, workspace, admission, patch);
  return answerFor(changed, command, context, { desired: 'running', said, link: 'when-running' });
}

async function answerFor(
  workspace: Workspace,
  { verb, line }: ParsedCommand,
  context: CommandContext,
  {
    desired,
    said = { code: 'ok', details: {} },
    link,
  }: { desired: Desired | null; said?: Said<AnswerCodes> | undefined; link?: Answer['link'] },
): Promise<Outcome> {
  const { tx, actor, front } = context;
  const commandId = await recordCommand(tx, workspace, { actor: actor.id, front, verb, line, desired });
  const { id } = workspace;
  if (isForeign(workspace, context))
    return {
      commandId,
      hasNoCard: true,
      answer: { ok: true, ...(await summarise(tx, workspace)), workspace: id },
    };
  return { commandId, answer: { ok: true, ...said, workspace: id, ...(link ? { link } : {}) } };
}

/** They may know of it because they run Sam, and for nothing else: a card would tell them, and all who read along, what is done in it. */
function isForeign(
  { owner, repository }: Workspace,
  { actor, maintains, reads, isAdmin, traits }: CommandContext,
): boolean {
  const isTheirs = [maintains, reads].some((one) => one?.toLowerCase() === repository.toLowerCase());
  return isAdmin && !traits.isOperator && owner !== actor.id && !isTheirs;
}

/** Where it stands, in place of the card. */
async function summarise(
  tx: Executor,
  { name, phase, desired, repository, owner }: Workspace,
): Promise<Said<AnswerCodes>> {
  const ownerName = (await findUserName(tx, owner)) ?? owner;
  const row = [name, phase, desired, repository.replace(/^https?:\/\//, ''), ownerName];
  const rows = [['NAME', 'PHASE', 'WANTED', 'REPOSITORY', 'OWNER'], row];
  return { code: 'workspaces', details: { rows, more: 0 } };
}
