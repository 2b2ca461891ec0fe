// The command that shows where a workspace stands.
import type { CommandSpec } from './command.ts';

export const statusSpec = {
  name: 'status',
  aliases: ['st', 'info', 'show'],
  summary: 'Shows where a workspace stands and brings its card up to date.',
  usage: 'status [target]',
  examples: ['status', 'status api-412'],
  who: 'People who can read the repository.',
  flags: {},
  takes: 'target',
  common: true,
} satisfies CommandSpec;
