// Who may open what: the person plus the rows of now. Pure; knows no cookie and no code.
import type { Workspace } from '../database/types.ts';
import type { Session } from './people/sessions.ts';

/** A workspace opens for its owner alone. */
export const mayOpen = (user: string, workspace: Workspace): boolean => workspace.owner === user;

/** Whether this session is anybody at all for that workspace: one that codes made is nobody for any other. */
export const isKnownFor = (session: Pick<Session, 'workspaces'>, workspaceId: string): boolean =>
  session.workspaces === null || session.workspaces.some((known) => known.id === workspaceId);

/** Whether nothing was revoked since this session got in. */
export const isCurrent = (session: Pick<Session, 'workspaces'>, workspace: Workspace): boolean =>
  session.workspaces === null ||
  session.workspaces.some((known) => known.id === workspace.id && known.access === workspace.access);
