// Writes down what a person wants of a workspace: the row, the command, the event, all in the context's transaction.
import type { AnswerCodes, Said } from '../codes.ts';
import type { Answer, Desired, Workspace } from '../database/types.ts';
import * as store from '../workspaces/store.ts';
import type { CommandContext, Outcome } from './context.ts';
import type { ParsedCommand } from './parser/parsed.ts';

export interface Change {
  /** Null: the verb wants no other state. */
  desired: Desired | null;
  /** Absent: it is so already, nothing changes. */
  patch?: store.WorkspacePatch | undefined;
  /** Tickets, links and open terminals end with it. */
  isRevoking?: boolean;
  /** What is answered beside the card. */
  said?: Said<AnswerCodes> | undefined;
  link?: Answer['link'];
}

/** Throws UserError where what is being deleted shall come back. */
export async function change(
  workspace: Workspace,
  command: ParsedCommand,
  { tx, actor, front }: CommandContext,
  { desired, patch, isRevoking, said = { code: 'ok', details: {} }, link }: Change,
): Promise<Outcome> {
  const changed = patch ? await store.changeWorkspace(tx, workspace, patch, isRevoking) : workspace;
  const { verb, line } = command;
  const commandId = await store.recordCommand(tx, changed, { actor: actor.id, front, verb, line, desired });
  return {
    commandId,
    answer: { ok: true, ...said, workspace: workspace.id, ...(link ? { link } : {}) },
  };
}
