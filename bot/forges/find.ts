// Which repository, and what of it, words on a forge mean. Asks the forge; whether the person may start it is asked elsewhere.
import { UserError } from '../errors.ts';
import {
  addressOf,
  type Forge,
  type FoundRepository,
  type Person,
  type Repository,
  type RepositoryTarget,
} from './forge.ts';

/** What of the forge is meant: `number` is of the repository where it was said, undefined: that very place. */
export type ForgeTarget =
  | Extract<RepositoryTarget, { kind: 'repository' }>
  | { kind: 'number'; number: number }
  | undefined;

/** Where it was said. `repository`: `owner/name`. */
interface Spot {
  repository: string;
  /** Absent: in a chat that is in no repository. */
  number?: number;
  /** Who asks: of a private repository that they may not read they hear nothing. Absent: nobody knows. */
  sender?: Person | undefined;
}

/** With what its own settings say. Throws UserError: not there, closed, or from a fork of what is private. */
export async function locateOn(
  forge: Forge,
  target: ForgeTarget,
  spot: Spot,
): Promise<Repository | undefined> {
  const found = await find(forge, target, spot);
  if (!found) return undefined;
  const { size, idleTimeMs } = await forge.readRules(found.label);
  return { ...found, size, ...(idleTimeMs === undefined ? {} : { idleTimeMs }) };
}

async function find(forge: Forge, target: ForgeTarget, spot: Spot): Promise<Repository | undefined> {
  switch (target?.kind) {
    case undefined:
      return spot.number === undefined ? undefined : locateNumber(forge, spot.repository, spot.number, spot);
    case 'number':
      return locateNumber(forge, spot.repository, target.number, spot);
    case 'repository': {
      const { owner, name, ref, number } = target;
      if (number !== undefined) return locateNumber(forge, `${owner}/${name}`, number, spot);
      const repository = await open(forge, `${owner}/${name}`, spot);
      return { ...describe(forge, repository), ...(ref ? { ref } : {}) };
    }
  }
}

const describe = (forge: Forge, { label, isPrivate }: FoundRepository): Repository => ({
  url: addressOf(forge, label),
  label,
  isPrivate,
});

/** The same for what is not there and for what the App may not see. */
export const unknownRepository = (label: string): UserError => new UserError('no-repository', { label });

async function open(forge: Forge, label: string, spot: Spot): Promise<FoundRepository> {
  const repository = await forge.findRepository(label);
  if (!repository || !(await mayKnow(forge, repository, spot))) throw unknownRepository(label);
  return repository;
}

/** Before a word is said of what is in it: which of its threads are closed, how its branches are called. */
async function mayKnow(forge: Forge, { label, isPrivate }: FoundRepository, spot: Spot): Promise<boolean> {
  const isHere = spot.number !== undefined && isSame(spot.repository, label);
  if (!isPrivate || isHere || !spot.sender) return true;
  const permission = await forge.readPermission(label, spot.sender);
  return permission !== undefined && permission.level !== 'none';
}

async function locateNumber(forge: Forge, asked: string, number: number, spot: Spot): Promise<Repository> {
  const repository = await open(forge, asked, spot);
  const thread = await forge.findThread(repository.label, number);
  if (!thread) throw new UserError('no-thread', { label: repository.label, number });
  const { label, branch } = repository;
  if (!thread.isOpen) throw new UserError('thread-closed', { isPullRequest: thread.isChange, label, branch });
  if (!thread.isChange)
    return { ...describe(forge, repository), ref: repository.branch, goal: `issue:${number}` };
  return locateChange(forge, repository, number);
}

async function locateChange(forge: Forge, repository: FoundRepository, number: number): Promise<Repository> {
  const { label, isPrivate } = repository;
  const found = await forge.findChange(label, number);
  if (!found) throw unknownRepository(label);
  const { from, branch, head: commit, ref } = found;
  const head = { ...describe(forge, repository), commit, goal: `pr:${number}` };
  if (from !== undefined && isSame(from, label)) return { ...head, ref: branch };
  // Its commits cannot be had without a password, and it gets none.
  if (isPrivate) throw new UserError('fork-closed', { ...(from && { from }), label, branch });
  return { ...head, ref, fork: { ...(from && { from }), head: commit } };
}

const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
