// The command that starts a stopped workspace.
import type { CommandSpec } from './command.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './find.ts';
import { checkGate } from '../workspaces/fork.ts';
import type { Command } from './context.ts';
import { wish } from './change.ts';

export const startSpec = {
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
} satisfies CommandSpec;

export const start: Command = {
  ...startSpec,
  async run(command, scene) {
    const workspace = await findTarget(command, scene);
    checkGate(workspace, scene);
    const isRunning = workspace.desired === 'running' && workspace.phase !== 'failed';
    return wish(workspace, command, scene, {
      desired: 'running',
      patch: isRunning ? undefined : store.startAgain(workspace),
      text: isRunning ? `\`${workspace.name}\` is started already.` : '',
      link: 'when-running',
    });
  },
};
