// The command that stops a workspace and starts it again.
import type { CommandSpec } from './command.ts';

export const restartSpec = {
  name: 'restart',
  aliases: ['reboot'],
  summary: 'Stops a workspace and starts it again; its files stay, its terminal sessions end.',
  usage: 'restart [target]',
  examples: ['restart', 'restart api-412'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target',
} satisfies CommandSpec;
