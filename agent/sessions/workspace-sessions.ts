// The sessions of one workspace, and its viewers. Must not know tickets, frames or sockets.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { TerminalMessage } from '../protocol.ts';
import { endSessionProcesses, hangUp, signalGroup } from '../system/processes.ts';
import type { CommandEnd, CommandWatchOptions } from './commands.ts';
import type { Session, SessionOptions } from './model.ts';
import { LOST, type ExitStatus, type Ptys, type SessionPty, type SpawnSpec } from './pty.ts';
import type { Left, Scrollback } from './scrollback.ts';
import type { Output } from './output.ts';
import { describeSession, openSession, type Listening } from './session.ts';
import { expectViewers, releaseSession } from './window.ts';

const LAST_WORDS_MS = 200;
/** For what holds its terminal, which may be about to start. */
const BEGIN_MS = 2_000;
/** For whoever looks at a session that ended while nobody could hear of it. */
const LATE_END_MS = 60_000;
const LATE_LOOK_MS = 2_000;

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
  /** What a restart of the machine ended: to be read, until somebody closes it or the workspace stops. */
  readonly left: Map<string, Session>;
  readonly viewers: Set<SessionsViewer>;
  /** The workspace is being stopped: no session opens. */
  ending: Promise<void> | undefined;
  /** Somebody wants to hear of commands that took long. */
  isFollowed: boolean;
  readonly options: WorkspaceSessionsOptions;
}

export interface WorkspaceSessionsOptions extends Pick<SessionOptions, 'snapshots' | 'stallMs' | 'resyncMs'> {
  ptys: Ptys;
  scrollback: Scrollback | undefined;
  maxSessions: number;
  /** Between SIGHUP and SIGKILL. */
  killMs: number;
  onSessions: (workspaceId: string, count: number) => void;
  /** What of commands somebody may want to hear, and whether they do at first; absent: nothing. */
  commands?: Pick<CommandWatchOptions, 'longMs' | 'presentMs'> & {
    isFollowed: boolean;
    onLong: (workspaceId: string, end: CommandEnd) => void;
  };
  /** What its runtime knows by this mark is gone. */
  onGone: (workspaceId: string, mark: string) => void;
  log: (message: string, fields?: object) => void;
}

export function createWorkspaceSessions(id: string, options: WorkspaceSessionsOptions): WorkspaceSessions {
  const isFollowed = options.commands?.isFollowed ?? false;
  return {
    id,
    sessions: new Map(),
    left: new Map(),
    viewers: new Set(),
    ending: undefined,
    isFollowed,
    options,
  };
}

const labels = z.object({
  workspace: z.string(),
  id: z.string(),
  name: z.string(),
  mark: z.string().optional(),
});

/** What a session is known by beyond the agent's life. */
export type Label = z.infer<typeof labels>;

/** Throws for what is none. */
export const readLabel = (text: string): Label => labels.parse(JSON.parse(text));

const writeLabel = (label: Label): string => JSON.stringify(label);

/** Throws a RequestError if the workspace has no room for one more. */
export function openWorkspaceSession(
  workspace: WorkspaceSessions,
  { name, spec, cols, rows }: { name?: string | undefined; spec: SpawnSpec; cols: number; rows: number },
): Session {
  const { sessions, options } = workspace;
  if (workspace.ending) throw new RequestError('stopped', 'The workspace is being stopped.');
  if (sessions.size >= options.maxSessions) {
    throw new RequestError('too-many-sessions', `A workspace has at most ${options.maxSessions} sessions.`);
  }
  const { mark, ...command } = spec;
  const id = randomBytes(9).toString('base64url');
  const label = { workspace: workspace.id, id, name: name || freeName(workspace), mark };
  return addSession(workspace, label, { cols, rows }, (listening) =>
    options.ptys.open({ ...command, cols, rows, ...listening, label: writeLabel(label) }),
  );
}

/** A session of the agent's life before. */
export interface KeptSession extends Output {
  label: string;
  /** It ended while nobody heard of it. */
  status: ExitStatus | undefined;
  takeOver(listening: Listening): SessionPty;
  /** Nobody wants it. */
  end(): void;
}

/** Goes on with one of the agent's life before. */
export function takeOverSession(workspace: WorkspaceSessions, label: Label, kept: KeptSession): void {
  const { cols, rows } = kept.sizes.at(-1) ?? { cols: 80, rows: 24 };
  const open = (listening: Listening) =>
    kept.takeOver(
      kept.status === undefined
        ? listening
        : { ...listening, onEnd: (status) => endLate(session, () => listening.onEnd(status)) },
    );
  const session: Session = addSession(workspace, label, { cols, rows }, open, kept);
  expectViewers(session);
}

// Pages come back within seconds: they get the last bytes, and the end behind them.
function endLate(session: Session, end: () => void): void {
  const startedAt = performance.now();
  const looking = setInterval(() => {
    const isAwaited = session.attachments.size === 0 && session.state.is !== 'closing';
    if (isAwaited && performance.now() - startedAt < LATE_END_MS) return;
    clearInterval(looking);
    end();
  }, LATE_LOOK_MS);
}

