// The command that stops a workspace.
import type { CommandSpec } from './command.ts';
import { findStoppable, noticeOf } from './maintained.ts';
import type { Command } from './context.ts';
import { wish } from './change.ts';

export const stopSpec = {
  name: 'stop',
  aliases: ['pause', 'down', 'sleep'],
  summary: 'Stops a workspace and keeps every file of it.',
  usage: 'stop [target]',
  examples: ['stop', 'stop api-412'],
  who: "The workspace's owner, and those who maintain its repository.",
  flags: {},
  takes: 'target',
  common: true,
} satisfies CommandSpec;

export const stop: Command = {
  ...stopSpec,
  async run(command, scene) {
    const workspace = await findStoppable(command, scene);
    const isStopped = workspace.desired === 'stopped';
    return wish(workspace, command, scene, {
      desired: 'stopped',
      patch: isStopped
        ? undefined
        : {
            desired: 'stopped',
            isAutomatic: false,
            notice: noticeOf(workspace, scene, 'maintainer-stopped'),
            lastError: null,
          },
      isRevoking: true,
      text: isStopped ? `\`${workspace.name}\` is stopped already.` : '',
    });
  },
};
