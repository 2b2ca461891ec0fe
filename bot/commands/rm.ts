// The command that deletes a workspace.
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { isDirty } from '../workspaces/workspace.ts';
import { findStoppable, noticeOf } from './target.ts';
import type { Command, CommandContext } from './context.ts';
import { change } from './change.ts';

export const rm = {
  name: 'rm',
  aliases: ['delete', 'destroy'],
  summary: 'Deletes a workspace and its files; unsaved work is named first and needs `--force`.',
  usage: 'rm [target]',
  examples: ['rm api-412', 'rm old-box --force'],
  who: "The workspace's owner, those who maintain its repository, and those who run Sam.",
  flags: {
    force: { kind: 'boolean', short: 'f', summary: 'deletes uncommitted and unpushed work too, at once' },
  },
  takes: 'target',
  isForAdmins: true,
  ends: true,
  isForMaintainers: true,
  destructive: true,
  async run(command, context) {
    const workspace = await findStoppable(command, context);
    const force = command.flags['force'] === true;
    const isGoing = workspace.desired === 'deleted' && (workspace.force || !force);
    if (!force && !isGoing) refuseLoss(workspace, context);
    return change(workspace, command, context, {
      desired: 'deleted',
      patch: isGoing
        ? undefined
        : {
            desired: 'deleted',
            desiredBefore: before(workspace),
            force,
            isAutomatic: false,
            notice: noticeOf(workspace, context, 'deleted'),
          },
      // Without it the agent may refuse, and then nobody's terminal shall have ended for nothing.
      isRevoking: force,
      said: isGoing ? { code: 'deleting-already', details: { name: workspace.name } } : undefined,
    });
  },
} satisfies Command;

/** What the agent last said is enough to refuse at once; it looks again itself before it deletes anything. */
function refuseLoss(workspace: Workspace, { actor }: CommandContext): void {
  const work = workspace.reported?.work;
  if (!isDirty(work)) return;
  const isOwn = workspace.owner === actor.id;
  // Another owner may have one of the same name.
  throw new UserError('dirty', { work, name: isOwn ? workspace.name : workspace.id, isOwn });
}

const before = (workspace: Workspace): Workspace['desired'] =>
  workspace.desired === 'deleted' ? (workspace.desiredBefore ?? 'stopped') : workspace.desired;
