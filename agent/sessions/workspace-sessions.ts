// The sessions of one workspace, and everyone who looks at it. Must not know tickets, frames or sockets.
import { randomBytes } from 'node:crypto';
import type { TerminalMessage } from '../protocol.ts';
import { RequestError } from '../terminal/messages.ts';
import { endProcesses, hangUp, signalGroup } from './processes.ts';
import {
  describeSession,
  openSession,
  releaseSession,
  type Session,
  type SessionOptions,
} from './session.ts';

const LAST_WORDS_MS = 200;

/** A viewer, as its workspace sees it. */
export interface Onlooker {
  tell(message: TerminalMessage): void;
  looksAt(session: Session): boolean;
}

export interface Place {
  readonly id: string;
  readonly sessions: Map<string, Session>;
  readonly onlookers: Set<Onlooker>;
  /** The workspace is being stopped: no session opens. */
  ending: Promise<void> | undefined;
  readonly options: PlaceOptions;
}

export interface PlaceOptions extends Pick<SessionOptions, 'snapshots' | 'stallMs' | 'resyncMs'> {
  maxSessions: number;
  /** Between SIGHUP and SIGKILL. */
  killMs: number;
  onSessions: (workspaceId: string, count: number) => void;
  log: (message: string, fields?: object) => void;
}

export function createPlace(id: string, options: PlaceOptions): Place {
  return { id, sessions: new Map(), onlookers: new Set(), ending: undefined, options };
}

/** Throws a RequestError if the workspace has no room for one more. */
export function openInPlace(
  place: Place,
  { name, ...wanted }: Pick<SessionOptions, 'spec' | 'cols' | 'rows'> & { name?: string | undefined },
): Session {
  const { sessions, options } = place;
  if (place.ending) throw new RequestError('stopped', 'The workspace is being stopped.');
  if (sessions.size >= options.maxSessions) {
    throw new RequestError('too-many-sessions', `A workspace has at most ${options.maxSessions} sessions.`);
  }
  const { snapshots, stallMs, resyncMs } = options;
  const session = openSession({
    ...wanted,
    id: randomBytes(9).toString('base64url'),
    name: name || freeName(place),
    snapshots,
    stallMs,
    resyncMs,
    onResize: (resized) => tellAll(place, { type: 'session', session: describeSession(resized) }),
    onEnd: (ended) => forgetSession(place, ended),
  });
  sessions.set(session.id, session);
  options.onSessions(place.id, sessions.size);
  return session;
}

function freeName({ sessions }: Place): string {
  const names = new Set([...sessions.values()].map(({ name }) => name));
  for (let number = 1; ; number++) if (!names.has(String(number))) return String(number);
}

function forgetSession(place: Place, session: Session): void {
  const { sessions, onlookers, options } = place;
  sessions.delete(session.id);
  options.onSessions(place.id, sessions.size);
  // Its own viewers hear it behind the last bytes.
  for (const onlooker of onlookers) {
    if (!onlooker.looksAt(session)) onlooker.tell({ type: 'exit', id: session.id, ...statusOf(session) });
  }
}

export function statusOf({ ended }: Session): { code: number; signal?: number } {
  return ended ?? { code: 0 };
}

/** To everyone but `except`. */
export function tellAll({ onlookers }: Place, message: TerminalMessage, except?: Onlooker): void {
  for (const onlooker of onlookers) if (onlooker !== except) onlooker.tell(message);
}

/** Hangs up; kills what does not go. Its end comes as `exit`, like any other. */
export function closeSession({ options }: Place, session: Session): void {
  if (session.closing) return;
  const { pid } = session.pty;
  hangUp(pid);
  releaseSoon(session);
  setTimeout(() => session.ended ?? signalGroup(pid, 'SIGKILL'), options.killMs).unref();
}

// A shell that was hung up while it started may wait for input all the same, so its terminal goes as well; not at
// once, for its last words.
function releaseSoon(session: Session): void {
  releaseSession(session);
  setTimeout(() => session.ended ?? session.pty.close(), LAST_WORDS_MS).unref();
}

/** Ends all sessions and what runs in them. Repeatable; resolves when nothing is left, or after twice `killMs`. */
export function endPlace(place: Place): Promise<void> {
  place.ending ??= endSessions(place).finally(() => (place.ending = undefined));
  return place.ending;
}

async function endSessions({ id, sessions, options }: Place): Promise<void> {
  if (sessions.size === 0) return;
  const leaders = [...sessions.values()].map(({ pty }) => pty.pid);
  for (const session of sessions.values()) releaseSoon(session);
  const left = await endProcesses(leaders, options.killMs, () => sessions.size === 0);
  if (left.length > 0)
    options.log('terminal: processes outlived SIGKILL', { workspace: id, processes: left });
}
