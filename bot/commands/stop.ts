// The command that stops a workspace.
import { findStoppable, noticeOf } from './target.ts';
import type { Workspace } from '../database/types.ts';
import type { Command, CommandContext, Outcome } from './context.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { change } from './change.ts';

export const stop = {
  name: 'stop',
  aliases: ['pause', 'down', 'sleep'],
  summary: 'Stops a workspace and keeps every file of it.',
  usage: 'stop [target]',
  examples: ['stop', 'stop api-412'],
  who: "The workspace's owner, those who maintain its repository, and those who run Sam.",
  flags: {},
  takes: 'target',
  isForAdmins: true,
  ends: true,
  isForMaintainers: true,
  common: true,
  run: async (command, context) => stopOne(await findStoppable(command, context), command, context),
} satisfies Command;

/** Who says it may: that was asked before. */
export async function stopOne(
  workspace: Workspace,
  command: ParsedCommand,
  context: CommandContext,
): Promise<Outcome> {
  const isStopped = workspace.desired === 'stopped';
  return change(workspace, command, context, {
    desired: 'stopped',
    patch: isStopped
      ? undefined
      : {
          desired: 'stopped',
          isAutomatic: false,
          notice: noticeOf(workspace, context, 'stopped'),
          lastError: null,
        },
    isRevoking: true,
    said: isStopped ? { code: 'stopped-already', details: { name: workspace.name } } : undefined,
  });
}
