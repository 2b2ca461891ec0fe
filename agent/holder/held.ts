// One session as its holder has it: a pty, its last output, and how far that has gone to the agent. Knows no socket.
import { openGathered } from '../sessions/gathered.ts';
import { createOutput, noteSize, type Output } from '../sessions/output.ts';
import type { ExitStatus, Pty } from '../sessions/pty.ts';
import { copyFromRing, pushRing } from '../sessions/ring.ts';
import {
  frameOf,
  HEAD_BYTES,
  MAX_OUTPUT_BYTES,
  Word,
  writeHead,
  type HeldSession,
  type Opening,
} from './frames.ts';

/** What waits for the agent's socket, and what may wait beside it before the pty does. */
const BACKLOG_BYTES = 64 << 10;
const BEHIND_BYTES = 128 << 10;
/** What may come while the next agent is expected, so that pages find all that they have not got. */
const AWAY_BYTES = 64 << 10;
const TELL_BYTES = 64 << 10;
const TELL_MS = 50;

/** The way to the agent. */
export interface Line {
  /** False: no agent is there. */
  send: (frame: Buffer, done?: () => void) => boolean;
  /** Bytes that have not left yet. Undefined: no agent is there. */
  backlog: () => number | undefined;
  /** An agent was there moments ago, and the next one will be. */
  isExpected: () => boolean;
}

export interface Held extends Output {
  readonly n: number;
  readonly pty: Pty;
  label: string;
  /** Output up to this offset went to the agent. */
  sent: number;
  /** Where it stood when the agent left, or came. */
  leftAt: number;
  /** The agent wants no more for now. */
  isPaused: boolean;
  /** The agent's socket takes no more for now. */
  isBehind: boolean;
  /** So its pty is. */
  isStill: boolean;
  /** Input on this connection, and how much of it the agent knows to be received. */
  received: number;
  told: number;
  telling: NodeJS.Timeout | undefined;
  /** It is over, and all its output is in the ring. */
  status: ExitStatus | undefined;
  isEndTold: boolean;
}

/** What is smaller, like an echo, has a frame of its own size. */
const SMALL_BYTES = 4096;

/** For what is not small. Used again when they have left; few, for the backlog is short. */
const frames: Buffer[] = [];

/** Starts the program. Throws if the system has no pty to give. */
export function hold(n: number, { label, ...command }: Opening, line: Line): Held {
  const { cols, rows } = command;
  const held: Held = {
    n,
    label,
    ...createOutput([{ at: 0, cols, rows }]),
    sent: 0,
    leftAt: 0,
    isPaused: false,
    isBehind: false,
    isStill: false,
    received: 0,
    told: 0,
    telling: undefined,
    status: undefined,
    isEndTold: false,
    pty: openGathered({
      ...command,
      onBytes: (bytes, length) => pushRing(held.ring, bytes, length),
      onBatch: () => pull(held, line),
      onEnd(status) {
        clearTimeout(held.telling);
        held.status = status;
        pull(held, line);
      },
    }),
  };
  const pid = Buffer.alloc(4);
  pid.writeUInt32LE(held.pty.pid);
  line.send(frameOf(Word.STARTED, n, pid));
  return held;
}

/** Another agent begins from the beginning, or there is none; `pull` follows. */
export function resetHeld(held: Held): void {
  const { first, end } = held.ring;
  Object.assign(held, { sent: first, leftAt: end, received: 0, told: 0, isEndTold: false, isPaused: false });
  clearTimeout(held.telling);
  held.telling = undefined;
}

export function describeHeld({ n, label, pty, ring, modes, sizes, status }: Held): HeldSession {
  return {
    n,
    label,
    pid: pty.pid,
    first: ring.first,
    end: ring.end,
    modes: { on: [...modes.on], style: modes.style, rest: modes.rest.toString('base64') },
    sizes,
    waiting: pty.queued,
    ...(status && { status }),
  };
}

/** Sends what the agent has not got, as far as its socket takes it; and the end behind it. */
export function pull(held: Held, line: Line): void {
  sendOutput(held, line);
  const { ring, sent, leftAt, isBehind } = held;
  // Without an agent for longer nothing holds it back: what comes pushes out what is oldest.
  if (line.backlog() === undefined) held.isBehind = line.isExpected() && ring.end - leftAt > AWAY_BYTES;
  else held.isBehind = ring.end - sent > (isBehind ? BEHIND_BYTES / 2 : BEHIND_BYTES);
  settle(held);
}

function sendOutput(held: Held, { send, backlog }: Line): void {
  const { n, ring, status } = held;
  for (let waiting = backlog(); waiting !== undefined && held.sent < ring.end; waiting = backlog()) {
    if (waiting >= BACKLOG_BYTES) return;
    const length = Math.min(MAX_OUTPUT_BYTES, ring.end - held.sent);
    const isSmall = length < SMALL_BYTES;
    const frame = isSmall ? Buffer.allocUnsafe(HEAD_BYTES + length) : takeFrame();
    writeHead(frame, Word.OUTPUT, n, length);
    copyFromRing(ring, held.sent, frame, HEAD_BYTES, length);
    held.sent += length;
    send(frame.subarray(0, HEAD_BYTES + length), () => isSmall || frames.push(frame));
  }
  if (!status || held.isEndTold || held.sent < ring.end) return;
  held.isEndTold = send(frameOf(Word.ENDED, n, Buffer.from(JSON.stringify(status))));
}

const takeFrame = (): Buffer => frames.pop() ?? Buffer.allocUnsafeSlow(HEAD_BYTES + MAX_OUTPUT_BYTES);

export function setPaused(held: Held, isPaused: boolean): void {
  held.isPaused = isPaused;
  settle(held);
}

// Only what changes: a resume that is taken back in the same tick reads all the same.
function settle(held: Held): void {
  const isStill = held.isPaused || held.isBehind;
  if (isStill === held.isStill) return;
  held.isStill = isStill;
  if (isStill) held.pty.pause();
  else held.pty.resume();
}

export function resize(held: Held, size: { cols: number; rows: number }): void {
  held.pty.resize(size.cols, size.rows);
  noteSize(held, size);
}

/** Types it. The agent sends no more than the pty takes: it hears how much waits. */
export function take(held: Held, line: Line, input: Buffer): void {
  held.received += input.length;
  held.pty.write(input);
  if (held.received - held.told >= TELL_BYTES) tell(held, line);
  else if (held.pty.queued > 0) held.telling ??= setTimeout(() => tell(held, line), TELL_MS);
}

function tell(held: Held, line: Line): void {
  const { n, received, pty } = held;
  clearTimeout(held.telling);
  held.telling = pty.queued > 0 ? setTimeout(() => tell(held, line), TELL_MS) : undefined;
  held.told = received;
  const payload = Buffer.alloc(12);
  payload.writeDoubleLE(received, 0);
  payload.writeUInt32LE(pty.queued, 8);
  line.send(frameOf(Word.TAKEN, n, payload));
}
