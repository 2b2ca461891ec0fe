// The command that ends what a coding agent, or a command line, works on.
import { UserError } from '../errors.ts';
import { cancelTurn, lockOpenTurns, type OpenTurn } from '../tasks/store/turns.ts';
import type { Command, CommandContext } from './context.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { findStoppable } from './target.ts';

export const cancel = {
  name: 'cancel',
  aliases: ['abort'],
  summary:
    'Ends what a coding agent, or a command line, works on; what waits comes next, unless all of it is to end.',
  usage: 'cancel [target]',
  examples: ['cancel', 'cancel --all', 'cancel api-412'],
  who: 'Whoever asked, and those who may ask on the repository.',
  flags: {
    all: { kind: 'boolean', summary: 'also what waits' },
  },
  takes: 'target',
  ends: true,
  isForAskers: true,
  async run(command, context) {
    const open = await findCancellable(command, context);
    const meant = open.filter(({ turn }) => turn.desired !== 'cancelled');
    const [first] = meant;
    if (!first) throw new UserError('nothing-asked', {});
    const ending = command.flags['all'] === true ? meant : [first];
    for (const one of ending) await cancelTurn(context.tx, one);
    const { name, id } = first.workspace;
    return {
      answer: { ok: true, code: 'cancelling', details: { name, count: ending.length }, workspace: id },
    };
  },
} satisfies Command;

async function findCancellable(command: ParsedCommand, context: CommandContext): Promise<OpenTurn[]> {
  if (!command.target) {
    const allowed = (await findHere(context)).filter((one) => isAllowed(one, context));
    // Of several people's one's own is meant, as everywhere.
    const own = allowed.filter(({ workspace }) => workspace.owner === context.actor.id);
    return own.length > 0 ? own : allowed;
  }
  const { id } = await findStoppable(command, context);
  return lockOpenTurns(context.tx, { workspace: id });
}

/** In the thread; where a place is about no thread, of all that one has. */
export async function findHere({ tx, front, place, actor, traits }: CommandContext): Promise<OpenTurn[]> {
  if (place.task) return lockOpenTurns(tx, { task: place.task });
  if (place.workspace) return lockOpenTurns(tx, { workspace: place.workspace });
  if (traits.about === 'topic' || traits.about === 'channel')
    return lockOpenTurns(tx, { front, thread: place.thread });
  return lockOpenTurns(tx, { owner: actor.id });
}

/** One's own, and what others asked on a repository where one may ask as well. */
export const isAllowed = ({ workspace }: OpenTurn, { actor, asks }: CommandContext): boolean =>
  workspace.owner === actor.id || workspace.repository.toLowerCase() === asks?.toLowerCase();
