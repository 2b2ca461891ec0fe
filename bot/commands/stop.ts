// The command that stops a workspace.
import { findStoppable, noticeOf } from './target.ts';
import type { Command } from './context.ts';
import { change } from './change.ts';

export const stop = {
  name: 'stop',
  aliases: ['pause', 'down', 'sleep'],
  summary: 'Stops a workspace and keeps every file of it.',
  usage: 'stop [target]',
  examples: ['stop', 'stop api-412'],
  who: "The workspace's owner, and those who maintain its repository.",
  flags: {},
  takes: 'target',
  ends: true,
  isForMaintainers: true,
  common: true,
  async run(command, context) {
    const workspace = await findStoppable(command, context);
    const isStopped = workspace.desired === 'stopped';
    return change(workspace, command, context, {
      desired: 'stopped',
      patch: isStopped
        ? undefined
        : {
            desired: 'stopped',
            isAutomatic: false,
            notice: noticeOf(workspace, context, 'maintainer-stopped'),
            lastError: null,
          },
      isRevoking: true,
      said: isStopped ? { code: 'stopped-already', details: { name: workspace.name } } : undefined,
    });
  },
} satisfies Command;
