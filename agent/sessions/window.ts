// Flow control: when a pty waits for its viewers, and for which. Knows offsets; must not know frames or sockets.
import { WINDOW_BYTES } from '../protocol.ts';
import type { Session } from './session.ts';

const RESUME_BYTES = WINDOW_BYTES / 2;

/** Pauses the pty if its fastest viewer has too much to parse. Cheap: it runs on each read. */
export function pauseIfFull(session: Session): void {
  if (session.paused || session.closing || session.ring.end - fastestAck(session) < WINDOW_BYTES) return;
  session.paused = true;
  session.pausedAt = performance.now();
  session.pty.pause();
  session.stall = setTimeout(() => noteStalls(session), session.options.stallMs);
}

export function resumeIfTaken(session: Session): void {
  if (!session.paused) return;
  if (!session.closing && session.ring.end - fastestAck(session) >= RESUME_BYTES) return;
  session.paused = false;
  clearTimeout(session.stall);
  session.pty.resume();
}

// Those who acknowledge count before those who have not yet: a viewer that was just set to the newest offset must not
// pull the window away from one that works. With nobody, nobody holds the session up.
function fastestAck({ attachments }: Session): number {
  let proven = -1;
  let any = -1;
  for (const attachment of attachments) {
    if (attachment.stalled) continue;
    any = Math.max(any, attachment.acked);
    if (attachment.proven) proven = Math.max(proven, attachment.acked);
  }
  if (proven >= 0) return proven;
  return any >= 0 ? any : Infinity;
}

function noteStalls(session: Session): void {
  const { stallMs } = session.options;
  const now = performance.now();
  let soonestMs = stallMs;
  for (const attachment of session.attachments) {
    const leftMs = Math.max(attachment.progressAt, session.pausedAt) + stallMs - now;
    if (leftMs <= 0) attachment.stalled = true;
    else soonestMs = Math.min(soonestMs, leftMs);
  }
  resumeIfTaken(session);
  if (session.paused) session.stall = setTimeout(() => noteStalls(session), soonestMs + 1);
}
