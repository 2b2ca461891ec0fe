// One viewer's view of one session: what it was sent, what it has parsed, how it catches up. Knows offsets and frames;
// must not know ptys, tickets or sockets.
import { Frame, FRAME_HEAD_BYTES, OFFSET_BYTES, WINDOW_BYTES } from '../protocol.ts';
import { findSafeEnd, findSafeStart } from './boundary.ts';
import { renderModes } from './modes.ts';
import type { ExitStatus } from './pty.ts';
import { copyFromRing, readRing } from './ring.ts';
import type { Session } from './session.ts';
import { giveSize } from './size.ts';
import { resumeIfTaken } from './window.ts';

/** Where one viewer's frames go; shared by all that the viewer looks at. */
export interface Outlet {
  /** `done` is called when the frame has left; the buffer must not be touched before. */
  send(frame: Buffer, done?: () => void): void;
  /** Bytes that were sent and have not left yet. */
  backlog(): number;
  /** Those that wait for the backlog to shrink; they take turns. */
  readonly waiting: Set<Attachment>;
  /** Ends when the snapshots that were asked for on this socket are sent. */
  drawing?: Promise<void>;
}

export interface Looking {
  /** The session's number on this viewer's socket. */
  readonly n: number;
  readonly outlet: Outlet;
  /** Whether its input and its size count. */
  readonly drive: boolean;
  /** Called once, after the last byte. */
  readonly onExit: (status: ExitStatus) => void;
}

export interface Attachment extends Looking {
  readonly session: Session;
  /** Output up to this offset was sent. */
  sent: number;
  /** Output up to this offset was parsed, as far as the viewer said. */
  acked: number;
  /** It has acknowledged something since it began: the window follows those who do. */
  proven: boolean;
  /** It owes an acknowledgement for so long that nobody waits for it. */
  stalled: boolean;
  progressAt: number;
  /** A snapshot is being made; output waits for it. */
  pending: boolean;
  /** When the last one was asked for. */
  snapshotAt: number;
  size: { cols: number; rows: number } | undefined;
}

const FRAME_BYTES = 65536;
const SMALL_BYTES = 8192;
const BACKLOG_BYTES = 1 << 20;
const POOL_FRAMES = 64;
const pool: Buffer[] = [];

/**
 * Registers a viewer; from now on it misses nothing. Undefined: that offset is not of this session's life. The caller
 * tells the viewer `sent` as the offset that follows, then calls `startAttachment`, in the same tick.
 */
export function attachViewer(session: Session, viewer: Looking, offset?: number): Attachment | undefined {
  const { ring } = session;
  if (offset !== undefined && offset > ring.end) return undefined;
  const isHeld = offset !== undefined && offset >= ring.first;
  const from = isHeld ? offset : findSafeEnd(ring);
  const attachment: Attachment = {
    ...viewer,
    session,
    sent: from,
    acked: from,
    proven: false,
    stalled: false,
    progressAt: performance.now(),
    pending: !isHeld,
    snapshotAt: -Infinity,
    size: undefined,
  };
  session.attachments.add(attachment);
  return attachment;
}

export function startAttachment(attachment: Attachment): void {
  if (attachment.pending) void sendSnapshot(attachment);
  else pull(attachment);
}

export function detachViewer(attachment: Attachment): void {
  const { session, outlet } = attachment;
  if (!session.attachments.delete(attachment)) return;
  outlet.waiting.delete(attachment);
  if (session.sizer === attachment) giveSize(session, undefined);
  if (!session.ended) resumeIfTaken(session);
  else if (session.attachments.size === 0) clearTimeout(session.stall);
}

/** Tells the viewer that the session is over, and lets it go. */
export function dismissViewer(attachment: Attachment, status: ExitStatus): void {
  detachViewer(attachment);
  attachment.onExit(status);
}

/** The viewer has parsed the output up to offset `total`. Cumulative, so a lost one heals. */
export function acknowledge(attachment: Attachment, total: number): void {
  // One from the future would switch the window off; an old one may have crossed a snapshot.
  if (!(total > attachment.acked && total <= attachment.sent)) return;
  attachment.acked = total;
  attachment.proven = true;
  attachment.stalled = false;
  attachment.progressAt = performance.now();
  resumeIfTaken(attachment.session);
  pull(attachment);
}

