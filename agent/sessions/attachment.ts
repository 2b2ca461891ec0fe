// One viewer's view of one session: what it was sent, what it has parsed, how it catches up, which size it asks for. Knows
// offsets; must not know ptys, tickets, frames or sockets.
import { WINDOW_BYTES } from '../protocol.ts';
import type { Attachment, Line, Session, Size, Viewing } from './model.ts';
import type { ExitStatus } from './pty.ts';
import { readRing } from './ring.ts';
import { renderModes } from './modes.ts';
import { findSafeEnd, findSafeStart } from './sequences.ts';
import { noteSize } from './output.ts';
import { endExpecting, resumeIfTaken } from './window.ts';

/** The most that is sent at once. */
export const MAX_OUTPUT_BYTES = 65536;
/** What is smaller, like an echo, goes past a full line. */
export const SMALL_BYTES = 8192;
const BACKLOG_BYTES = 1 << 20;
/** Up to which what is small does: past that nobody reads, whatever is acknowledged. */
const MAX_BACKLOG_BYTES = 8 << 20;

/**
 * Registers a viewer; from now on it misses nothing. Undefined: that offset is not of this session's life. The caller
 * tells the viewer `sent` as the offset that follows, then calls `startAttachment`, in the same tick.
 */
export function attachViewer(session: Session, viewing: Viewing, offset?: number): Attachment | undefined {
  const { ring } = session;
  if (offset !== undefined && offset > ring.end) return undefined;
  const isHeld = offset !== undefined && offset >= ring.first;
  const from = isHeld ? offset : findSafeEnd(ring);
  const attachment: Attachment = {
    ...viewing,
    session,
    stage: isHeld ? 'following' : 'drawing',
    pace: 'untried',
    sent: from,
    acked: from,
    progressAt: performance.now(),
    snapshotAt: -Infinity,
    size: undefined,
  };
  session.attachments.add(attachment);
  if (session.expected !== undefined) endExpecting(session);
  return attachment;
}

export function startAttachment(attachment: Attachment): void {
  if (attachment.stage === 'drawing') void sendSnapshot(attachment);
  else pull(attachment);
}

export function detachViewer(attachment: Attachment): void {
  const { session, line } = attachment;
  if (attachment.stage === 'detached') return;
  attachment.stage = 'detached';
  session.attachments.delete(attachment);
  line.waiting.delete(attachment);
  if (session.sizeOwner === attachment) setSizeOwner(session, undefined);
  if (session.state.is !== 'ended') resumeIfTaken(session);
  else if (session.attachments.size === 0) clearTimeout(session.state.timer);
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
  attachment.pace = 'keeps-up';
  attachment.progressAt = performance.now();
  resumeIfTaken(attachment.session);
  pull(attachment);
}

/** Sends what the viewer has not got, as far as its window goes. */
export function pull(attachment: Attachment): void {
  const { stage, session } = attachment;
  switch (stage) {
    case 'following':
      follow(attachment);
      break;
    case 'drawing': // it goes on when the snapshot is sent
    case 'queued': // it goes on when its turn comes
    case 'detached':
      return;
    default:
      stage satisfies never;
  }
  if (
    attachment.stage === 'following' &&
    session.state.is === 'ended' &&
    attachment.sent === session.ring.end
  )
    dismissViewer(attachment, session.state.status);
}

function follow(attachment: Attachment): void {
  const { session, line } = attachment;
  const { ring } = session;
  while (attachment.stage === 'following' && attachment.sent < ring.end && roomOf(attachment) > 0) {
    if (attachment.sent < ring.first) return resynchronise(attachment);
    if (mustWait(attachment)) {
      attachment.stage = 'queued';
      line.waiting.add(attachment);
      return;
    }
    sendOutput(attachment);
  }
}

function roomOf({ acked, sent }: Attachment): number {
  return WINDOW_BYTES - (sent - acked);
}

