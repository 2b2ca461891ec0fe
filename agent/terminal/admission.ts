// Checks a connection's ticket: it becomes a viewer of its workspace, or is turned away. Must not know output, frames or ptys.
import { Close } from '../protocol.ts';
import {
  createWorkspaceSessions,
  RequestError,
  type WorkspaceSessions,
} from '../sessions/workspace-sessions.ts';
import type { SpawnSpec } from '../sessions/pty.ts';
import { drop, log, settle, type Connection, type State } from './connections.ts';
import type { Received } from './frames.ts';
import { parseJson, parseMessage } from './messages.ts';
import type { TicketClaims } from './terminals.ts';
import { createViewer, handleReceived } from './viewer.ts';

const MAX_SESSIONS = 20;
const MAX_VIEWERS = 100;
const INTERNAL_ERROR = 1011;

/** `first` is the first thing that a waiting connection sent. */
export async function admit(state: State, connection: Connection, first: Received): Promise<void> {
  if (connection.stage.is !== 'waiting') return;
  clearTimeout(connection.stage.deadline);
  const deadline = setTimeout(() => drop(state, connection, Close.BAD_TICKET), state.timing.verifyMs);
  const checking = { is: 'checking' as const, deadline, early: [] as Received[] };
  connection.stage = checking;
  connection.socket.pause(); // so `early` holds at most what the kernel gave in one read
  const claims = await checkTicket(state, first);
  if (connection.stage !== checking) return;
  try {
    if (claims) attach(state, connection, claims, checking.early);
    else drop(state, connection, Close.BAD_TICKET);
  } catch (error) {
    log(state, 'terminal: attach failed', { error });
    drop(state, connection, INTERNAL_ERROR);
  }
}

async function checkTicket(state: State, { data, isBinary }: Received): Promise<TicketClaims | undefined> {
  try {
    const message = isBinary ? undefined : parseMessage(parseJson(data.toString()));
    return message?.type === 'attach' ? await state.options.verifyTicket(message.ticket) : undefined;
  } catch (error) {
    log(state, 'terminal: bad ticket', { error });
    return undefined;
  }
}

function attach(state: State, connection: Connection, claims: TicketClaims, early: Received[]): void {
  const { options } = state;
  const workspace = options.find(claims.workspace);
  if (!workspace) return drop(state, connection, Close.NOT_HERE);
  const sessions = getSessions(state, claims.workspace);
  if (!workspace.running || sessions.ending) return drop(state, connection, Close.STOPPED);
  const minAccess = Math.max(workspace.access, state.minAccess.get(claims.workspace) ?? 0);
  if (claims.access < minAccess) return drop(state, connection, Close.BAD_TICKET);
  if (sessions.viewers.size >= MAX_VIEWERS) return drop(state, connection, Close.TOO_MANY);
  const viewer = createViewer(connection.socket, sessions, {
    access: claims.access,
    canWrite: claims.drive,
    shell: (profile) => shellOf(state, claims.workspace, profile),
    onInput: () => options.onInput(claims.workspace, Date.now()),
  });
  settle(state, connection, { is: 'attached', viewer });
  for (const received of early) handleReceived(viewer, received);
  connection.socket.resume();
}

function shellOf({ options }: State, workspaceId: string, profile: string | undefined): SpawnSpec {
  const workspace = options.find(workspaceId);
  if (!workspace?.running) throw new RequestError('stopped', 'The workspace is not running.');
  return profile === undefined ? workspace.shell() : workspace.shell(profile);
}

function getSessions(state: State, workspaceId: string): WorkspaceSessions {
  const known = state.workspaces.get(workspaceId);
  if (known) return known;
  const { options, timing, snapshots } = state;
  const sessions = createWorkspaceSessions(workspaceId, {
    snapshots,
    stallMs: timing.stallMs,
    resyncMs: timing.resyncMs,
    killMs: timing.killMs,
    maxSessions: options.maxSessions ?? MAX_SESSIONS,
    onSessions: (id, count) => options.onSessions(id, count),
    log: (message, fields) => log(state, message, fields),
  });
  state.workspaces.set(workspaceId, sessions);
  return sessions;
}
