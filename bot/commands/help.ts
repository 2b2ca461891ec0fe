// The command that explains commands.
import type { CommandSpec } from './command.ts';
import { UserError } from '../errors.ts';
import { findCommand } from './command.ts';
import { shown } from './say.ts';
import type { Command } from './context.ts';
import { renderCommandHelp, renderHelp } from './usage.ts';

export const helpSpec = {
  name: 'help',
  aliases: ['?', '-h', '--help'],
  summary: 'Explains what you can say, or one command in full.',
  usage: 'help [command]',
  examples: ['help', 'help up'],
  who: 'Everyone.',
  flags: {},
  takes: 'topic',
  isForAnyone: true,
} satisfies CommandSpec;

export const help: Command = {
  ...helpSpec,
  run({ words: [topic] }, scene) {
    const context = { front: scene.front, trigger: scene.trigger };
    if (topic === undefined)
      return Promise.resolve({ answer: { ok: true, code: 'ok', text: renderHelp(scene.commands, context) } });
    const command = findCommand(scene.commands, topic);
    if (!command)
      throw new UserError(
        'unknown-verb',
        `There is no command ${shown(topic)}. All commands: ${scene.say('help')}.`,
      );
    return Promise.resolve({
      answer: { ok: true, code: 'ok', text: renderCommandHelp(command, scene.trigger) },
    });
  },
};
