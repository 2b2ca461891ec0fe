// Which workspace a command means: the one it names, the thread's, or the only one; for maintainers also one of somebody else on
// their repository. Asks the store, changes nothing.
import type { Notice } from '../codes.ts';
import type { Access, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { mayName } from './audience.ts';
import type { CommandContext } from './context.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { topicOf } from '../workspaces/naming.ts';
import { findShare, listSharedWith, type ReceivedShare } from '../access/store/shares.ts';
import { can } from '../workspaces/workspace.ts';
import {
  findByName,
  findWorkspace,
  listOfRepository,
  listWorkspaces,
} from '../workspaces/store/workspaces.ts';

/**
 * The row, locked for the command's transaction. Throws UserError: there is none (of yours: somebody else's is the
 * same as none), or several would do.
 */
export async function findTarget(command: ParsedCommand, context: CommandContext): Promise<Workspace> {
  const { target } = command;
  if (target?.kind === 'name') return named(target.name, context);
  const mine = (await listWorkspaces(context.tx, context.actor.id)).filter(
    (workspace) => workspace.desired !== 'deleted',
  );
  const meant = mine.filter((workspace) => isMeant(workspace, command, context));
  const [only] = meant;
  if (only && meant.length === 1) return named(only.id, context);
  if (meant.length === 0) throw nothingMeant(command, mine, context);
  if (!meant.every((one) => mayName(context, one))) throw new UserError('not-nameable', {});
  throw new UserError('which', { names: meant.map(({ name }) => name), verb: command.verb });
}

async function named(name: string, { tx, actor }: CommandContext): Promise<Workspace> {
  const workspace = await findByName(tx, actor.id, name);
  if (!workspace) throw new UserError('no-workspace', { name });
  return workspace;
}

function isMeant(workspace: Workspace, { target }: ParsedCommand, context: CommandContext): boolean {
  const { repository, place } = context;
  if (target?.kind === 'number') return isOfNumber(workspace, target.number, context);
  if (repository)
    return workspace.repository === repository.url && (!repository.ref || workspace.ref === repository.ref);
  if (place.workspace) return workspace.id === place.workspace;
  if (place.topic) return workspace.topic === place.topic;
  return true;
}

/** Of the place's repository, where the place is in one. */
function isOfNumber(workspace: Workspace, number: number, { place, repository }: CommandContext): boolean {
  const url = repository?.url ?? place.repository;
  const isHere = url === undefined || workspace.repository.toLowerCase() === url.toLowerCase();
  return isHere && /\|(pr|issue):/.test(workspace.key) && workspace.key.includes(`:${number}|`);
}

function nothingMeant({ target }: ParsedCommand, mine: Workspace[], { place }: CommandContext): UserError {
  if (place.topic && !target) return new UserError('no-workspace', { why: 'none-here' });
  return new UserError('no-workspace', { why: mine.length === 0 ? 'none-yet' : 'none-such' });
}

/**
 * Like `findTarget`, and for maintainers a workspace of somebody else that is named: first one's own, then those of the
 * repository; for those who run Sam any. Without a name it is always about one's own.
 */
export async function findStoppable(command: ParsedCommand, context: CommandContext): Promise<Workspace> {
  const { tx, actor, maintains, isAdmin } = context;
  const { target, verb } = command;
  if (target?.kind !== 'name' || !(maintains || isAdmin)) return findTarget(command, context);
  if (await findByName(tx, actor.id, target.name)) return findTarget(command, context);
  const others = (await listOfRepository(tx, isAdmin ? undefined : maintains)).filter(
    ({ id, name, desired }) => id === target.name || (name === target.name && desired !== 'deleted'),
  );
  const [only] = others;
  if (others.length > 1) throw whose(others, verb);
  const held = only && (await findByName(tx, only.owner, only.id));
  return held ?? findTarget(command, context);
}

type Owned = Workspace & { ownerName: string };

const whose = (others: Owned[], verb: string): UserError =>
  new UserError('whose', { found: others.map(({ id, ownerName }) => ({ id, owner: ownerName })), verb });

/**
 * Like `findTarget`, and where none of one's own is meant one of somebody else, to look at: on a repository that one may read, or
 * anywhere for whoever runs Sam. Of several in one thread the newest; their card shows them all.
 */
export async function findReadable(command: ParsedCommand, context: CommandContext): Promise<Workspace> {
  const { tx, reads, isAdmin } = context;
  const { target, verb } = command;
  const own = await findTarget(command, context).catch((error: unknown) => {
    if (error instanceof UserError && error.said.code === 'no-workspace') return error;
    throw error;
  });
  const isAnybodys = isAdmin && target?.kind === 'name';
  const maySee = reads !== undefined || isAnybodys;
  if (!(own instanceof UserError)) return own;
  if (!maySee) throw own;
  const others = (await listOfRepository(tx, isAnybodys ? undefined : reads)).filter(
    (one) => one.desired !== 'deleted' && isSeen(one, command, context),
  );
  const [newest] = others;
  if (target?.kind === 'name' && others.length > 1) throw whose(others, verb);
  if (!newest) throw own;
  return newest;
}

/** It is what the words mean, or the thread; never merely one of many in a repository. */
function isSeen(workspace: Workspace, { target }: ParsedCommand, context: CommandContext): boolean {
  const { repository, place } = context;
  const { id, name, topic } = workspace;
  if (target?.kind === 'name') return id === target.name || name === target.name;
  if (target?.kind === 'number') return isOfNumber(workspace, target.number, context);
  if (repository) return topic !== null && topic === topicOf(repository);
  return place.workspace ? id === place.workspace : topic !== null && topic === place.topic;
}

/** What its owner reads on the card; null: they did it themselves. */
export function noticeOf(
  { owner, repository }: Workspace,
  { actor, maintains }: CommandContext,
  what: 'stopped' | 'deleted',
): Notice[] | null {
  if (owner === actor.id) return null;
  const who = maintains?.toLowerCase() === repository.toLowerCase() ? 'maintainer' : 'admin';
  return [{ code: `${who}-${what}`, details: { by: actor.name } }];
}

/**
 * One of somebody else's that is shared with the actor, where none of their own is meant. Undefined: none is. Throws UserError: several
 * would do.
 */
export async function findSharedTarget(
  command: ParsedCommand,
  context: CommandContext,
): Promise<ReceivedShare | undefined> {
  const own = await findTarget(command, context).catch((error: unknown) => error);
  const isMissing = own instanceof UserError && own.said.code === 'no-workspace';
  if (!isMissing) return undefined;
  const { target, verb } = command;
  const shared = (await listSharedWith(context.tx, context.actor.id)).filter(({ workspace }) =>
    target?.kind === 'name'
      ? workspace.id === target.name || workspace.name === target.name
      : isMeant(workspace, command, context),
  );
  if (shared.length > 1)
    throw whose(
      shared.map(({ workspace, ownerName }) => ({ ...workspace, ownerName })),
      verb,
    );
  return shared[0];
}

/** The one of somebody else's that was found before, if it is still shared for that; else one's own. It runs. */
export async function findShared(
  { tx, actor, shared }: CommandContext,
  may: Access,
): Promise<Workspace | undefined> {
  const share = shared === undefined ? undefined : await findShare(tx, shared, actor.id);
  const workspace = share && (await findWorkspace(tx, share.workspaceId));
  if (!workspace) return undefined;
  const { name, phase } = workspace;
  if (may === 'drive' && share.may !== 'drive') throw new UserError('look-only', { name });
  if (!can.open(workspace)) throw new UserError('not-running', { name, phase, next: 'status' });
  return workspace;
}
