// The command that explains commands.
import type { CommandSpec } from './command.ts';

export const helpSpec = {
  name: 'help',
  aliases: ['?', '-h', '--help'],
  summary: 'Explains what you can say, or one command in full.',
  usage: 'help [command]',
  examples: ['help', 'help up'],
  who: 'Everyone.',
  flags: {},
  takes: 'topic',
} satisfies CommandSpec;
