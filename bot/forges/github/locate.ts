// Which repository, and what of it, words on GitHub mean. Asks GitHub; whether the person may know of it is asked elsewhere.
import type { Target } from '../../commands/parser/parsed.ts';
import type { Repository } from '../../commands/context.ts';
import { UserError } from '../../errors.ts';
import type { GitHubApp, Octokit } from './app.ts';
import { readPermission, type Person } from './permissions.ts';
import type { SettingsReader } from './repository-settings.ts';
import * as threads from './threads.ts';

export interface Site {
  app: GitHubApp;
  /** `https://github.com`. */
  url: string;
  settings: SettingsReader;
}

/** Where it was said. `repository`: `owner/name`. */
interface Spot {
  repository: string;
  /** Absent: in a chat that is in no repository. */
  number?: number;
  /** Who asks: of a private repository that they may not read they hear nothing. Absent: nobody knows. */
  sender?: Person | undefined;
}

type Found = NonNullable<Awaited<ReturnType<typeof threads.findRepository>>>;

/** With what its own settings say. Throws UserError: not there, closed, or from a fork of what is private. */
export async function locateOn(
  site: Site,
  target: Target | undefined,
  spot: Spot,
): Promise<Repository | undefined> {
  const found = await find(site, target, spot);
  if (!found) return undefined;
  const { size, idle_time: idleTimeMs } = (await site.settings.read(found.label)).settings;
  return { ...found, size, ...(idleTimeMs === undefined ? {} : { idleTimeMs }) };
}

async function find(site: Site, target: Target | undefined, spot: Spot): Promise<Repository | undefined> {
  switch (target?.kind) {
    case undefined:
      return spot.number === undefined ? undefined : locateNumber(site, spot.repository, spot.number, spot);
    case 'number':
      return locateNumber(site, spot.repository, target.number, spot);
    case 'repository': {
      const { owner, name, ref, number } = target;
      if (number !== undefined) return locateNumber(site, `${owner}/${name}`, number, spot);
      const { repository } = await open(site, `${owner}/${name}`, spot);
      return { ...describe(site, repository), ...(ref ? { ref } : {}) };
    }
    default:
      return undefined;
  }
}

const describe = ({ url }: Site, { name, isPrivate }: Pick<Found, 'name' | 'isPrivate'>): Repository => ({
  url: `${url}/${name}`,
  label: name,
  isPrivate,
});

/** The same for what is not there and for what the App may not see. */
export const unknownRepository = (label: string): UserError => new UserError('no-repository', { label });

async function open(
  { app }: Site,
  label: string,
  spot: Spot,
): Promise<{ octokit: Octokit; repository: Found }> {
  const octokit = await app.on(label);
  const repository = octokit && (await threads.findRepository(octokit, label));
  if (!octokit || !repository || !(await mayKnow(octokit, repository, spot))) throw unknownRepository(label);
  return { octokit, repository };
}

/** Before a word is said of what is in it: which of its threads are closed, how its branches are called. */
async function mayKnow(octokit: Octokit, { name, isPrivate }: Found, spot: Spot): Promise<boolean> {
  const isHere = spot.number !== undefined && spot.repository.toLowerCase() === name.toLowerCase();
  if (!isPrivate || isHere || !spot.sender) return true;
  return (await readPermission(octokit, name, spot.sender)).level !== 'none';
}

async function locateNumber(site: Site, label: string, number: number, spot: Spot): Promise<Repository> {
  const { octokit, repository } = await open(site, label, spot);
  const address = { repository: repository.name, number };
  const issue = await threads.findIssue(octokit, address);
  if (!issue) throw new UserError('no-thread', { label: repository.name, number });
  const { isPullRequest } = issue;
  if (!issue.isOpen)
    throw new UserError('thread-closed', {
      isPullRequest,
      label: repository.name,
      branch: repository.branch,
    });
  if (!isPullRequest)
    return { ...describe(site, repository), ref: repository.branch, goal: `issue:${number}` };
  return locatePullRequest(site, octokit, repository, number);
}

async function locatePullRequest(
  site: Site,
  octokit: Octokit,
  { name, isPrivate }: Found,
  number: number,
): Promise<Repository> {
  const address = { repository: name, number };
  const found = await threads.findPullRequest(octokit, address);
  if (!found) throw unknownRepository(name);
  const { from, branch, sha } = found;
  const head = { ...describe(site, { name, isPrivate }), commit: sha, goal: `pr:${number}` };
  if (from?.toLowerCase() === name.toLowerCase()) return { ...head, ref: branch };
  // Its commits cannot be had without a password, and it gets none.
  if (isPrivate) throw new UserError('fork-closed', { ...(from && { from }), label: name, branch });
  return { ...head, ref: `refs/pull/${number}/head`, fork: { ...(from && { from }), head: sha } };
}
