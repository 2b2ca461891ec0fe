// The command that takes a machine away before its time.
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import type { CommandSpec } from './command.ts';
import { refuseOthers, wishFor } from './orphans.ts';
import { shown } from './say.ts';
import type { Command, Scene } from './context.ts';

export const nodeSpec = {
  name: 'node',
  aliases: ['machine'],
  summary: 'Deletes one of your machines that no workspace is on, instead of keeping it warm.',
  usage: 'node rm|adopt MACHINE',
  examples: ['node rm vm-abcdefghijkl', 'node rm vm-abcdefghijkl --orphan', 'node adopt vm-abcdefghijkl'],
  who: 'Everyone, their own.',
  flags: {
    orphan: { kind: 'boolean', summary: 'one of `nodes --orphans`: for whoever runs Sam, at the console' },
    gone: {
      kind: 'boolean',
      summary: 'it does not exist any more, and nobody has to look: for whoever runs Sam, at the console',
    },
  },
  takes: 'words',
  destructive: true,
} satisfies CommandSpec;

export const node: Command = {
  ...nodeSpec,
  async run({ words, flags }, scene) {
    // Behind the words a flag is a word.
    const isMarked = (flag: string): boolean => flags[flag] === true || words.includes(`--${flag}`);
    const [first, name, ...rest] = words.filter((word) => word !== '--orphan' && word !== '--gone');
    const verb = first?.toLowerCase();
    if ((verb !== 'rm' && verb !== 'adopt') || name === undefined || rest.length > 0)
      throw new UserError(
        'bad-target',
        `Say which machine: ${scene.say('node rm vm-abcdefghijkl')}. All yours: ${scene.say('nodes')}.`,
      );
    const isOrphan = verb === 'adopt' || isMarked('orphan');
    if (isOrphan || isMarked('gone')) refuseOthers(scene);
    const machine = name.toLowerCase();
    const text = isOrphan
      ? await wishFor(verb === 'adopt' ? 'adopt' : 'delete', machine, scene)
      : await (isMarked('gone') ? forget(machine, scene) : remove(machine, scene));
    return { answer: { ok: true, code: 'ok', text } };
  },
};

/** Anybody's: who runs Sam knows what is there. */
async function forget(name: string, { tx, say }: Scene): Promise<string> {
  const [found] = await store.findNodesByName(tx, [name]);
  if (!found)
    throw new UserError('no-node', `There is no machine ${shown(name)}, or Sam knows that it is gone.`);
  await store.forgetNode(tx, found);
  return (
    `\`${found.name}\` is over for Sam, and whatever was on it. If it is still there with Sam's mark, it is deleted ` +
    `when the sweep finds it; what is in doubt: ${say('nodes --orphans')}.`
  );
}

async function remove(name: string, { tx, actor, say }: Scene): Promise<string> {
  const mine = await store.listNodesOf(tx, actor.id);
  const found = mine.find((one) => one.node.name === name || one.node.id === name);
  if (!found)
    throw new UserError('no-node', `You have no machine ${shown(name)}. All yours: ${say('nodes')}.`);
  if (found.node.desired === 'deleted') return `\`${found.node.name}\` is being deleted already.`;
  const isFree = found.workspaces.length === 0 && (await store.retireNode(tx, found.node));
  if (isFree) return `\`${found.node.name}\` goes now.`;
  const [first = 'NAME', ...others] = found.workspaces;
  throw new UserError(
    'node-in-use',
    `On \`${found.node.name}\` there ${others.length > 0 ? 'are' : 'is'} ${[first, ...others].map((one) => `\`${one}\``).join(', ')}. Delete what you do not need first: ${say(`rm ${first}`)}.`,
  );
}
