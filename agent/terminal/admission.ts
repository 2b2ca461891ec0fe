// Who shows a ticket becomes a viewer of its workspace, or is turned away. Must not know output, frames or ptys.
import { Close } from '../protocol.ts';
import { drop, log, settle, type Caller, type State } from './connections.ts';
import { parseJson, parseMessage } from './messages.ts';
import { createPlace, type Place } from '../sessions/workspace-sessions.ts';
import type { SpawnSpec, TicketClaims } from './terminals.ts';
import { createViewer, hearViewer } from './viewer.ts';

const MAX_SESSIONS = 20;
const MAX_VIEWERS = 100;
const INTERNAL_ERROR = 1011;

export async function admit(state: State, caller: Caller, data: Buffer, isBinary: boolean): Promise<void> {
  caller.stage = 'checking';
  clearTimeout(caller.deadline);
  caller.deadline = setTimeout(() => drop(state, caller, Close.BAD_TICKET), state.timing.verifyMs);
  caller.socket.pause(); // so `early` holds at most what the kernel gave in one read
  const claims = await checkTicket(state, data, isBinary);
  if (caller.stage !== 'checking') return;
  try {
    if (claims) attach(state, caller, claims);
    else drop(state, caller, Close.BAD_TICKET);
  } catch (error) {
    log(state, 'terminal: attach failed', { error });
    drop(state, caller, INTERNAL_ERROR);
  }
}

async function checkTicket(state: State, data: Buffer, isBinary: boolean): Promise<TicketClaims | undefined> {
  try {
    const message = isBinary ? undefined : parseMessage(parseJson(data.toString()));
    return message?.type === 'attach' ? await state.options.verifyTicket(message.ticket) : undefined;
  } catch (error) {
    log(state, 'terminal: bad ticket', { error });
    return undefined;
  }
}

function attach(state: State, caller: Caller, claims: TicketClaims): void {
  const { options } = state;
  const workspace = options.find(claims.workspace);
  const place = workspace && findPlace(state, claims.workspace);
  if (!place) return drop(state, caller, Close.NOT_HERE);
  if (!workspace.running || place.ending) return drop(state, caller, Close.STOPPED);
  const lowest = Math.max(workspace.access, state.floors.get(claims.workspace) ?? 0);
  if (claims.access < lowest) return drop(state, caller, Close.BAD_TICKET);
  if (place.onlookers.size >= MAX_VIEWERS) return drop(state, caller, Close.TOO_MANY);
  settle(state, caller, 'attached');
  caller.viewer = createViewer(caller.socket, place, claims, {
    shell: (profile) => shellOf(state, claims.workspace, profile),
    onInput: () => options.onInput(claims.workspace, Date.now()),
  });
  for (const { data, isBinary } of caller.early.splice(0)) hearViewer(caller.viewer, data, isBinary);
  caller.socket.resume();
}

function shellOf({ options }: State, workspaceId: string, profile: string | undefined): SpawnSpec {
  const workspace = options.find(workspaceId);
  if (!workspace?.running)
    throw Object.assign(new Error('The workspace is not running.'), { code: 'stopped' });
  return profile === undefined ? workspace.shell() : workspace.shell(profile);
}

function findPlace(state: State, workspaceId: string): Place {
  const known = state.places.get(workspaceId);
  if (known) return known;
  const { options, timing, snapshots } = state;
  const place = createPlace(workspaceId, {
    snapshots,
    stallMs: timing.stallMs,
    resyncMs: timing.resyncMs,
    killMs: timing.killMs,
    maxSessions: options.maxSessions ?? MAX_SESSIONS,
    onSessions: (id, count) => options.onSessions(id, count),
    log: (message, fields) => log(state, message, fields),
  });
  state.places.set(workspaceId, place);
  return place;
}