// A full line goes to the sessions in turn; what is small, like an echo, goes past them.
function mustWait({ session, sent, line }: Attachment): boolean {
  const isSmall = session.ring.end - sent <= SMALL_BYTES;
  return line.backlog() > (isSmall ? MAX_BACKLOG_BYTES : BACKLOG_BYTES);
}

function sendOutput(attachment: Attachment): void {
  const { session, line, sent } = attachment;
  const length = Math.min(MAX_OUTPUT_BYTES, roomOf(attachment), session.ring.end - sent);
  attachment.sent += length;
  attachment.sendOutput(session.ring, sent, length, () => giveTurn(line));
}

/** Something has left on this line, whatever it was: whoever waits for that may go on. */
export function giveTurn(line: Line): void {
  if (line.waiting.size === 0 || line.backlog() > BACKLOG_BYTES) return;
  const [attachment] = line.waiting;
  if (!attachment) return;
  line.waiting.delete(attachment);
  attachment.stage = 'following';
  pull(attachment);
}

// The viewer fell out of the ring: it gets the screen of now and goes on from there. In a flood that happens again
// and again, so it is rare and never piles up.
function resynchronise(attachment: Attachment): void {
  const { session, line, snapshotAt } = attachment;
  const { resyncMs } = session.options;
  attachment.stage = 'drawing';
  if (attachment.pace === 'keeps-up') attachment.pace = 'untried';
  const waitMs = snapshotAt + resyncMs - performance.now();
  if (waitMs <= 0 && line.backlog() < WINDOW_BYTES) return beginAgain(attachment);
  const again = () => attachment.stage === 'drawing' && resynchronise(attachment);
  setTimeout(again, Math.max(waitMs, resyncMs / 4));
}

function beginAgain(attachment: Attachment): void {
  attachment.sent = findSafeEnd(attachment.session.ring);
  attachment.acked = attachment.sent;
  void sendSnapshot(attachment);
}

// One after the other for each line: each holds a copy of the ring until the thread has drawn it, and a viewer that asks
// again and again has only the last one drawn.
function sendSnapshot(attachment: Attachment): Promise<void> {
  const { line } = attachment;
  line.drawing = (line.drawing ?? Promise.resolve()).then(() => drawSnapshot(attachment));
  return line.drawing;
}

async function drawSnapshot(attachment: Attachment): Promise<void> {
  const { session, sent, line } = attachment;
  if (attachment.stage !== 'drawing') return;
  attachment.snapshotAt = performance.now();
  const screen = await takeSnapshot(session, sent);
  if (attachment.stage !== 'drawing') return;
  attachment.sendSnapshot(screen, sent, () => giveTurn(line));
  attachment.stage = 'following';
  pull(attachment);
}

function takeSnapshot({ ring, modes, sizes, options }: Session, end: number): Promise<Buffer> {
  const from = Math.min(findSafeStart(ring), end);
  const output = readRing(ring, from, end);
  return options.snapshots.take({ modes: renderModes(modes), from, output, sizes: [...sizes] });
}

/** A viewer's own size; the session takes it if this viewer is the one who sets it. */
export function resizeViewer(attachment: Attachment, size: Size): void {
  attachment.size = size;
  setSizeOwner(attachment.session, attachment.session.sizeOwner);
}

/** Lets this viewer set the size; without one, the first who may type. */
export function setSizeOwner(session: Session, attachment: Attachment | undefined): void {
  session.sizeOwner = attachment ?? [...session.attachments].find(({ canWrite }) => canWrite);
  if (session.sizeOwner?.size && session.state.is !== 'ended') applySize(session, session.sizeOwner.size);
}

function applySize(session: Session, { cols, rows }: Size): void {
  if (session.size.cols === cols && session.size.rows === rows) return;
  const { pty, options } = session;
  session.size = { cols, rows };
  pty.resize(cols, rows);
  noteSize(session, { cols, rows });
  options.onResize(session);
}
