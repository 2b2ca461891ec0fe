// The command that starts a stopped workspace.
import * as store from '../workspaces/store.ts';
import { findTarget } from './target.ts';
import { checkGate } from '../workspaces/fork.ts';
import type { Command } from './context.ts';
import { change } from './change.ts';

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
    checkGate(workspace);
    const isRunning = workspace.desired === 'running' && workspace.phase !== 'failed';
    return change(workspace, command, context, {
      desired: 'running',
      patch: isRunning ? undefined : store.startAgain(workspace),
      said: isRunning ? { code: 'started-already', details: { name: workspace.name } } : undefined,
      link: 'when-running',
    });
  },
} satisfies Command;
