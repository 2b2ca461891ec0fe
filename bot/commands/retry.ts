// The command that tries again what failed.
import type { CommandSpec } from './command.ts';

export const retrySpec = {
  name: 'retry',
  aliases: ['again'],
  summary: 'Tries again to make a workspace that failed.',
  usage: 'retry [target]',
  examples: ['retry', 'retry api-412'],
  who: 'People who may run the command that failed.',
  flags: {},
  takes: 'target',
} satisfies CommandSpec;
