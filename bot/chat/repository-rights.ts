// Whether a person's permission on a repository is enough, whatever front they speak on. Asks GitHub when the command runs.
import { UserError } from '../errors.ts';
import type { Octokit } from '../github/app.ts';
import { readPermission, type Permission, type Person } from '../github/permissions.ts';
import { unknownRepository } from './github-places.ts';

export interface Wanted {
  /** `owner/name`. */
  label: string;
  person: Person;
  /** What they said, without its words. */
  line: string;
  needsWrite: boolean;
  /** They know that it is there: it was said there, or is theirs. */
  isKnown: boolean;
}

/** Throws UserError: `forbidden`, or what a repository that is not there gives. */
export async function checkRight(octokit: Octokit, wanted: Wanted): Promise<void> {
  const { label, person, line, needsWrite, isKnown } = wanted;
  const permission = await readPermission(octokit, label, person);
  // Who may not read it is not told that it is there.
  if (permission.level === 'none' && !isKnown) throw unknownRepository(label);
  if (!isEnough(permission, needsWrite))
    throw new UserError('forbidden', describeLack(line, label, permission));
}

/** On a public repository everybody reads. */
const isEnough = ({ level }: Permission, needsWrite: boolean): boolean =>
  level === 'write' || level === 'admin' || (level === 'read' && !needsWrite);

const describeLack = (line: string, label: string, { level, role }: Permission): string =>
  `\`${line}\` needs **write** on \`${label}\`; you have **${level === 'none' ? 'nothing' : role || level}**. A maintainer can run it for you.`;
