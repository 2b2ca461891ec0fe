// The command that gives a workspace another name.
import type { CommandSpec } from './command.ts';

export const renameSpec = {
  name: 'rename',
  aliases: ['mv'],
  summary: 'Gives a workspace another name; its links stay.',
  usage: 'rename [target] NAME',
  examples: ['rename login-fix', 'rename api-412 login-fix'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target name',
} satisfies CommandSpec;
