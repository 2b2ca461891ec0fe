// Who sees a port: its workspace's owner, and with a share whoever may read the repository. Asked of the rows and of the forge at each
// request; in doubt no. Knows no HTTP.
import type { Logger } from 'pino';
import type { RepositoryGuard } from '../access/repository-guard.ts';
import { createBucket } from '../access/repository-guard.ts';
import { isCurrent, isKnownFor, isOwner } from '../access/rights.ts';
import { findIdentities } from '../access/store/people.ts';
import type { BrowserSession, Executor, Workspace } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import { findForge, type Forge } from '../forges/forge.ts';
import { isEnough } from '../forges/rights.ts';
import type { PortPlace } from './ports-store.ts';

/** `ended`: what let this browser in is over. `closed`: by its owner, who asks. `stopped`: theirs to see, if it ran. `unknown`: the forge does not say it now; `title`: as people call it. */
export type Sight =
  | { is: 'open' }
  | { is: 'none' }
  | { is: 'ended' }
  | { is: 'stopped' }
  | { is: 'closed' }
  | { is: 'unknown'; title: string };

type Visitor = { user: string; workspaces: BrowserSession['workspaces'] };

export type PortSight = (visitor: Visitor, place: PortPlace) => Promise<Sight>;

export interface SightOptions {
  db: Executor;
  forges: readonly Forge[];
  log: Pick<Logger, 'warn'>;
  /** Whether a workspace's owner still has the right to it. */
  mayStill: RepositoryGuard;
}

export function createSight(options: SightOptions): PortSight {
  const mayRead = createReaders(options);
  return async (visitor, { workspace, said }) => {
    if (!isKnownFor(visitor, workspace.id)) return { is: 'ended' };
    const isOff = workspace.desired !== 'running' || workspace.phase !== 'running';
    if (isOwner(visitor.user, workspace)) {
      if (isOff) return { is: 'stopped' };
      if (!isCurrent(visitor, workspace)) return { is: 'ended' };
      if (said?.isClosed === true) return { is: 'closed' };
      const right = await options.mayStill(workspace);
      if (right.is === 'unknown') return right;
      return { is: right.is === 'there' ? 'open' : 'none' };
    }
    // A code lets in whom it was made for, not whoever may read.
    const isShared = said !== null && !said.isClosed && said.sharedAccess === workspace.access;
    if (!isShared || visitor.workspaces !== null) return { is: 'none' };
    const right = await mayRead(visitor.user, workspace);
    if (right.is !== 'open') return right;
    return { is: isOff ? 'stopped' : 'open' };
  };
}

/** A yes and a no are kept for as long as a person may wait for the other one. */
const KEPT_MS = 60_000;
const SILENCE_KEPT_MS = 5_000;
const MAX_KEPT = 5_000;

/** Whom the forge lets read the repository. Of repositories that no forge has nobody can say it. */
function createReaders({ db, forges, log }: SightOptions) {
  const known = new Map<string, { answer: Promise<Sight>; until: number }>();
  const mayAsk = createBucket();
  return (user: string, { repository }: Pick<Workspace, 'repository'>): Promise<Sight> => {
    const place = findForge(forges, repository);
    if (!place) return Promise.resolve({ is: 'none' });
    const { forge, label } = place;
    const key = `${user} ${repository}`;
    const last = known.get(key);
    if (last && last.until > Date.now()) return last.answer;
    if (!mayAsk(user)) return Promise.resolve({ is: 'unknown', title: forge.title });
    const kept = { answer: ask(), until: Infinity };
    known.delete(key);
    known.set(key, kept);
    const [oldest] = known.keys();
    if (known.size > MAX_KEPT && oldest !== undefined) known.delete(oldest);
    return kept.answer;

    async function ask(): Promise<Sight> {
      try {
        const person = (await findIdentities(db, [user], forge.name)).get(user);
        const right =
          person && (await forge.readPermission(label, { id: person.externalId, login: person.login }));
        kept.until = Date.now() + KEPT_MS;
        return { is: isEnough(right, 'read') ? 'open' : 'none' };
      } catch (error) {
        kept.until = Date.now() + SILENCE_KEPT_MS;
        log.warn({ repository: label, error: messageOf(error) }, `${forge.title} was not to be asked`);
        return { is: 'unknown', title: forge.title };
      }
    }
  };
}
