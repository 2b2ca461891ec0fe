// The command that keeps a coding agent from what it asked for.
import { decide } from './allow.ts';
import type { Command } from './context.ts';

export const deny = {
  name: 'deny',
  aliases: ['reject'],
  summary: 'Keeps a coding agent from what it asks for; it goes on without.',
  usage: 'deny [NUMBER]',
  examples: ['deny', 'deny 2'],
  who: 'Whoever asked, and those who may ask on the repository.',
  flags: {},
  takes: 'question',
  ends: true,
  isForAskers: true,
  run: (command, context) => decide(command, context, 'deny'),
} satisfies Command;
