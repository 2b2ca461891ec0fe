// The command that leads to the sign-in which says who a person of a chat is on GitHub.
import type { Command } from './context.ts';

export const connect = {
  name: 'connect',
  aliases: ['login', 'signin'],
  summary: 'Connects you here with your GitHub account, whose rights then count.',
  usage: 'connect',
  examples: ['connect'],
  who: 'Everyone.',
  flags: {},
  takes: 'none',
  gives: true,
  needs: 'hasLinkedAccounts',
  isForAnyone: true,
  // The front makes the one-time link as it shows it: it is written down nowhere.
  run: () => Promise.resolve({ answer: { ok: true, code: 'connect', details: {}, link: 'connect' } }),
} satisfies Command;
