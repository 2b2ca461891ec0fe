// One session: a pty, its last output, who looks on, and when output is flushed to them. Must not know tickets,
// workspaces or sockets.
import type { SessionInfo } from '../protocol.ts';
import { dismissViewer, pull, type Attachment } from './attachment.ts';
import { createModes, noteModes, type Modes } from './modes.ts';
import { openPty, type ExitStatus, type Pty, type PtyOptions } from './pty.ts';
import { createRing, pushRing, type Ring } from './ring.ts';
import { giveSize } from './size.ts';
import type { Resize, Snapshots } from './snapshot.ts';
import { pauseIfFull, resumeIfTaken } from './window.ts';

export interface Session {
  readonly id: string;
  name: string;
  cols: number;
  rows: number;
  readonly pty: Pty;
  readonly ring: Ring;
  /** What the ring has forgotten and a snapshot needs. */
  readonly modes: Modes;
  /** The sizes it had, by the offset at which each began; the first is that of the oldest byte held. */
  readonly sizes: Resize[];
  readonly attachments: Set<Attachment>;
  /** Who sets the size: the last who typed, else the first viewer. */
  sizer: Attachment | undefined;
  /** Set when the process is gone and all its output is in the ring. */
  ended: ExitStatus | undefined;
  /** It was told to end, so nothing holds its output back any more. */
  closing: boolean;
  paused: boolean;
  pausedAt: number;
  stall: NodeJS.Timeout | undefined;
  readonly batch: Batch;
  readonly options: SessionOptions;
}

interface Batch {
  /** Up to this offset output was flushed. */
  flushed: number;
  timer: NodeJS.Timeout | undefined;
  soon: NodeJS.Immediate | undefined;
  typedAt: number;
  slotAt: number;
  /** Bytes in this slot, and in the one before. */
  slot: number;
  before: number;
}

export interface SessionOptions {
  id: string;
  name: string;
  spec: Pick<PtyOptions, 'file' | 'args' | 'env' | 'cwd'>;
  cols: number;
  rows: number;
  snapshots: Snapshots;
  /** After so long without an acknowledgement that is owed, a viewer counts as detached. */
  stallMs: number;
  /** At least so long between two snapshots for a viewer that cannot keep up. */
  resyncMs: number;
  onResize: (session: Session) => void;
  /** Before any viewer hears of it. */
  onEnd: (session: Session, status: ExitStatus) => void;
}

const FULL_BYTES = 65536 - 1024;
// Output is hot with so many bytes in this slot or the one before; only then it is gathered. Bytes, not the time
// since the last flush: that would make a lone echo wait.
const HOT_BYTES = 16384;
const SLOT_MS = 4;
const GAP_MS = 12;
const DELAY_MS = 2;
const TYPING_MS = 30;

/** Starts the program at once. Throws if the system has no pty to give. */
export function openSession(options: SessionOptions): Session {
  const { id, name, cols, rows, spec } = options;
  const modes = createModes();
  const onBytes = (bytes: Buffer, length: number) => takeOutput(session, bytes, length);
  const onEnd = (status: ExitStatus) => endSession(session, status);
  const session: Session = {
    id,
    name,
    cols,
    rows,
    pty: openPty({ ...spec, cols, rows, onBytes, onEnd }),
    ring: createRing(1 << 20, (bytes) => noteModes(modes, bytes)),
    modes,
    sizes: [{ at: 0, cols, rows }],
    attachments: new Set(),
    sizer: undefined,
    ended: undefined,
    closing: false,
    paused: false,
    pausedAt: 0,
    stall: undefined,
    batch: createBatch(),
    options,
  };
  return session;
}

function createBatch(): Batch {
  const never = -Infinity;
  return { flushed: 0, timer: undefined, soon: undefined, typedAt: never, slotAt: never, slot: 0, before: 0 };
}

export function describeSession({ id, name, cols, rows, ring }: Session): SessionInfo {
  return { id, name, cols, rows, first: ring.first, end: ring.end };
}

function takeOutput(session: Session, bytes: Buffer, length: number): void {
  const { ring, batch, attachments } = session;
  pushRing(ring, bytes, length);
  if (attachments.size === 0) return;
  pauseIfFull(session);
  const now = performance.now();
  if (!isHot(batch, length, now) || ring.end - batch.flushed > FULL_BYTES) flush(session);
  else flushLater(session, now);
}

function isHot(batch: Batch, length: number, now: number): boolean {
  const ageMs = now - batch.slotAt;
  if (ageMs > SLOT_MS) {
    batch.before = ageMs > GAP_MS ? 0 : batch.slot;
    batch.slotAt = now;
    batch.slot = 0;
  }
  batch.slot += length;
  return batch.slot >= HOT_BYTES || batch.before >= HOT_BYTES;
}

function flushLater(session: Session, now: number): void {
  const { batch } = session;
  if (batch.soon) return;
  if (now - batch.typedAt < TYPING_MS) flushAtEndOfTick(session);
  else batch.timer ??= setTimeout(() => flush(session), DELAY_MS);
}

function flushAtEndOfTick(session: Session): void {
  const { batch } = session;
  clearTimeout(batch.timer);
  batch.timer = undefined;
  batch.soon ??= setImmediate(() => flush(session));
}

function flush(session: Session): void {
  const { batch, ring, attachments } = session;
  clearTimeout(batch.timer);
  clearImmediate(batch.soon);
  batch.timer = undefined;
  batch.soon = undefined;
  batch.flushed = ring.end;
  for (const attachment of attachments) pull(attachment);
}

function endSession(session: Session, status: ExitStatus): void {
  const { attachments, options } = session;
  session.ended = status;
  clearTimeout(session.stall);
  options.onEnd(session, status);
  flush(session); // whoever gets the last bytes now hears of the end behind them
  if (attachments.size === 0) return;
  session.stall = setTimeout(() => {
    for (const attachment of attachments) dismissViewer(attachment, status);
  }, options.stallMs);
}

/** Somebody typed. False: the program does not read and its queue is full; nothing was taken. */
export function typeInto(attachment: Attachment, bytes: Buffer): boolean {
  const { session } = attachment;
  session.batch.typedAt = performance.now();
  if (session.batch.timer) flushAtEndOfTick(session);
  if (session.sizer !== attachment) giveSize(session, attachment);
  return session.pty.write(bytes);
}

/** From now on nothing holds output back, so that the end can come. */
export function releaseSession(session: Session): void {
  session.closing = true;
  resumeIfTaken(session);
}