const GONE: SessionPty = {
  pid: 0,
  started: Promise.resolve(),
  pause() {},
  resume() {},
  resize() {},
  write: () => true,
  close() {},
  relabel() {},
};

/** One that a restart of the machine ended. */
export function addLeft(workspace: WorkspaceSessions, { id, name }: Label, left: Left): void {
  const { snapshots, stallMs, resyncMs } = workspace.options;
  const { cols, rows } = left.sizes.at(-1) ?? { cols: 80, rows: 24 };
  const nothing = () => {};
  const how = { id, name, cols, rows, snapshots, stallMs, resyncMs, onResize: nothing, onEnd: nothing };
  const session = openSession(how, () => GONE, left);
  session.state = { is: 'ended', status: LOST };
  workspace.left.set(id, session);
  setTimeout(() => forgetLeft(workspace, id), left.until - Date.now()).unref();
}

/** Nobody reads it any more. Repeatable. */
export function forgetLeft({ left, options }: WorkspaceSessions, id: string): void {
  left.delete(id);
  void options.scrollback?.forget(id).catch(() => undefined);
}

/** One after the other: what is large blocks nobody for long. */
export async function saveSessions({ id: workspace, sessions, options }: WorkspaceSessions): Promise<void> {
  for (const session of sessions.values()) {
    const { id, name, options: own } = session;
    await options.scrollback?.save(id, writeLabel({ workspace, id, name, mark: own.mark }), session);
  }
}

function addSession(
  workspace: WorkspaceSessions,
  { id, name, mark }: Label,
  size: { cols: number; rows: number },
  open: (listening: Listening) => SessionPty,
  output?: Output,
): Session {
  const { sessions, options } = workspace;
  const { snapshots, stallMs, resyncMs, commands } = options;
  const session = openSession(
    {
      id,
      name,
      mark,
      ...size,
      snapshots,
      stallMs,
      resyncMs,
      ...(commands && {
        commands: {
          ...commands,
          isWanted: () => workspace.isFollowed,
          onLong: (end) => commands.onLong(workspace.id, end),
        },
      }),
      onResize: (resized) => tellAll(workspace, { type: 'session', session: describeSession(resized) }),
      onEnd(ended, status) {
        forgetSession(workspace, ended, status);
        if (mark !== undefined) options.onGone(workspace.id, mark);
      },
    },
    open,
    output,
  );
  sessions.set(session.id, session);
  options.onSessions(workspace.id, sessions.size);
  return session;
}

export function renameSession({ id: workspace }: WorkspaceSessions, session: Session, name: string): void {
  const { id, pty, options } = session;
  session.name = name;
  pty.relabel(writeLabel({ workspace, id, name, mark: options.mark }));
}

function freeName({ sessions }: WorkspaceSessions): string {
  const names = new Set([...sessions.values()].map(({ name }) => name));
  for (let number = 1; ; number++) if (!names.has(String(number))) return String(number);
}

function forgetSession(workspace: WorkspaceSessions, session: Session, status: ExitStatus): void {
  const { sessions, viewers, options } = workspace;
  sessions.delete(session.id);
  forgetLeft(workspace, session.id);
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
  const { pty, state } = session;
  if (state.is === 'closing') return;
  void pty.started.then(() => pty.pid > 0 && hangUp(pty.pid));
  releaseSoon(session);
  unlessEnded(session, options.killMs, () => pty.pid > 0 && signalGroup(pty.pid, 'SIGKILL'));
}

// A shell that was hung up while it started may wait for input all the same, so its terminal goes as well; not at
// once, for its last words.
function releaseSoon(session: Session): void {
  releaseSession(session);
  unlessEnded(session, LAST_WORDS_MS, () => session.pty.close());
}

function unlessEnded(session: Session, afterMs: number, act: () => unknown): void {
  setTimeout(() => session.state.is !== 'ended' && act(), afterMs).unref();
}

/** Ends all sessions and what runs in them. Repeatable; resolves when nothing is left, or after twice `killMs`. */
export function endWorkspaceSessions(workspace: WorkspaceSessions): Promise<void> {
  workspace.ending ??= endSessions(workspace).finally(() => (workspace.ending = undefined));
  return workspace.ending;
}

async function endSessions(workspace: WorkspaceSessions): Promise<void> {
  const { id, sessions, left, options } = workspace;
  for (const one of left.keys()) forgetLeft(workspace, one);
  if (sessions.size === 0) return;
  const ptys = [...sessions.values()].map(({ pty }) => pty);
  const begun = Promise.all(ptys.map(({ started }) => started));
  // One that comes later finds its terminal closed.
  await Promise.race([begun, delay(BEGIN_MS, undefined, { ref: false })]);
  const leaders = ptys.map(({ pid }) => pid).filter((pid) => pid > 0);
  for (const session of sessions.values()) releaseSoon(session);
  const living = await endSessionProcesses(leaders, options.killMs, () => sessions.size === 0);
  if (living.length > 0)
    options.log('terminal: processes outlived SIGKILL', { workspace: id, processes: living });
}
