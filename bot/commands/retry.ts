// The command that tries again what failed.
import { UserError } from '../errors.ts';
import { findTarget } from './target.ts';
import { admit } from '../workspaces/fork.ts';
import type { StartingCommand } from './context.ts';
import { start } from './change.ts';

export const retry = {
  name: 'retry',
  aliases: ['again'],
  summary: 'Tries again to make a workspace that failed.',
  usage: 'retry [target]',
  examples: ['retry', 'retry api-412'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target',
  needsWrite: true,
  starts: true,
  async run(command, context) {
    const workspace = await findTarget(command, context);
    const admission = admit(workspace, context.heads);
    if (workspace.phase !== 'failed')
      throw new UserError('not-failed', { name: workspace.name, phase: workspace.phase });
    return start(workspace, admission, command, context, { isRunning: false });
  },
} satisfies StartingCommand;
