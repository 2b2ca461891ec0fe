// Who looks at a workspace's page, and may they: as the ticket's route has it, for whatever else the page asks. Sends nothing.
import type { IncomingMessage } from 'node:http';
import { hasSessionCookie, readSession, type Session } from '../../access/people/sessions.ts';
import type { RepositoryGuard } from '../../access/repository-guard.ts';
import { entryOf, isKnownFor, type Entry } from '../../access/rights.ts';
import { findPlace } from '../../access/store/places.ts';
import {
  notFound,
  refusalOf,
  signInEnded,
  signInRequired,
  type Refusal,
} from '../../access/terminal-token.ts';
import type { Executor, FrontName, Workspace } from '../../database/types.ts';

export interface VisitorOptions {
  db: Executor;
  baseUrl: string;
  forges: readonly { name: string }[];
  mayStill: RepositoryGuard;
}

export interface Visitor {
  session: Session;
  workspace: Workspace;
  /** It is theirs, or what it is shared with them for. */
  entry: Entry;
  /** Where its owner last said something about it. */
  front: FrontName | null;
}

/** A path may hold anything, Postgres' text may not. */
const ID = /^[\w-]{1,100}$/;

/** `asker`: who it was, where it is there; for the audit, and nobody outside. */
export interface Refused {
  refusal: Refusal;
  asker?: string;
}

/** Unknown, deleted and somebody else's are the same refusal, after one and the same statement. */
export async function findVisitor(
  options: VisitorOptions,
  req: IncomingMessage,
  id: string,
): Promise<Visitor | Refused> {
  const { db, baseUrl, mayStill } = options;
  if (!ID.test(id)) return { refusal: notFound };
  const session = await readSession(db, baseUrl, req.headers.cookie);
  const wasSomebody = hasSessionCookie(baseUrl, req.headers.cookie);
  if (!session) return { refusal: (wasSomebody ? signInEnded : signInRequired)(options, { workspace: id }) };
  if (!isKnownFor(session, id)) return { refusal: signInRequired(options, { workspace: id }) };
  const place = await findPlace(db, id, session.user);
  const entry = place && entryOf(session.user, place);
  if (!entry) return { refusal: notFound, ...(place && { asker: session.user }) };
  const { workspace, front } = place;
  const right = await mayStill(entry.is === 'guest' ? { ...workspace, guest: session.user } : workspace);
  if (right.is !== 'there') return { refusal: refusalOf(right, workspace), asker: session.user };
  return { session, workspace, entry, front };
}

/** A refusal ends a stream; where nobody can say just now whether it is theirs still, it is asked again. */
export const refusedStream = ({ status }: Refusal): { isOver?: boolean; isOwed?: boolean } =>
  status < 429 ? { isOver: true } : { isOwed: true };
