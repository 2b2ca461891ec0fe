// The command that forgets who a person of a chat is on GitHub.
import { unlink } from '../access/people/links-store.ts';
import type { Command } from './context.ts';

export const disconnect = {
  name: 'disconnect',
  aliases: ['logout'],
  summary: 'Forgets the connection between you here and your GitHub account.',
  usage: 'disconnect',
  examples: ['disconnect'],
  who: 'Everyone, for themselves.',
  flags: {},
  takes: 'none',
  needs: 'hasLinkedAccounts',
  isForAnyone: true,
  async run(_command, { tx, identity }) {
    const wasLinked = identity !== undefined && (await unlink(tx, identity));
    return { answer: { ok: true, code: 'disconnected', details: { wasLinked } } };
  },
} satisfies Command;
