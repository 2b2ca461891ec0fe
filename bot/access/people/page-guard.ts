// Who sees the page of a workspace: for nobody it is there for every id, for a person only for what is theirs. Sends nothing.
import type { IncomingMessage } from 'node:http';
import type { LinkSigner } from '../links.ts';
import { entryOf } from '../rights.ts';
import { isFullSignIn, readSession } from './sessions.ts';
import { findPlace } from '../store/places.ts';
import type { Executor } from '../../database/types.ts';

export interface PageGuard {
  db: Executor;
  baseUrl: string;
  signer: LinkSigner;
  /** What brings a new link, as people type it. */
  openCommand: string;
}

/** A path may hold anything, Postgres' text may not. */
const ID = /^[\w-]{1,100}$/;

/**
 * False: answer with the one 404 for unknown, deleted and not theirs. Somebody who is not signed in, or whom a code let in,
 * sees the page of every id, and learns by POST what it is worth. A link's signature keeps nobody out who has the right;
 * one that is wrong is no link. `access` does not end it: it takes a sign-in anyway.
 */
export async function maySeePage(
  { db, baseUrl, signer }: PageGuard,
  req: IncomingMessage,
  workspaceId: string,
): Promise<boolean> {
  const session = await readSession(db, baseUrl, req.headers.cookie);
  if (!session || !isFullSignIn(session)) return true;
  const place = ID.test(workspaceId) ? await findPlace(db, workspaceId, session.user) : undefined;
  if (!place || !entryOf(session.user, place)) return false;
  const signature = URL.parse(req.url ?? '', baseUrl)?.searchParams.get('s') ?? undefined;
  return signature === undefined || signer.isSigned(workspaceId, signature);
}
