// The sessions of one workspace, and its viewers. Must not know tickets, frames or sockets.
import { randomBytes } from 'node:crypto';
import type { TerminalMessage } from '../protocol.ts';
import { endSessionProcesses, hangUp, signalGroup } from '../system/processes.ts';
import type { Session, SessionOptions } from './model.ts';
import type { ExitStatus } from './pty.ts';
import { describeSession, openSession } from './session.ts';
import { releaseSession } from './window.ts';

const LAST_WORDS_MS = 200;

/** Anything a viewer asked for that cannot be; it becomes the `error` answer. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A viewer, as its workspace sees it. */
export interface SessionsViewer {
  tell(message: TerminalMessage): void;
  isAttachedTo(session: Session): boolean;
}

export interface WorkspaceSessions {
  readonly id: string;
  readonly sessions: Map<string, Session>;
  readonly viewers: Set<SessionsViewer>;
  /** The workspace is being stopped: no session opens. */
  ending: Promise<void> | undefined;
  readonly options: WorkspaceSessionsOptions;
}

export interface WorkspaceSessionsOptions extends Pick<SessionOptions, 'snapshots' | 'stallMs' | 'resyncMs'> {
  maxSessions: number;
  /** Between SIGHUP and SIGKILL. */
  killMs: number;
  onSessions: (workspaceId: string, count: number) => void;
  log: (message: string, fields?: object) => void;
}

export function createWorkspaceSessions(id: string, options: WorkspaceSessionsOptions): WorkspaceSessions {
  return { id, sessions: new Map(), viewers: new Set(), ending: undefined, options };
}

/** Throws a RequestError if the workspace has no room for one more. */
export function openWorkspaceSession(
  workspace: WorkspaceSessions,
  { name, ...wanted }: Pick<SessionOptions, 'spec' | 'cols' | 'rows'> & { name?: string | undefined },
): Session {
  const { sessions, options } = workspace;
  if (workspace.ending) throw new RequestError('stopped', 'The workspace is being stopped.');
  if (sessions.size >= options.maxSessions) {
    throw new RequestError('too-many-sessions', `A workspace has at most ${options.maxSessions} sessions.`);
  }
  const { snapshots, stallMs, resyncMs } = options;
  const session = openSession({
    ...wanted,
    id: randomBytes(9).toString('base64url'),
    name: name || freeName(workspace),
    snapshots,
    stallMs,
    resyncMs,
    onResize: (resized) => tellAll(workspace, { type: 'session', session: describeSession(resized) }),
    onEnd: (ended, status) => forgetSession(workspace, ended, status),
  });
  sessions.set(session.id, session);
  options.onSessions(workspace.id, sessions.size);
  return session;
}

function freeName({ sessions }: WorkspaceSessions): string {
  const names = new Set([...sessions.values()].map(({ name }) => name));
  for (let number = 1; ; number++) if (!names.has(String(number))) return String(number);
}

function forgetSession(workspace: WorkspaceSessions, session: Session, status: ExitStatus): void {
  const { sessions, viewers, options } = workspace;
  sessions.delete(session.id);
  options.onSessions(workspace.id, sessions.size);
  // Its own viewers hear it behind the last bytes.
  for (const viewer of viewers) {
    if (!viewer.isAttachedTo(session)) viewer.tell({ type: 'exit', id: session.id, ...status });
  }
}

/** To all viewers but `except`. */
export function tellAll(
  { viewers }: WorkspaceSessions,
  message: TerminalMessage,
  except?: SessionsViewer,
): void {
  for (const viewer of viewers) if (viewer !== except) viewer.tell(message);
}

/** Hangs up; kills what does not go. Its end comes as `exit`, like any other. */
export function closeSession({ options }: WorkspaceSessions, session: Session): void {
  if (session.state.is === 'closing') return;
  const { pid } = session.pty;
  hangUp(pid);
  releaseSoon(session);
  unlessEnded(session, options.killMs, () => signalGroup(pid, 'SIGKILL'));
}

// A shell that was hung up while it started may wait for input all the same, so its terminal goes as well; not at
// once, for its last words.
function releaseSoon(session: Session): void {
  releaseSession(session);
  unlessEnded(session, LAST_WORDS_MS, () => session.pty.close());
}

function unlessEnded(session: Session, afterMs: number, act: () => void): void {
  setTimeout(() => session.state.is !== 'ended' && act(), afterMs).unref();
}

/** Ends all sessions and what runs in them. Repeatable; resolves when nothing is left, or after twice `killMs`. */
export function endWorkspaceSessions(workspace: WorkspaceSessions): Promise<void> {
  workspace.ending ??= endSessions(workspace).finally(() => (workspace.ending = undefined));
  return workspace.ending;
}

async function endSessions({ id, sessions, options }: WorkspaceSessions): Promise<void> {
  if (sessions.size === 0) return;
  const leaders = [...sessions.values()].map(({ pty }) => pty.pid);
  for (const session of sessions.values()) releaseSoon(session);
  const left = await endSessionProcesses(leaders, options.killMs, () => sessions.size === 0);
  if (left.length > 0)
    options.log('terminal: processes outlived SIGKILL', { workspace: id, processes: left });
}
