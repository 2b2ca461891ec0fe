// The command that sets the repository a channel's people mean when they name none.
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import type { CommandSpec } from './command.ts';
import type { Command } from './context.ts';

export const useSpec = {
  name: 'use',
  aliases: ['default'],
  summary: 'Sets the repository of this channel, for commands that name none.',
  usage: 'use [owner/name]',
  examples: ['use acme/api', 'use acme/api@main', 'use'],
  who: 'Whoever can write to the repository.',
  flags: {},
  takes: 'target',
  fronts: ['slack'],
  needsWrite: true,
} satisfies CommandSpec;

export const use: Command = {
  ...useSpec,
  async run({ target }, scene) {
    const { channel } = scene.place;
    if (!channel)
      throw new UserError('no-channel', `That is for channels. What works here: ${scene.say('help')}.`);
    if (!target) {
      const known = await store.findDefault(scene.tx, scene.front, channel);
      return { answer: { ok: true, code: 'ok', text: describe(known, scene.say) } };
    }
    const { repository } = scene;
    if (!repository || repository.goal)
      throw new UserError('no-repository', `Which repository? For example ${scene.say('use owner/name')}.`);
    const wanted = { front: scene.front, channel, repository: repository.label, ref: repository.ref ?? null };
    await store.setDefault(scene.tx, { ...wanted, setBy: scene.actor.id });
    return { answer: { ok: true, code: 'ok', text: describe(wanted, scene.say) } };
  },
};

function describe(
  known: Pick<store.ChannelDefault, 'repository' | 'ref'> | undefined,
  say: (line: string) => string,
): string {
  if (!known) return `This channel has no repository of its own. Give it one: ${say('use owner/name')}.`;
  const name = `${known.repository}${known.ref ? `@${known.ref}` : ''}`;
  return `Here ${say('up')} means \`${name}\`. Another one: ${say('use owner/name')}.`;
}
