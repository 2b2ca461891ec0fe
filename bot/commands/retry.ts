// The command that tries again what failed.
import type { CommandSpec } from './command.ts';
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './find.ts';
import { checkGate } from '../workspaces/fork.ts';
import type { Command } from './context.ts';
import { wish } from './change.ts';

export const retrySpec = {
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
} satisfies CommandSpec;

export const retry: Command = {
  ...retrySpec,
  async run(command, scene) {
    const workspace = await findTarget(command, scene);
    checkGate(workspace, scene);
    if (workspace.phase !== 'failed')
      throw new UserError(
        'not-failed',
        `\`${workspace.name}\` has not failed; it is ${workspace.phase}. To begin anew: ${scene.say(`restart ${workspace.name}`)}.`,
      );
    return wish(workspace, command, scene, {
      desired: 'running',
      patch: store.startAgain(workspace),
      link: 'when-running',
    });
  },
};
