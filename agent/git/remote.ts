// What goes to the repository's host from a scratch repository: no remote, hook or helper of the checkout's configuration has a part
// in it. Knows no workspace.
import type { Outcome } from '../system/run.ts';
import { protocolOf, runGit, type Git } from './git.ts';

/** The bot waits less long for its answer: this ends a push that nobody waits for any more. */
export const PUSH_TIMEOUT_MS = 15 * 60_000;

/** `scratch`: the folder of one. */
export function talk(git: Git, scratch: string, timeoutMs: number, args: string[]): Promise<Outcome> {
  const variables = { GIT_DIR: scratch };
  return runGit({ ...git, cwd: scratch }, [...promisor(git), ...args], { timeoutMs, variables });
}

/** A clone takes old files when they are needed: a push may need some. */
const promisor = ({ repository }: Git): string[] =>
  protocolOf(repository) === 'file'
    ? []
    : [`url=${repository}`, 'promisor=true', 'partialclonefilter=blob:none'].flatMap((setting) => [
        '-c',
        `remote.origin.${setting}`,
      ]);
