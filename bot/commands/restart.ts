// The command that stops a workspace and starts it again.
import * as store from '../workspaces/store.ts';
import { findTarget } from './target.ts';
import { checkGate } from '../workspaces/fork.ts';
import type { Command } from './context.ts';
import { change } from './change.ts';

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
    checkGate(workspace);
    return change(workspace, command, context, {
      desired: 'running',
      patch: store.startAgain(workspace),
      link: 'when-running',
    });
  },
} satisfies Command;
