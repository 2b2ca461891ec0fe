// Which workspace a command means: the one it names, the thread's, or the only one. Asks the store, changes nothing.
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { shown } from './say.ts';
import type { Scene } from './context.ts';

/**
 * The row, locked for the command's transaction. Throws UserError: there is none (of yours: somebody else's is the
 * same as none), or several would do.
 */
export async function findTarget(command: ParsedCommand, scene: Scene): Promise<Workspace> {
  const { target } = command;
  if (target?.kind === 'name') return named(target.name, scene);
  const mine = (await store.listWorkspaces(scene.tx, scene.actor.id)).filter(
    (workspace) => workspace.desired !== 'deleted',
  );
  const meant = mine.filter((workspace) => isMeant(workspace, command, scene));
  const [only] = meant;
  if (only && meant.length === 1) return named(only.id, scene);
  if (meant.length === 0) throw nothingMeant(command, mine, scene);
  const names = meant.map((workspace) => `\`${workspace.name}\``).join(', ');
  throw new UserError(
    'which',
    `You have ${meant.length} workspaces here: ${names}. Say which: ${scene.say(`${command.verb} ${only?.name ?? 'NAME'}`)}.`,
  );
}

async function named(name: string, scene: Scene): Promise<Workspace> {
  const workspace = await store.findByName(scene.tx, scene.actor.id, name);
  if (!workspace)
    throw new UserError(
      'no-workspace',
      `There is no workspace ${shown(name)} here that you can see. All yours: ${scene.say('list')}.`,
    );
  return workspace;
}

function isMeant(workspace: Workspace, { target }: ParsedCommand, scene: Scene): boolean {
  if (target?.kind === 'number') return isOfNumber(workspace, target.number, scene);
  if (scene.repository)
    return (
      workspace.repository === scene.repository.url &&
      (!scene.repository.ref || workspace.ref === scene.repository.ref)
    );
  if (scene.place.workspace) return workspace.id === scene.place.workspace;
  if (scene.place.topic) return workspace.topic === scene.place.topic;
  return true;
}

/** Of the place's repository, where the place is in one. */
function isOfNumber(workspace: Workspace, number: number, { place, repository }: Scene): boolean {
  const url = repository?.url ?? place.repository;
  const isHere = url === undefined || workspace.repository.toLowerCase() === url.toLowerCase();
  return isHere && /\|(pr|issue):/.test(workspace.key) && workspace.key.includes(`:${number}|`);
}

function nothingMeant(command: ParsedCommand, mine: Workspace[], scene: Scene): UserError {
  if (scene.place.topic && !command.target)
    return new UserError('no-workspace', `You have no workspace here. Make one: ${scene.say('up')}.`);
  if (mine.length === 0)
    return new UserError(
      'no-workspace',
      `You have no workspace yet. Make one: ${scene.say('up owner/name')}.`,
    );
  return new UserError(
    'no-workspace',
    `You have no workspace for that. All yours: ${scene.say('list')}. A new one: ${scene.say('up owner/name')}.`,
  );
}
