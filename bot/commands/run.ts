// The command that has a workspace's shell run one command line, in a workspace that it finds or makes like `up`.
import { addTurn } from '../tasks/store/turns.ts';
import { bring, checkQueue } from './ask.ts';
import type { StartContext, StartingCommand } from './context.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { keptUntil } from '../workspaces/expiry.ts';
import { findWorkspace } from '../workspaces/store/workspaces.ts';

export const run = {
  name: 'run',
  aliases: ['exec'],
  summary: 'Runs a command line in your workspace, which it makes if there is none, and shows how it ended.',
  usage: 'run [flags] COMMAND LINE',
  examples: ['run npm test', 'run --timeout 10m --ws api-412 make check'],
  who: 'People who can write to the repository, in a workspace of their own, and whom one is shared with to type.',
  flags: {
    ws: { kind: 'name', summary: 'in which workspace of yours' },
    timeout: { kind: 'duration', summary: 'how long it may take; not longer than whoever runs Sam allows' },
  },
  takes: 'line',
  needsWrite: true,
  starts: true,
  isAboutPlace: true,
  continuesThread: true,
  forGuests: { may: 'drive' },
  async run(command, context) {
    const { commandId, answer } = await bring(command, context);
    const workspace = answer.workspace && (await findWorkspace(context.tx, answer.workspace));
    if (!workspace) throw new Error('a workspace that was brought up has no row');
    await checkQueue(workspace, context);
    const before = await addTurn(context.tx, {
      workspace,
      thread: context.place.thread,
      agent: 'shell',
      actor: context.actor.id,
      source: context.front,
      deliveryId: context.deliveryId,
      prompt: command.prompt ?? '',
      // Whoever may say it may do all that they can type.
      policy: { allow: [], deny: [] },
      minutes: minutesOf(command, context),
    });
    const details = { name: workspace.name, before };
    return {
      ...(commandId === undefined ? {} : { commandId }),
      answer: { ok: true, code: 'runs', details, workspace: workspace.id },
    };
  },
} satisfies StartingCommand;

function minutesOf({ flags }: ParsedCommand, { limits, now }: StartContext): number {
  const until = keptUntil(flags['timeout'], now);
  if (!until) return limits.askMinutes;
  return Math.min(limits.askMinutes, Math.ceil((until.getTime() - now.getTime()) / 60_000));
}
