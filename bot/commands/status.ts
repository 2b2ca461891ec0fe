// The command that shows where a workspace stands.
import { findReadable } from './target.ts';
import type { Command } from './context.ts';
import { change } from './change.ts';

export const status = {
  name: 'status',
  aliases: ['st', 'info', 'show'],
  summary: 'Shows where a workspace stands and brings its card up to date.',
  usage: 'status [target]',
  examples: ['status', 'status api-412'],
  who: "The workspace's owner, and those who may read its repository.",
  flags: {},
  takes: 'target',
  isForAdmins: true,
  gives: true,
  isForReaders: true,
  common: true,
  async run(command, context) {
    const workspace = await findReadable(command, context);
    const { name, phase, reported } = workspace;
    const limits = phase === 'running' ? reported?.limits : undefined;
    const said = limits === undefined ? undefined : ({ code: 'limits', details: { name, limits } } as const);
    return change(workspace, command, context, { desired: null, said });
  },
} satisfies Command;
