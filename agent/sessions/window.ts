// Flow control: when a pty waits for its viewers, and for which. Knows offsets; must not know frames or sockets.
import { WINDOW_BYTES } from '../protocol.ts';
import type { Session } from './model.ts';

/** After a restart of the agent: what may come meanwhile, and how long pages take to come back. */
const EXPECTED_BYTES = 64 * 1024;
const EXPECTED_MS = 15_000;
const RESUME_BYTES = WINDOW_BYTES / 2;

/** Pauses the pty if its fastest viewer has too much to parse. Cheap: it runs on each read. */
export function pauseIfFull(session: Session): void {
  if (session.state.is !== 'running' || session.ring.end - fastestAck(session) < WINDOW_BYTES) return;
  session.pty.pause();
  const timer = setTimeout(() => noteStalls(session), session.options.stallMs);
  session.state = { is: 'paused', at: performance.now(), timer };
}

export function resumeIfTaken(session: Session): void {
  if (session.state.is !== 'paused' || session.ring.end - fastestAck(session) >= RESUME_BYTES) return;
  clearTimeout(session.state.timer);
  session.state = { is: 'running' };
  session.pty.resume();
}

/** Its viewers are expected back: what they have not got stays for a while. */
export function expectViewers(session: Session): void {
  session.expected = session.ring.end - WINDOW_BYTES + EXPECTED_BYTES;
  setTimeout(() => endExpecting(session), EXPECTED_MS).unref();
}

export function endExpecting(session: Session): void {
  session.expected = undefined;
  resumeIfTaken(session);
}

/** From now on nothing holds output back, so that the end can come. */
export function releaseSession(session: Session): void {
  const { state } = session;
  switch (state.is) {
    case 'running':
      session.state = { is: 'closing' };
      return;
    case 'paused':
      clearTimeout(state.timer);
      session.state = { is: 'closing' };
      return session.pty.resume();
    case 'closing':
    case 'ended':
      return;
    default:
      state satisfies never;
  }
}

// Those who acknowledge count before those who have not yet: a viewer that was just set to the newest offset must not
// pull the window away from one that works. Without viewers nothing holds the session up.
function fastestAck({ attachments, expected }: Session): number {
  if (expected !== undefined) return expected;
  let proven = -1;
  let any = -1;
  for (const { pace, acked } of attachments) {
    if (pace === 'stalled') continue;
    any = Math.max(any, acked);
    if (pace === 'keeps-up') proven = Math.max(proven, acked);
  }
  if (proven >= 0) return proven;
  return any >= 0 ? any : Infinity;
}

function noteStalls(session: Session): void {
  if (session.state.is !== 'paused') return;
  const { stallMs } = session.options;
  const now = performance.now();
  let soonestMs = stallMs;
  for (const attachment of session.attachments) {
    const leftMs = Math.max(attachment.progressAt, session.state.at) + stallMs - now;
    if (leftMs <= 0) attachment.pace = 'stalled';
    else soonestMs = Math.min(soonestMs, leftMs);
  }
  session.state.timer = setTimeout(() => noteStalls(session), soonestMs + 1);
  resumeIfTaken(session);
}
