// The command that starts a stopped workspace.
import { findTarget } from './target.ts';
import { admit } from '../workspaces/fork.ts';
import type { StartingCommand } from './context.ts';
import { start as goOn } from './change.ts';

export const start = {
  name: 'start',
  aliases: ['resume', 'wake'],
  summary: 'Starts a stopped workspace with the files it had.',
  usage: 'start [target]',
  examples: ['start', 'start api-412'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target',
  needsWrite: true,
  starts: true,
  async run(command, context) {
    const workspace = await findTarget(command, context);
    const admission = admit(workspace, context.heads);
    const isRunning = workspace.desired === 'running' && workspace.phase !== 'failed';
    return goOn(workspace, admission, command, context, {
      isRunning,
      said: isRunning ? { code: 'started-already', details: { name: workspace.name } } : undefined,
    });
  },
} satisfies StartingCommand;
