// The command that gives a link to the terminal.
import { UserError } from '../errors.ts';
import { can } from '../workspaces/workspace.ts';
import { findShared, findTarget } from './target.ts';
import type { Command } from './context.ts';

export const open = {
  name: 'open',
  aliases: ['link', 'attach', 'terminal', 'url'],
  summary: 'Gives you a link that opens a terminal in the browser.',
  usage: 'open [target]',
  examples: ['open', 'open #412', 'open api-412'],
  who: "The workspace's owner, and whom it is shared with.",
  flags: {},
  takes: 'target',
  gives: true,
  common: true,
  needsWrite: true,
  forGuests: { may: 'view' },
  async run(command, context) {
    const workspace = (await findShared(context, 'view')) ?? (await findTarget(command, context));
    if (can.open(workspace))
      return { answer: { ok: true, code: 'ok', details: {}, workspace: workspace.id, link: 'now' } };
    const next = workspace.phase === 'failed' ? 'retry' : can.start(workspace) ? 'start' : 'status';
    throw new UserError('not-running', { name: workspace.name, phase: workspace.phase, next });
  },
} satisfies Command;
