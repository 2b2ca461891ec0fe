// The command that forgets who a person of a chat is on GitHub.
import { unlink } from '../access/people/links-store.ts';
import type { CommandSpec } from './command.ts';
import type { Command } from './context.ts';

export const disconnectSpec = {
  name: 'disconnect',
  aliases: ['logout'],
  summary: 'Forgets the connection between you here and your GitHub account.',
  usage: 'disconnect',
  examples: ['disconnect'],
  who: 'Everyone, for themselves.',
  flags: {},
  takes: 'none',
  fronts: ['slack'],
  isForAnyone: true,
} satisfies CommandSpec;

export const disconnect: Command = {
  ...disconnectSpec,
  async run(_command, { tx, identity, say }) {
    const wasLinked = identity !== undefined && (await unlink(tx, identity));
    const text = wasLinked
      ? `You are not connected with GitHub any more. Your workspaces go on; connect again to use them from here: ${say('connect')}.`
      : `You were not connected with GitHub. To connect: ${say('connect')}.`;
    return { answer: { ok: true, code: 'ok', text } };
  },
};
