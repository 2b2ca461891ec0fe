// What maintainers may do with the workspaces of others on their repository: find them by name. Changes nothing.
import type { Notice } from '../codes.ts';
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './find.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { plain } from './say.ts';
import type { Scene } from './context.ts';

/**
 * Like `findTarget`, and for maintainers a workspace of somebody else that is named: first one's own, then those of the
 * repository. Without a name it is always about one's own.
 */
export async function findStoppable(command: ParsedCommand, scene: Scene): Promise<Workspace> {
  const { target } = command;
  if (target?.kind !== 'name' || !scene.maintains) return findTarget(command, scene);
  if (await store.findByName(scene.tx, scene.actor.id, target.name)) return findTarget(command, scene);
  const others = (await store.listOfRepository(scene.tx, scene.maintains)).filter(
    ({ id, name, desired }) => id === target.name || (name === target.name && desired !== 'deleted'),
  );
  const [only] = others;
  if (others.length > 1) throw whose(others, command, scene);
  const held = only && (await store.findByName(scene.tx, only.owner, only.id));
  return held ?? findTarget(command, scene);
}

function whose(
  others: (Workspace & { ownerName: string })[],
  { verb }: ParsedCommand,
  scene: Scene,
): UserError {
  const names = others.map(({ id, ownerName }) => `\`${id}\` of \`${plain(ownerName)}\``).join(', ');
  return new UserError(
    'which',
    `${others.length} people have a workspace of that name: ${names}. Say whose: ${scene.say(`${verb} ${others[0]?.id ?? 'ID'}`)}.`,
  );
}

/** What its owner reads on the card; null: they did it themselves. */
export const noticeOf = (
  workspace: Workspace,
  { actor }: Scene,
  code: 'maintainer-stopped' | 'maintainer-deleted',
): Notice[] | null => (workspace.owner === actor.id ? null : [{ code, details: { by: actor.name } }]);
