// The command that stops a workspace.
import type { CommandSpec } from './command.ts';

export const stopSpec = {
  name: 'stop',
  aliases: ['pause', 'down', 'sleep'],
  summary: 'Stops a workspace and keeps every file of it.',
  usage: 'stop [target]',
  examples: ['stop', 'stop api-412'],
  who: "The workspace's owner, and maintainers of its repository.",
  flags: {},
  takes: 'target',
  common: true,
} satisfies CommandSpec;
