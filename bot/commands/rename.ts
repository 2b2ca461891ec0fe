// The command that gives a workspace another name.
import type { CommandSpec } from './command.ts';
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './find.ts';
import { takenName } from '../workspaces/naming.ts';
import type { Command } from './context.ts';
import { wish } from './change.ts';

export const renameSpec = {
  name: 'rename',
  aliases: ['mv'],
  summary: 'Gives a workspace another name; its links stay.',
  usage: 'rename [target] NAME',
  examples: ['rename login-fix', 'rename api-412 login-fix'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target name',
} satisfies CommandSpec;

export const rename: Command = {
  ...renameSpec,
  async run(command, scene) {
    const workspace = await findTarget(command, scene);
    const { value: name } = command;
    if (typeof name !== 'string')
      throw new UserError(
        'missing-value',
        `Which name? For example ${scene.say(`rename ${workspace.name} login-fix`)}.`,
      );
    const taken = await store.takenNames(scene.tx, scene.actor.id);
    if (name !== workspace.name && taken.has(name))
      throw takenName(name, taken, `rename ${workspace.name}`, scene.say);
    return wish(workspace, command, scene, {
      desired: null,
      patch: { name },
      text: `\`${workspace.name}\` is now \`${name}\`.`,
    });
  },
};
