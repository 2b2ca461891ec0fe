// The command that stops a workspace and starts it again.
import { findTarget } from './target.ts';
import { admit } from '../workspaces/fork.ts';
import type { StartingCommand } from './context.ts';
import { start } from './change.ts';

export const restart = {
  name: 'restart',
  aliases: ['reboot'],
  summary: 'Stops a workspace and starts it again; its files stay, its terminal sessions end.',
  usage: 'restart [target]',
  examples: ['restart', 'restart api-412'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target',
  needsWrite: true,
  starts: true,
  async run(command, context) {
    const workspace = await findTarget(command, context);
    const admission = admit(workspace, context.heads);
    return start(workspace, admission, command, context, { isRunning: false });
  },
} satisfies StartingCommand;
