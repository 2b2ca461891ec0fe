// The command that opens a workspace at what a review comment is about.
import { UserError } from '../errors.ts';
import { bringUp } from './up.ts';
import type { StartingCommand } from './context.ts';
import { findWorkspace } from '../workspaces/store/workspaces.ts';

export const here = {
  name: 'here',
  aliases: [],
  summary: 'Opens a workspace at the commit of the review comment that it answers.',
  usage: 'here',
  examples: ['here', 'here --size large'],
  who: 'People who can write to the repository.',
  flags: {
    size: { kind: 'size', short: 's', summary: 'how big its machine is' },
  },
  takes: 'none',
  needs: 'hasReviews',
  needsWrite: true,
  starts: true,
  isAboutPlace: true,
  async run(command, context) {
    const { repository, place } = context;
    const { comment } = place;
    if (!comment || !repository) throw new UserError('no-review-comment', {});
    const { path, line, commit } = comment;
    // Of a fork a maintainer lets in a head, and no other commit.
    if (repository.fork && commit !== repository.fork.head)
      throw new UserError('here-outdated', { commit, head: repository.fork.head });
    const outcome = await bringUp(command, context, commit);
    const workspace = outcome.answer.workspace && (await findWorkspace(context.tx, outcome.answer.workspace));
    if (!workspace) throw new Error('a workspace that was brought up has no row');
    const details = { name: workspace.name, path, commit, ...(line === undefined ? {} : { line }) };
    return { ...outcome, answer: { ...outcome.answer, ok: true, code: 'here', details } };
  },
} satisfies StartingCommand;
