// Whether a person's permission on a repository is enough, whatever front they speak on. Asks the forge when the command runs.
import { UserError } from '../errors.ts';
import { unknownRepository } from './find.ts';
import type { Forge, GitOperation, Permission, Person, RepositoryRules } from './forge.ts';

export interface Wanted {
  /** `owner/name`. */
  label: string;
  person: Person;
  /** `starts`: it makes a workspace run, and so costs something. */
  command: {
    starts?: boolean;
    needsWrite?: boolean;
    flags: Readonly<Record<string, { needsMaintain?: boolean }>>;
  };
  line: { verb: string; line: string; flags: Readonly<Record<string, unknown>> };
  /** They know that it is there: it was said there, or is theirs. */
  isKnown: boolean;
}

/** Throws UserError: `forbidden`, `needs-maintainer`, or what a repository that is not there gives. */
export async function checkRight(forge: Forge, wanted: Wanted): Promise<{ maintains: boolean }> {
  const { label, person, command, line, isKnown } = wanted;
  const permission = await forge.readPermission(label, person);
  // Who may not read it is not told that it is there.
  if (!permission || (permission.level === 'none' && !isKnown)) throw unknownRepository(label);
  const needed = await neededFor(command, label, forge);
  const has = nameOf(permission);
  if (!isEnough(permission, needed))
    throw new UserError('forbidden', { verb: line.verb, label, needed, has });
  const maintains = isEnough(permission, 'maintain');
  const flag = Object.keys(line.flags).find((name) => command.flags[name]?.needsMaintain);
  if (flag && !maintains) throw new UserError('needs-maintainer', { flag, label, has, line: line.line });
  return { maintains };
}

/** Whether a person may have coding agents work there: as much as it takes to start a workspace. */
export async function mayAsk(forge: Forge, label: string, person: Person): Promise<boolean> {
  const permission = await forge.readPermission(label, person);
  return isEnough(permission, (await forge.readRules(label)).who);
}

type Needed = 'read' | RepositoryRules['who'];

async function neededFor(
  { starts, needsWrite }: Wanted['command'],
  label: string,
  forge: Forge,
): Promise<Needed> {
  if (starts) return (await forge.readRules(label)).who;
  return needsWrite ? 'write' : 'read';
}

const LEVELS: readonly Permission['level'][] = ['none', 'read', 'write', 'maintain', 'admin'];

/** On a public repository everybody reads. Undefined: nobody could say, which is a no. */
export const isEnough = (permission: Permission | undefined, needed: Needed): boolean =>
  permission !== undefined && LEVELS.indexOf(permission.level) >= LEVELS.indexOf(needed);

const nameOf = ({ level, role }: Permission): string => (level === 'none' ? 'nothing' : role || level);

/** Throws UserError (`no-app`, `no-access`, `no-push`) for the person at the terminal. */
export async function checkGitRight(
  forge: Forge,
  repository: string,
  person: Person,
  operation: GitOperation,
): Promise<void> {
  const permission = await forge.readPermission(repository, person);
  if (!permission) throw new UserError('no-app', { repository });
  if (!isEnough(permission, 'read')) throw new UserError('no-access', { login: person.login, repository });
  if (operation === 'push' && !isEnough(permission, 'write'))
    throw new UserError('no-push', { login: person.login, repository, role: permission.role });
}
