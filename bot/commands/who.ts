// The command that says whose a workspace is.
import type { CommandSpec } from './command.ts';

export const whoSpec = {
  name: 'who',
  aliases: [],
  summary: 'Says whose a workspace is and who has it open, to you alone.',
  usage: 'who [target]',
  examples: ['who', 'who api-412'],
  who: 'People who can read the repository.',
  flags: {},
  takes: 'target',
} satisfies CommandSpec;
