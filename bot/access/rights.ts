// Who may open what: the person plus the rows of now. Pure; knows no cookie and no code.
import type { Access, Workspace } from '../database/types.ts';
import type { Session } from './people/sessions.ts';
import type { OpenShare } from './store/shares.ts';

export const isOwner = (user: string, { owner }: Pick<Workspace, 'owner'>): boolean => owner === user;

/** How somebody gets into a workspace: it is theirs, or it is shared with them. */
export type Entry = { is: 'owner'; may: Access } | { is: 'guest'; may: Access; share: OpenShare };

/** `share`: of that person, there. Undefined: a workspace opens for nobody else. */
export function entryOf(
  user: string,
  { workspace, share }: { workspace: Pick<Workspace, 'owner'>; share?: OpenShare | undefined },
): Entry | undefined {
  if (isOwner(user, workspace)) return { is: 'owner', may: 'drive' };
  return share?.person === user ? { is: 'guest', may: share.may, share } : undefined;
}

/** Whether this session is anybody at all for that workspace: one that codes made is nobody for any other. */
export const isKnownFor = (session: Pick<Session, 'workspaces'>, workspaceId: string): boolean =>
  session.workspaces === null || session.workspaces.some((known) => known.id === workspaceId);

/** Whether nothing was revoked since this session got in. */
export const isCurrent = (session: Pick<Session, 'workspaces'>, workspace: Workspace): boolean =>
  session.workspaces === null ||
  session.workspaces.some((known) => known.id === workspace.id && known.access === workspace.access);
