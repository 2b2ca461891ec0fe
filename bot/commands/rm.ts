// The command that deletes a workspace.
import type { CommandSpec } from './command.ts';
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { describeLoss, isDirty } from '../workspaces/workspace.ts';
import { findStoppable, noticeOf } from './maintained.ts';
import type { Command, Scene } from './context.ts';
import { wish } from './change.ts';

/** Fronts that ask back before a deletion ask it, too. */
export { isDirty };

export const rmSpec = {
  name: 'rm',
  aliases: ['delete', 'destroy'],
  summary: 'Deletes a workspace and its files; unsaved work is named first and needs `--force`.',
  usage: 'rm [target]',
  examples: ['rm api-412', 'rm old-box --force'],
  who: "The workspace's owner, and those who maintain its repository.",
  flags: {
    force: { kind: 'boolean', short: 'f', summary: 'deletes uncommitted and unpushed work too, at once' },
  },
  takes: 'target',
  destructive: true,
} satisfies CommandSpec;

export const rm: Command = {
  ...rmSpec,
  async run(command, scene) {
    const workspace = await findStoppable(command, scene);
    const force = command.flags['force'] === true;
    const isGoing = workspace.desired === 'deleted' && (workspace.force || !force);
    if (!force && !isGoing) refuseLoss(workspace, scene);
    return wish(workspace, command, scene, {
      desired: 'deleted',
      patch: isGoing
        ? undefined
        : {
            desired: 'deleted',
            desiredBefore: before(workspace),
            force,
            isAutomatic: false,
            notice: noticeOf(workspace, scene, 'maintainer-deleted'),
          },
      // Without it the agent may refuse, and then nobody's terminal shall have ended for nothing.
      isRevoking: force,
      text: isGoing ? `\`${workspace.name}\` is being deleted already.` : '',
    });
  },
};

/** What the agent last said is enough to refuse at once; it looks again itself before it deletes anything. */
function refuseLoss(workspace: Workspace, scene: Scene): void {
  const work = workspace.reported?.work;
  if (!isDirty(work)) return;
  // Another owner may have one of the same name.
  const isOwn = workspace.owner === scene.actor.id;
  const forced = scene.say(`rm ${isOwn ? workspace.name : workspace.id} --force`);
  throw new UserError(
    'dirty',
    isOwn
      ? `${describeLoss(work)} Commit and push it, or delete it all the same: ${forced}.`
      : `${describeLoss(work)} It is not your work: ask its owner, or delete it all the same: ${forced}.`,
  );
}

const before = (workspace: Workspace): Workspace['desired'] =>
  workspace.desired === 'deleted' ? (workspace.desiredBefore ?? 'stopped') : workspace.desired;
