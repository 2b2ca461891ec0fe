// The command that pushes what a workspace has to a branch of its own, and offers it as a change of the repository.
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { addProposal } from '../tasks/store/proposals.ts';
import { countOpen } from '../tasks/store/turns.ts';
import type { Command } from './context.ts';
import { findTarget } from './target.ts';

export const pr = {
  name: 'pr',
  aliases: ['propose'],
  summary: "Pushes a workspace's work to a branch of its own, and opens a pull request with it.",
  usage: 'pr [target]',
  examples: ['pr', 'pr api-412', 'pr --base main'],
  who: "The workspace's owner, who can push to the repository.",
  flags: {
    base: { kind: 'ref', summary: 'into which branch; else the one that the workspace was made of' },
  },
  takes: 'target',
  needsWrite: true,
  async run(command, context) {
    const { tx, actor, front, place, deliveryId } = context;
    const workspace = await findTarget(command, context);
    checkProposable(workspace);
    const { id, name, phase, desired } = workspace;
    if (desired === 'deleted') throw new UserError('deleting', { name });
    if (phase !== 'running' || desired !== 'running')
      throw new UserError('not-running', { name, phase, next: phase === 'stopped' ? 'start' : 'status' });
    const base = command.flags['base'];
    const branch = await addProposal(tx, {
      workspace,
      actor: actor.id,
      front,
      thread: place.thread,
      cause: deliveryId,
      base: typeof base === 'string' ? base : undefined,
    });
    const waits = (await countOpen(tx, id)) > 0;
    return { answer: { ok: true, code: 'proposing', details: { name, branch, waits }, workspace: id } };
  },
} satisfies Command;

/** Throws UserError where nothing can be offered. */
export function checkProposable({ name, fork, repository }: Workspace): void {
  if (fork) throw new UserError('no-proposing-forks', { name });
  if (!/^https?:/.test(repository)) throw new UserError('no-proposing-here', { name });
}
