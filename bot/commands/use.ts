// The command that sets the repository a channel's people mean when they name none.
import { UserError } from '../errors.ts';
import type { Command, Outcome } from './context.ts';
import { findDefault, setDefault, type ChannelDefault } from '../workspaces/store/settings.ts';

export const use = {
  name: 'use',
  aliases: ['default'],
  summary: 'Sets the repository of this channel, for commands that name none.',
  usage: 'use [owner/name]',
  examples: ['use acme/api', 'use acme/api@main', 'use'],
  who: 'Whoever can write to the repository.',
  flags: {},
  takes: 'target',
  needs: 'hasChannels',
  needsWrite: true,
  async run({ target }, { tx, front, actor, place, repository }) {
    const { channel } = place;
    if (!channel) throw new UserError('no-channel', {});
    if (!target) return answer(await findDefault(tx, front, channel));
    if (!repository || repository.goal) throw new UserError('which-repository', { verb: 'use' });
    const wanted = { front, channel, repository: repository.label, ref: repository.ref ?? null };
    await setDefault(tx, { ...wanted, setBy: actor.id });
    return answer(wanted);
  },
} satisfies Command;

function answer(known: Pick<ChannelDefault, 'repository' | 'ref'> | undefined): Outcome {
  const ref = known?.ref ? { ref: known.ref } : {};
  return {
    answer: { ok: true, code: 'default', details: known ? { repository: known.repository, ...ref } : {} },
  };
}
