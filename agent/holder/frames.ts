// What agent and holder say to each other, byte by byte. Both of another version must understand it: numbers here are never used
// for something else. Knows no pty and no socket.
import type { ExitStatus } from '../sessions/pty.ts';
import type { Resize } from '../sessions/snapshot.ts';

/** Of all but `HELLO`'s first fields and `END`, which stay as they are for ever. */
export const HOLDER_PROTOCOL = 1;

/** `[length u32][word u8][session u32][payload]`, little-endian; `length` is the payload's. */
export const HEAD_BYTES = 9;
/** The most of a session's output in one frame: it fits into one read with its head. */
export const MAX_OUTPUT_BYTES = 65536 - HEAD_BYTES;

export const Word = {
  // agent -> holder
  /** JSON, `Opening`. */
  OPEN: 0x01,
  INPUT: 0x02,
  /** cols u16, rows u16. */
  RESIZE: 0x03,
  PAUSE: 0x04,
  RESUME: 0x05,
  /** Takes the terminal away, as when its window is closed. */
  CLOSE: 0x06,
  /** Text, the session's new label. */
  LABEL: 0x07,
  /** The agent knows how the session ended. */
  FORGET: 0x08,
  /** Ends every session, and the holder. */
  END: 0x0f,
  // holder -> agent
  /** JSON, `Hello`; the first. */
  HELLO: 0x81,
  /** pid u32. */
  STARTED: 0x82,
  /** Goes on from the last byte said; at first from `first`. */
  OUTPUT: 0x83,
  /** received f64, waiting u32: of what came as INPUT on this connection, and what no program has read of it. */
  TAKEN: 0x84,
  /** JSON, `ExitStatus`; after the last byte. */
  ENDED: 0x85,
} as const;

export interface Opening {
  label: string;
  file: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  cols: number;
  rows: number;
}

export interface Hello {
  protocol: number;
  pid: number;
  sessions: HeldSession[];
}

/** `first` and `end` are offsets of its output; what was before `first` is known by `modes` alone. */
export interface HeldSession {
  n: number;
  label: string;
  pid: number;
  first: number;
  end: number;
  modes: { on: [key: string, sequence: string][]; style: string; /** base64 */ rest: string };
  sizes: Resize[];
  /** Input that no program has read. */
  waiting: number;
  status?: ExitStatus;
}

export function frameOf(word: number, n: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  writeHead(frame, word, n, payload.length);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

export function writeHead(frame: Buffer, word: number, n: number, length: number): void {
  frame.writeUInt32LE(length, 0);
  frame[4] = word;
  frame.writeUInt32LE(n, 5);
}

export interface Hearing {
  /** Words whose payload is heard in parts as it comes, and then once more, empty. */
  streamed: readonly number[];
  /** Copy before you return: the buffer is the reader's. */
  onPart: (word: number, n: number, bytes: Buffer) => void;
  onFrame: (word: number, n: number, payload: Buffer) => void;
}

/** Takes the bytes of a connection in whatever pieces they come. */
export function createHearer({ streamed, onPart, onFrame }: Hearing): (bytes: Buffer) => void {
  const head = Buffer.alloc(HEAD_BYTES);
  let [headed, left, word, n] = [0, 0, 0, 0];
  let parts: Buffer[] = [];
  const finish = () => {
    const payload = Buffer.concat(parts);
    parts = [];
    headed = 0;
    onFrame(word, n, payload);
  };
  return (bytes) => {
    for (let at = 0; at < bytes.length;) {
      if (headed < HEAD_BYTES) {
        const size = Math.min(HEAD_BYTES - headed, bytes.length - at);
        bytes.copy(head, headed, at, at + size);
        headed += size;
        at += size;
        if (headed < HEAD_BYTES) return;
        [left, word, n] = [head.readUInt32LE(0), head[4] ?? 0, head.readUInt32LE(5)];
        if (left === 0) finish();
        continue;
      }
      const part = bytes.subarray(at, at + left);
      at += part.length;
      left -= part.length;
      if (streamed.includes(word)) onPart(word, n, part);
      else parts.push(Buffer.from(part));
      if (left === 0) finish();
    }
  };
}
