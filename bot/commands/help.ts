// The command that explains commands.
import type { Command } from './context.ts';

export const help = {
  name: 'help',
  aliases: ['?', '-h', '--help'],
  summary: 'Explains what you can say, or one command in full.',
  usage: 'help [command]',
  examples: ['help', 'help up'],
  who: 'Everyone.',
  flags: {},
  takes: 'topic',
  gives: true,
  isForAnyone: true,
  run: ({ words: [command] }) =>
    Promise.resolve({
      answer: { ok: true, code: 'help', details: command === undefined ? {} : { command } },
    }),
} satisfies Command;
