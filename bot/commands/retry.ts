// The command that tries again what failed.
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './target.ts';
import { checkGate } from '../workspaces/fork.ts';
import type { Command } from './context.ts';
import { change } from './change.ts';

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
    checkGate(workspace);
    if (workspace.phase !== 'failed')
      throw new UserError('not-failed', { name: workspace.name, phase: workspace.phase });
    return change(workspace, command, context, {
      desired: 'running',
      patch: store.startAgain(workspace),
      link: 'when-running',
    });
  },
} satisfies Command;
