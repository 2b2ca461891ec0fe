// One session: a pty, its last output, and when output is flushed to its viewers. Must not know tickets, workspaces, frames
// or sockets.
import type { SessionInfo } from '../protocol.ts';
import { dismissViewer, pull, setSizeOwner } from './attachment.ts';
import type { Attachment, Batch, Session, SessionOptions } from './model.ts';
import { openPty } from './pty-native.ts';
import type { ExitStatus } from './pty.ts';
import { createRing, pushRing } from './ring.ts';
import { createModes, noteModes } from './modes.ts';
import { pauseIfFull } from './window.ts';

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
    size: { cols, rows },
    state: { is: 'running' },
    pty: openPty({ ...spec, cols, rows, onBytes, onEnd }),
    ring: createRing(1 << 20, (bytes) => noteModes(modes, bytes)),
    modes,
    sizes: [{ at: 0, cols, rows }],
    attachments: new Set(),
    sizeOwner: undefined,
    batch: createBatch(),
    options,
  };
  return session;
}

function createBatch(): Batch {
  const never = -Infinity;
  return { flushed: 0, due: { is: 'nothing' }, typedAt: never, slotAt: never, slot: 0, before: 0 };
}

export function describeSession({ id, name, size, ring }: Session): SessionInfo {
  return { id, name, ...size, first: ring.first, end: ring.end };
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
  if (now - batch.typedAt < TYPING_MS) flushAfterTick(session);
  else if (batch.due.is === 'nothing')
    batch.due = { is: 'in-a-moment', timer: setTimeout(() => flush(session), DELAY_MS) };
}

function flushAfterTick(session: Session): void {
  const { batch } = session;
  if (batch.due.is === 'after-this-tick') return;
  forgetDue(batch);
  batch.due = { is: 'after-this-tick', timer: setImmediate(() => flush(session)) };
}

function forgetDue(batch: Batch): void {
  const { due } = batch;
  if (due.is === 'in-a-moment') clearTimeout(due.timer);
  else if (due.is === 'after-this-tick') clearImmediate(due.timer);
  batch.due = { is: 'nothing' };
}

function flush(session: Session): void {
  const { batch, ring, attachments } = session;
  forgetDue(batch);
  batch.flushed = ring.end;
  for (const attachment of attachments) pull(attachment);
}

function endSession(session: Session, status: ExitStatus): void {
  const { attachments, options } = session;
  if (session.state.is === 'paused') clearTimeout(session.state.timer);
  session.state = { is: 'ended', status };
  options.onEnd(session, status);
  options.spec.onGone?.();
  flush(session); // viewers that get the last bytes now hear of the end behind them
  if (attachments.size === 0) return;
  session.state.timer = setTimeout(() => {
    for (const attachment of attachments) dismissViewer(attachment, status);
  }, options.stallMs);
}

/** The viewer typed. False: the program does not read and its queue is full; nothing was taken. */
export function typeInto(attachment: Attachment, bytes: Buffer): boolean {
  const { session } = attachment;
  session.batch.typedAt = performance.now();
  if (session.batch.due.is === 'in-a-moment') flushAfterTick(session);
  if (session.sizeOwner !== attachment) setSizeOwner(session, attachment);
  return session.pty.write(bytes);
}
