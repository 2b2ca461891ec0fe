// Whether a person's permission on a repository is enough, whatever front they speak on. Asks the forge when the command runs.
import { UserError } from '../errors.ts';
import { unknownRepository } from './find.ts';
import type { Forge, GitOperation, Permission, Person, RepositoryRules } from './forge.ts';

export interface Wanted {
  /** `owner/name`. */
  label: string;
  person: Person;
  /** What commands begin with where it was said. */
  trigger: string;
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
  const { label, person, trigger, command, line, isKnown } = wanted;
  const permission = await forge.readPermission(label, person);
  // Who may not read it is not told that it is there.
  if (!permission || (permission.level === 'none' && !isKnown)) throw unknownRepository(label);
  const needed = await neededFor(command, label, forge);
  if (!isEnough(permission, needed))
    throw new UserError('forbidden', describeLack(`${trigger} ${line.verb}`, label, permission, needed));
  const maintains = isEnough(permission, 'maintain');
  const flag = Object.keys(line.flags).find((name) => command.flags[name]?.needsMaintain);
  if (flag && !maintains)
    throw new UserError(
      'needs-maintainer',
      `\`--${flag}\` needs **maintain** or **admin** on \`${label}\`; you have **${nameOf(permission)}**. Ask one who has it to say: \`${trigger} ${line.line}\`.`,
    );
  return { maintains };
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

const describeLack = (said: string, label: string, permission: Permission, needed: Needed): string =>
  `\`${said}\` needs **${needed}** on \`${label}\`; you have **${nameOf(permission)}**. ${needed === 'admin' ? 'An administrator' : 'A maintainer'} can run it for you.`;

/** Throws UserError (`no-app`, `no-access`, `forbidden`): a sentence for the person at the terminal. */
export async function checkGitRight(
  forge: Forge,
  repository: string,
  person: Person,
  operation: GitOperation,
): Promise<void> {
  const permission = await forge.readPermission(repository, person);
  if (!permission)
    throw new UserError(
      'no-app',
      `Sam's App is not installed on ${repository}, so it has no password for it. Ask an owner of it to install the App, then try again.`,
    );
  if (!isEnough(permission, 'read'))
    throw new UserError(
      'no-access',
      `${person.login} may not read ${repository} (any more). Ask a maintainer of it for access, then try again.`,
    );
  if (operation === 'push' && !isEnough(permission, 'write'))
    throw new UserError(
      'forbidden',
      `${person.login} may not push to ${repository}: that needs write, and you have ${permission.role}. Ask a maintainer of it; your commits are safe here.`,
    );
}
