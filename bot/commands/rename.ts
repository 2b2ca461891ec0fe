// The command that gives a workspace another name.
import * as store from '../workspaces/store.ts';
import { findTarget } from './target.ts';
import { takenName } from '../workspaces/naming.ts';
import type { Command } from './context.ts';
import { change } from './change.ts';

export const rename = {
  name: 'rename',
  aliases: ['mv'],
  summary: 'Gives a workspace another name; its links stay.',
  usage: 'rename [target] NAME',
  examples: ['rename login-fix', 'rename api-412 login-fix'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target name',
  async run(command, context) {
    const workspace = await findTarget(command, context);
    const { value: name } = command;
    if (typeof name !== 'string') throw new Error('the parser takes no rename without a name');
    const taken = await store.takenNames(context.tx, context.actor.id);
    if (name !== workspace.name && taken.has(name)) throw takenName(name, taken, `rename ${workspace.name}`);
    return change(workspace, command, context, {
      desired: null,
      patch: { name },
      said: { code: 'renamed', details: { from: workspace.name, name } },
    });
  },
} satisfies Command;
