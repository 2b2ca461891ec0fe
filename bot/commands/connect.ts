// The command that leads to what a person alone may see: the sign-in that says who they are, or the page for their own keys.
import type { AnswerCodes } from '../codes.ts';
import { UserError } from '../errors.ts';
import type { Command, Outcome } from './context.ts';

/** Whose keys there are; one page has all of them. */
const KEYS = ['claude', 'anthropic', 'codex', 'openai', 'keys'];

export const connect = {
  name: 'connect',
  aliases: ['login', 'signin'],
  summary:
    'Leads to the page for your own keys of Claude and others; in Slack alone, connects you with your GitHub account.',
  usage: 'connect [claude]',
  examples: ['connect claude', 'connect'],
  who: 'Everyone, for themselves.',
  flags: {},
  takes: 'names',
  gives: true,
  isForAnyone: true,
  async run({ words: [word, ...others] }, { traits }) {
    if (others.length > 0)
      throw new UserError('too-many-words', { word: others[0] ?? '', command: 'connect' });
    if (word !== undefined && !KEYS.includes(word.toLowerCase()))
      throw new UserError('no-connection', { word });
    if (word !== undefined) return lead('settings');
    if (!traits.hasLinkedAccounts)
      throw new UserError('wrong-front', { command: 'connect', needs: 'hasLinkedAccounts' });
    return lead('connect');
  },
} satisfies Command;

/** The front makes the one-time link as it shows it: it is written down nowhere. */
const lead = (link: 'connect' | 'settings'): Outcome => {
  const code: keyof AnswerCodes = link;
  return { answer: { ok: true, code, details: {}, link } };
};
