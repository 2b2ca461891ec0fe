// Writes down what a person wants of a workspace: the row, the command, the event, all in the scene's transaction.
import type { Answer, Desired, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import type { Outcome, Scene } from './context.ts';

export interface Wish {
  /** Null: the verb wants no other state. */
  desired: Desired | null;
  /** Absent: it is so already, nothing changes. */
  patch?: store.WorkspacePatch | undefined;
  /** Tickets, links and open terminals end with it. */
  isRevoking?: boolean;
  text?: string;
  link?: Answer['link'];
}

/** Throws UserError for a wish to have back what is being deleted. */
export function refuseGoing(
  { name, desired }: Workspace,
  patch: store.WorkspacePatch | undefined,
  { say }: Scene,
): void {
  if (desired !== 'deleted' || !patch?.desired || patch.desired === 'deleted') return;
  throw new UserError(
    'deleting',
    `\`${name}\` is being deleted, and nothing brings it back. Make a new one: ${say('up')}.`,
  );
}

export async function wish(
  workspace: Workspace,
  command: ParsedCommand,
  scene: Scene,
  wanted: Wish,
): Promise<Outcome> {
  refuseGoing(workspace, wanted.patch, scene);
  const changed = wanted.patch
    ? await store.changeWorkspace(scene.tx, workspace, wanted.patch, wanted.isRevoking)
    : workspace;
  const commandId = await store.recordCommand(scene.tx, changed, {
    actor: scene.actor.id,
    front: scene.front,
    verb: command.verb,
    line: command.line,
    desired: wanted.desired,
  });
  const link = wanted.link ? { link: wanted.link } : {};
  return {
    commandId,
    answer: { ok: true, code: 'ok', text: wanted.text ?? '', workspace: workspace.id, ...link },
  };
}
