// The command that keeps a workspace running though nobody types.
import type { CommandSpec } from './command.ts';

export const extendSpec = {
  name: 'extend',
  aliases: ['keep', 'bump'],
  summary: 'Keeps a workspace from stopping by itself, for a while or until a time of day.',
  usage: 'extend [target] [4h]',
  examples: ['extend 4h', 'extend api-412 until 18:40 UTC', 'extend --max'],
  who: "The workspace's owner, and people it is shared with.",
  flags: {
    max: { kind: 'boolean', summary: 'as long as is allowed' },
  },
  takes: 'target duration',
  common: true,
} satisfies CommandSpec;
