// One session: a pty, its last output, and that it reaches its viewers. Must not know tickets, workspaces, frames or sockets.
import type { SessionInfo } from '../protocol.ts';
import { dismissViewer, pull, setSizeOwner } from './attachment.ts';
import type { Attachment, Session, SessionOptions } from './model.ts';
import type { ExitStatus, SessionPty, SessionPtyOptions } from './pty.ts';
import { watchCommands } from './commands.ts';
import { createOutput } from './output.ts';
import { pushRing } from './ring.ts';
import { pauseIfFull } from './window.ts';

export type Listening = Pick<SessionPtyOptions, 'onBytes' | 'onBatch' | 'onEnd'>;

/** `open` starts the program at once, or takes over one that runs. */
export function openSession(
  options: SessionOptions,
  open: (listening: Listening) => SessionPty,
  { ring, modes, sizes } = createOutput([{ at: 0, ...sizeOf(options) }]),
): Session {
  const { id, name } = options;
  const listening = {
    onBytes: (bytes: Buffer, length: number) => takeOutput(session, bytes, length),
    onBatch: () => flush(session),
    onEnd: (status: ExitStatus) => endSession(session, status),
  };
  const session: Session = {
    id,
    name,
    size: sizeOf(options),
    state: { is: 'running' },
    pty: open(listening),
    commands: watchCommands(options.commands ?? NOTHING_WANTED),
    ring,
    modes,
    sizes,
    expected: undefined,
    attachments: new Set(),
    sizeOwner: undefined,
    options,
  };
  return session;
}

const NOTHING_WANTED = { isWanted: () => false, onLong() {}, longMs: 0, presentMs: 0 };

const sizeOf = ({ cols, rows }: SessionOptions) => ({ cols, rows });

export function describeSession({ id, name, size, ring, state }: Session): SessionInfo {
  const isOver = state.is === 'ended' && { isOver: true as const };
  return { id, name, ...size, first: ring.first, end: ring.end, ...isOver };
}

function takeOutput(session: Session, bytes: Buffer, length: number): void {
  pushRing(session.ring, bytes, length);
  session.commands.take(bytes, length);
  if (session.attachments.size > 0 || session.expected !== undefined) pauseIfFull(session);
}

function flush({ attachments }: Session): void {
  for (const attachment of attachments) pull(attachment);
}

function endSession(session: Session, status: ExitStatus): void {
  const { attachments, options } = session;
  if (session.state.is === 'ended') return;
  if (session.state.is === 'paused') clearTimeout(session.state.timer);
  session.state = { is: 'ended', status };
  options.onEnd(session, status);
  flush(session); // viewers that get the last bytes now hear of the end behind them
  if (attachments.size === 0) return;
  session.state.timer = setTimeout(() => {
    for (const attachment of attachments) dismissViewer(attachment, status);
  }, options.stallMs);
}

/** The viewer typed. False: the program does not read and its queue is full; nothing was taken. */
export function typeInto(attachment: Attachment, bytes: Buffer): boolean {
  const { session } = attachment;
  session.commands.noteTyped();
  if (session.sizeOwner !== attachment) setSizeOwner(session, attachment);
  return session.pty.write(bytes);
}