/** Sends what the viewer has not got, as far as its window goes. */
export function pull(attachment: Attachment): void {
  const { session, outlet } = attachment;
  const { ring, ended } = session;
  if (attachment.pending || outlet.waiting.has(attachment)) return;
  while (attachment.sent < ring.end && roomOf(attachment) > 0) {
    if (attachment.sent < ring.first) return resynchronise(attachment);
    if (mustWait(attachment)) return void outlet.waiting.add(attachment);
    sendOutput(attachment);
  }
  if (ended && attachment.sent === ring.end) dismissViewer(attachment, ended);
}

function roomOf({ acked, sent }: Attachment): number {
  return WINDOW_BYTES - (sent - acked);
}

// A full line goes to the sessions in turn; what is small, like an echo, goes past them.
function mustWait({ session, sent, outlet }: Attachment): boolean {
  return session.ring.end - sent > SMALL_BYTES && outlet.backlog() > BACKLOG_BYTES;
}

function sendOutput(attachment: Attachment): void {
  const { session, n, outlet, sent } = attachment;
  const length = Math.min(FRAME_BYTES, roomOf(attachment), session.ring.end - sent);
  const isSmall = length < SMALL_BYTES;
  const whole = isSmall ? Buffer.allocUnsafe(FRAME_HEAD_BYTES + length) : takeFrame();
  writeHead(whole, Frame.OUTPUT, n);
  copyFromRing(session.ring, sent, whole, FRAME_HEAD_BYTES, length);
  attachment.sent += length;
  outlet.send(whole.subarray(0, FRAME_HEAD_BYTES + length), () => {
    if (!isSmall) giveFrame(whole);
    giveTurn(outlet);
  });
}

function giveTurn(outlet: Outlet): void {
  if (outlet.waiting.size === 0 || outlet.backlog() > BACKLOG_BYTES) return;
  const [attachment] = outlet.waiting;
  if (!attachment) return;
  outlet.waiting.delete(attachment);
  pull(attachment);
}

function writeHead(frame: Buffer, type: number, n: number): void {
  frame[0] = type;
  frame.writeUInt16LE(n, 1);
}

function takeFrame(): Buffer {
  return pool.pop() ?? Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES + FRAME_BYTES);
}

function giveFrame(frame: Buffer): void {
  if (pool.length < POOL_FRAMES) pool.push(frame);
}

// The viewer fell out of the ring: it gets the screen of now and goes on from there. In a flood that happens again
// and again, so it is rare and never piles up.
function resynchronise(attachment: Attachment): void {
  const { session, outlet, snapshotAt } = attachment;
  const { resyncMs } = session.options;
  attachment.pending = true;
  attachment.proven = false;
  const waitMs = snapshotAt + resyncMs - performance.now();
  if (waitMs <= 0 && outlet.backlog() < WINDOW_BYTES) return beginAgain(attachment);
  const again = () => session.attachments.has(attachment) && resynchronise(attachment);
  setTimeout(again, Math.max(waitMs, resyncMs / 4));
}

function beginAgain(attachment: Attachment): void {
  attachment.sent = findSafeEnd(attachment.session.ring);
  attachment.acked = attachment.sent;
  void sendSnapshot(attachment);
}

// One after the other for each socket: each holds a copy of the ring until the thread has drawn it, and whoever asks
// again and again has only the last one drawn.
function sendSnapshot(attachment: Attachment): Promise<void> {
  const { outlet } = attachment;
  outlet.drawing = (outlet.drawing ?? Promise.resolve()).then(() => drawSnapshot(attachment));
  return outlet.drawing;
}

async function drawSnapshot(attachment: Attachment): Promise<void> {
  const { session, sent, outlet, n } = attachment;
  if (!session.attachments.has(attachment)) return;
  attachment.snapshotAt = performance.now();
  const screen = await takeSnapshot(session, sent);
  if (!session.attachments.has(attachment)) return;
  for (let at = 0; at < screen.length; at += FRAME_BYTES) {
    const slice = screen.subarray(at, at + FRAME_BYTES);
    const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + OFFSET_BYTES + slice.length);
    writeHead(frame, Frame.SNAPSHOT, n);
    frame.writeDoubleLE(sent, FRAME_HEAD_BYTES);
    frame.set(slice, FRAME_HEAD_BYTES + OFFSET_BYTES);
    outlet.send(frame);
  }
  attachment.pending = false;
  pull(attachment);
}

function takeSnapshot({ ring, modes, sizes, options }: Session, end: number): Promise<Buffer> {
  const from = Math.min(findSafeStart(ring), end);
  const output = readRing(ring, from, end);
  return options.snapshots.take({ modes: renderModes(modes), from, output, sizes: [...sizes] });
}
