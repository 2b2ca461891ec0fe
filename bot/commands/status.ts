// The command that shows where a workspace stands.
import type { CommandSpec } from './command.ts';
import { findTarget } from './find.ts';
import type { Command } from './context.ts';
import { wish } from './change.ts';

export const statusSpec = {
  name: 'status',
  aliases: ['st', 'info', 'show'],
  summary: 'Shows where a workspace stands and brings its card up to date.',
  usage: 'status [target]',
  examples: ['status', 'status api-412'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target',
  common: true,
} satisfies CommandSpec;

export const status: Command = {
  ...statusSpec,
  async run(command, scene) {
    const workspace = await findTarget(command, scene);
    return wish(workspace, command, scene, { desired: null });
  },
};
