// The command that gives a link to the terminal.
import type { CommandSpec } from './command.ts';

export const openSpec = {
  name: 'open',
  aliases: ['link', 'attach', 'terminal', 'url'],
  summary: 'Gives you a link that opens a terminal in the browser.',
  usage: 'open [target]',
  examples: ['open', 'open #412', 'open api-412 --session tests'],
  who: "The workspace's owner, and people it is shared with.",
  flags: {
    session: { kind: 'text', summary: 'the terminal session to open' },
  },
  takes: 'target',
  common: true,
} satisfies CommandSpec;
