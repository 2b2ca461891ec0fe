// Whether whoever redeems a link may still do on the repository what `open` takes: asked of GitHub, by the owner's id.
// Knows no link and no session.
import type { Logger } from 'pino';
import type { Workspace } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import type { GitHubApp } from '../forges/github/app.ts';
import { readPermission } from '../forges/github/permissions.ts';
import { findIdentities, type Executor } from './store.ts';

export type RepositoryDoor = (workspace: Pick<Workspace, 'id' | 'owner' | 'repository'>) => Promise<boolean>;

/** A page that lost its connection asks for a new ticket again and again. */
const KEPT_MS = 60_000;
const MOST_KEPT = 5_000;

/** True too where nobody can be asked: the workspace is theirs, and without GitHub no password for git is to be had. */
export function createRepositoryDoor({
  db,
  app,
  url,
  log,
}: {
  db: Executor;
  app: Pick<GitHubApp, 'on'>;
  /** `https://github.com`. */
  url: string;
  log: Logger;
}): RepositoryDoor {
  const letIn = new Map<string, number>();
  return async ({ id, owner, repository }) => {
    const key = `${id} ${owner}`;
    if (!repository.startsWith(`${url}/`) || (letIn.get(key) ?? 0) > Date.now()) return true;
    const label = repository.slice(url.length + 1);
    try {
      if (!(await mayWrite(db, app, label, owner))) return false;
    } catch (error) {
      log.warn({ repository: label, error: messageOf(error) }, 'a link is redeemed without asking GitHub');
      return true;
    }
    if (letIn.size >= MOST_KEPT) letIn.clear();
    letIn.set(key, Date.now() + KEPT_MS);
    return true;
  };
}

async function mayWrite(
  db: Executor,
  app: Pick<GitHubApp, 'on'>,
  label: string,
  owner: string,
): Promise<boolean> {
  const person = (await findIdentities(db, [owner], 'github')).get(owner);
  const octokit = person && (await app.on(label));
  if (!octokit) return true;
  const asked = { id: Number(person.externalId), login: person.login };
  const { level } = await readPermission(octokit, label, asked);
  return level === 'write' || level === 'admin';
}
