// Whether whoever redeems a link may still do on the repository what `open` takes: asked of its forge, by the owner's id.
// Knows no link and no session.
import type { Logger } from 'pino';
import type { Executor, Workspace } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import { findForge, type Forge } from '../forges/forge.ts';
import { isEnough } from '../forges/rights.ts';
import { findIdentities } from './store/people.ts';

export type RepositoryGuard = (workspace: Pick<Workspace, 'id' | 'owner' | 'repository'>) => Promise<boolean>;

/** A page that lost its connection asks for a new ticket again and again. */
const KEPT_MS = 60_000;
const MAX_KEPT = 5_000;

/** True too where nobody can be asked: the workspace is theirs, and without a forge no password for git is to be had. */
export function createRepositoryGuard({
  db,
  forges,
  log,
}: {
  db: Executor;
  forges: readonly Forge[];
  log: Logger;
}): RepositoryGuard {
  const letIn = new Map<string, number>();
  return async ({ id, owner, repository }) => {
    const key = `${id} ${owner}`;
    const place = findForge(forges, repository);
    if (!place || (letIn.get(key) ?? 0) > Date.now()) return true;
    const { forge, label } = place;
    try {
      if (!(await mayWrite(db, forge, label, owner))) return false;
    } catch (error) {
      log.warn(
        { repository: label, error: messageOf(error) },
        `a link is redeemed without asking ${forge.title}`,
      );
      return true;
    }
    if (letIn.size >= MAX_KEPT) letIn.clear();
    letIn.set(key, Date.now() + KEPT_MS);
    return true;
  };
}

async function mayWrite(db: Executor, forge: Forge, label: string, owner: string): Promise<boolean> {
  const person = (await findIdentities(db, [owner], forge.name)).get(owner);
  if (!person) return true;
  const permission = await forge.readPermission(label, { id: person.externalId, login: person.login });
  return permission === undefined || isEnough(permission, 'write');
}
