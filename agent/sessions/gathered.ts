// A pty whose output is gathered: one that puts out much is heard of in large pieces, an echo at once. Knows bytes; must not know
// sessions or viewers.
import { openPty } from './pty-native.ts';
import type { Pty, PtyOptions } from './pty.ts';

const FULL_BYTES = 65536 - 1024;
// Output is hot with so many bytes in this slot or the one before; only then it is gathered. Bytes, not the time
// since the last batch: that would make a lone echo wait.
const HOT_BYTES = 16384;
const SLOT_MS = 4;
const GAP_MS = 12;
const DELAY_MS = 2;
const TYPING_MS = 30;

interface Batch {
  onBatch: () => void;
  /** Bytes since the last one. */
  size: number;
  due: Due;
  typedAt: number;
  slotAt: number;
  /** Bytes in this slot, and in the one before. */
  slot: number;
  before: number;
}

/** When what was gathered goes on. */
type Due =
  | { is: 'nothing' }
  | { is: 'in-a-moment'; timer: NodeJS.Timeout }
  | { is: 'after-this-tick'; timer: NodeJS.Immediate };

/** As `openPty`. `onBatch`: what `onBytes` got by now is to go on; also before `onEnd`. */
export function openGathered({ onBatch, ...options }: PtyOptions & { onBatch: () => void }): Pty {
  const never = -Infinity;
  const batch: Batch = {
    onBatch,
    size: 0,
    due: { is: 'nothing' },
    typedAt: never,
    slotAt: never,
    slot: 0,
    before: 0,
  };
  const pty = openPty({
    ...options,
    onBytes(bytes, length) {
      options.onBytes(bytes, length);
      gather(batch, length);
    },
    onEnd(status) {
      send(batch);
      options.onEnd(status);
    },
  });
  const write = (bytes: Buffer): boolean => {
    batch.typedAt = performance.now();
    if (batch.due.is === 'in-a-moment') sendAfterTick(batch);
    return pty.write(bytes);
  };
  return {
    ...pty,
    write,
    get queued() {
      return pty.queued;
    },
  };
}

function gather(batch: Batch, length: number): void {
  batch.size += length;
  const now = performance.now();
  if (!isHot(batch, length, now) || batch.size > FULL_BYTES) send(batch);
  else sendLater(batch, now);
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

function sendLater(batch: Batch, now: number): void {
  if (now - batch.typedAt < TYPING_MS) sendAfterTick(batch);
  else if (batch.due.is === 'nothing')
    batch.due = { is: 'in-a-moment', timer: setTimeout(() => send(batch), DELAY_MS) };
}

function sendAfterTick(batch: Batch): void {
  if (batch.due.is === 'after-this-tick') return;
  forgetDue(batch);
  batch.due = { is: 'after-this-tick', timer: setImmediate(() => send(batch)) };
}

function forgetDue(batch: Batch): void {
  const { due } = batch;
  if (due.is === 'in-a-moment') clearTimeout(due.timer);
  else if (due.is === 'after-this-tick') clearImmediate(due.timer);
  batch.due = { is: 'nothing' };
}

function send(batch: Batch): void {
  forgetDue(batch);
  batch.size = 0;
  batch.onBatch();
}
