// The command that stops a workspace and starts it again.
import type { CommandSpec } from './command.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './find.ts';
import { checkGate } from '../workspaces/fork.ts';
import type { Command } from './context.ts';
import { wish } from './change.ts';

export const restartSpec = {
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
} satisfies CommandSpec;

export const restart: Command = {
  ...restartSpec,
  async run(command, scene) {
    const workspace = await findTarget(command, scene);
    checkGate(workspace, scene);
    return wish(workspace, command, scene, {
      desired: 'running',
      patch: store.startAgain(workspace),
      link: 'when-running',
    });
  },
};
