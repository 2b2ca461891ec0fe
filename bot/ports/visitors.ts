// Who sees a port: its workspace's owner, and with a share whoever may read the repository. Asked of the rows and of the forge at each
// request; in doubt no. Knows no HTTP.
import type { RepositoryGuard, RightLeft } from '../access/repository-guard.ts';
import { isCurrent, isKnownFor, isOwner } from '../access/rights.ts';
import type { BrowserSession } from '../database/types.ts';
import type { PortPlace } from './ports-store.ts';

/**
 * `ended`: what let this browser in is over. `closed`: by its owner, who asks. `stopped`: theirs to see, if it ran. `unknown`: nobody can
 * say it now; `title`: of the forge that is silent, as people call it.
 */
export type Sight =
  | { is: 'open' }
  | { is: 'none' }
  | { is: 'ended' }
  | { is: 'stopped' }
  | { is: 'closed' }
  | { is: 'unknown'; title?: string };

type Visitor = { user: string; workspaces: BrowserSession['workspaces'] };

/** `maxAgeMs`: as of the guard. */
export type PortSight = (visitor: Visitor, place: PortPlace, maxAgeMs?: number) => Promise<Sight>;

/** `mayStill`: whether a workspace's owner still has the right to it, and whether somebody else may read its repository. */
export function createSight(mayStill: RepositoryGuard): PortSight {
  return async (visitor, { workspace, said }, maxAgeMs) => {
    if (!isKnownFor(visitor, workspace.id)) return { is: 'ended' };
    const isOff = workspace.desired !== 'running' || workspace.phase !== 'running';
    if (isOwner(visitor.user, workspace)) {
      if (isOff) return { is: 'stopped' };
      if (!isCurrent(visitor, workspace)) return { is: 'ended' };
      if (said?.isClosed === true) return { is: 'closed' };
      return sightOf(await mayStill(workspace, maxAgeMs));
    }
    // A code lets in whom it was made for, not whoever may read.
    const isShared = said !== null && !said.isClosed && said.sharedAccess === workspace.access;
    if (!isShared || visitor.workspaces !== null) return { is: 'none' };
    const seen = sightOf(await mayStill({ ...workspace, guest: visitor.user }, maxAgeMs));
    return seen.is === 'open' && isOff ? { is: 'stopped' } : seen;
  };
}

function sightOf(right: RightLeft): Sight {
  switch (right.is) {
    case 'there':
      return { is: 'open' };
    case 'gone':
      return { is: 'none' };
    case 'unknown':
      return right;
    case 'too-often':
      return { is: 'unknown' };
    default:
      return right satisfies never;
  }
}
