// Whether a person's permission on a repository is enough, whatever front they speak on. Asks GitHub when the command runs.
import type { ParsedCommand } from '../commands/parser/parsed.ts';
import type { Command } from '../commands/context.ts';
import { UserError } from '../errors.ts';
import type { Octokit } from './github/app.ts';
import { readPermission, type Permission, type Person } from './github/permissions.ts';
import type { RepositorySettings, SettingsReader } from './github/repository-settings.ts';
import { unknownRepository } from './github/locate.ts';

export interface Wanted {
  /** `owner/name`. */
  label: string;
  person: Person;
  command: Command;
  line: ParsedCommand;
  /** They know that it is there: it was said there, or is theirs. */
  isKnown: boolean;
}

/** Throws UserError: `forbidden`, `needs-maintainer`, or what a repository that is not there gives. */
export async function checkRight(
  octokit: Octokit,
  settings: SettingsReader,
  wanted: Wanted,
): Promise<{ maintains: boolean }> {
  const { label, person, command, line, isKnown } = wanted;
  const permission = await readPermission(octokit, label, person);
  // Who may not read it is not told that it is there.
  if (permission.level === 'none' && !isKnown) throw unknownRepository(label);
  const needed = await neededFor(command, label, settings);
  const has = nameOf(permission);
  if (!isEnough(permission, needed))
    throw new UserError('forbidden', { verb: line.verb, label, needed, has });
  const maintains = isEnough(permission, 'maintain');
  const flag = Object.keys(line.flags).find((name) => command.flags[name]?.needsMaintain);
  if (flag && !maintains) throw new UserError('needs-maintainer', { flag, label, has, line: line.line });
  return { maintains };
}

type Needed = 'read' | RepositorySettings['who'];

async function neededFor(
  { starts, needsWrite }: Command,
  label: string,
  settings: SettingsReader,
): Promise<Needed> {
  if (starts) return (await settings.read(label)).settings.who;
  return needsWrite ? 'write' : 'read';
}

/** On a public repository everybody reads. Custom roles that build on maintain have names of their own: they are write. */
export function isEnough({ level, role }: Permission, needed: Needed): boolean {
  switch (needed) {
    case 'read':
      return level !== 'none';
    case 'write':
      return level === 'write' || level === 'admin';
    case 'maintain':
      return level === 'admin' || (level === 'write' && role === 'maintain');
    case 'admin':
      return level === 'admin';
    default:
      return needed satisfies never;
  }
}

const nameOf = ({ level, role }: Permission): string => (level === 'none' ? 'nothing' : role || level);
