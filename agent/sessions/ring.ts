// The last bytes of a session's output, by offset. Knows bytes; must not know ptys, viewers or what the bytes mean.

const FIRST_CHUNK = 4096;
const MAX_CHUNK = 65536;

interface Chunk {
  /** Offset of the chunk's first byte. */
  at: number;
  used: number;
  bytes: Buffer;
}

/** Holds the bytes of offsets `first` (inclusive) to `end` (exclusive); grows with what is pushed, up to `capacity`. */
export interface Ring {
  first: number;
  end: number;
  readonly capacity: number;
  /** Called with what is about to be forgotten, oldest first; the buffer is used again after the call. */
  readonly onForget: (bytes: Buffer) => void;
  readonly chunks: Chunk[];
  /** Of all chunks, in bytes. */
  size: number;
}

/**
 * `capacity` is in bytes, at least 4,096. Whole chunks are forgotten: up to one (64 KiB at most) less may be held. `at`: the
 * offset of the first byte that will come.
 */
export function createRing(capacity = 1 << 20, onForget: (bytes: Buffer) => void = () => {}, at = 0): Ring {
  return { first: at, end: at, capacity, onForget, chunks: [], size: 0 };
}

/** Appends the first `length` bytes of `source`; copies. */
export function pushRing(ring: Ring, source: Uint8Array, length: number): void {
  for (let done = 0; done < length;) {
    const chunk = roomyChunk(ring);
    const n = Math.min(length - done, chunk.bytes.length - chunk.used);
    chunk.bytes.set(source.subarray(done, done + n), chunk.used);
    chunk.used += n;
    ring.end += n;
    done += n;
  }
}

function roomyChunk(ring: Ring): Chunk {
  const last = ring.chunks.at(-1);
  if (last && last.used < last.bytes.length) return last;
  const chunk = { at: ring.end, used: 0, bytes: nextBuffer(ring, last?.bytes.length ?? 0) };
  ring.chunks.push(chunk);
  return chunk;
}

function nextBuffer(ring: Ring, lastSize: number): Buffer {
  const size = Math.min(MAX_CHUNK, Math.max(FIRST_CHUNK, lastSize * 2), ring.capacity);
  let spare: Buffer | undefined;
  while (ring.size + size > ring.capacity) spare = forgetOldest(ring);
  ring.size += size;
  return spare?.length === size ? spare : Buffer.allocUnsafeSlow(size);
}

function forgetOldest(ring: Ring): Buffer | undefined {
  const oldest = ring.chunks.shift();
  if (!oldest) throw new Error('ring: a chunk is larger than the capacity');
  ring.onForget(oldest.bytes.subarray(0, oldest.used));
  ring.size -= oldest.bytes.length;
  ring.first = oldest.at + oldest.used;
  return oldest.bytes;
}

/** Copies up to `length` bytes that begin at offset `from` into `target` at `at`; says how many there were. */
export function copyFromRing(
  ring: Ring,
  from: number,
  target: Uint8Array,
  at: number,
  length: number,
): number {
  if (from < ring.first || from > ring.end) throw new Error('ring: that offset is not held');
  const wanted = Math.min(length, ring.end - from);
  for (let done = 0; done < wanted;) {
    const chunk = chunkAt(ring, from + done);
    const start = from + done - chunk.at;
    const n = Math.min(wanted - done, chunk.used - start);
    target.set(chunk.bytes.subarray(start, start + n), at + done);
    done += n;
  }
  return wanted;
}

// Readers are mostly at the end, so look from there.
function chunkAt(ring: Ring, offset: number): Chunk {
  for (let i = ring.chunks.length - 1; i >= 0; i--) {
    const chunk = ring.chunks[i];
    if (chunk && chunk.at <= offset) return chunk;
  }
  throw new Error('ring: that offset is not held');
}

/** A copy of the bytes from offset `from` to offset `to`. */
export function readRing(ring: Ring, from: number, to: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(to - from);
  if (copyFromRing(ring, from, bytes, 0, to - from) < to - from)
    throw new Error('ring: that offset is not held');
  return bytes;
}
