// The command that starts a stopped workspace.
import type { CommandSpec } from './command.ts';

export const startSpec = {
  name: 'start',
  aliases: ['resume', 'wake'],
  summary: 'Starts a stopped workspace with the files it had.',
  usage: 'start [target]',
  examples: ['start', 'start api-412'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target',
} satisfies CommandSpec;
