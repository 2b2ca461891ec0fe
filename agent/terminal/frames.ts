// Binary frames on a viewer's socket: what it types and acknowledges, output and screens for it. Knows bytes and sockets;
// must not know ptys.
import type { WebSocket } from 'ws';
import { Frame, FRAME_HEAD_BYTES, OFFSET_BYTES } from '../protocol.ts';
import { MAX_OUTPUT_BYTES, SMALL_BYTES } from '../sessions/attachment.ts';
import type { Line, Viewing } from '../sessions/model.ts';
import { copyFromRing } from '../sessions/ring.ts';
import { RequestError } from '../sessions/workspace-sessions.ts';

const POOL_FRAMES = 64;
const pool: Buffer[] = [];

/** What a socket got in one piece: a binary frame, or the text of a message. */
export interface Received {
  data: Buffer;
  isBinary: boolean;
}

/** A frame of a viewer, about its attachment `n`; `upload`: its transfer. */
export type ViewerFrame = { n: number } & (
  | { type: 'input'; bytes: Buffer }
  | { type: 'upload'; bytes: Buffer }
  | { type: 'ack'; total: number }
);

/** Throws a RequestError for what is no frame of a viewer. */
export function parseFrame(frame: Buffer): ViewerFrame {
  if (frame.length < FRAME_HEAD_BYTES) throw new RequestError('bad-frame', 'The frame has no head.');
  const n = frame.readUInt16LE(1);
  const payload = frame.subarray(FRAME_HEAD_BYTES);
  switch (frame[0]) {
    case Frame.INPUT:
      return { n, type: 'input', bytes: payload };
    case Frame.UPLOAD:
      return { n, type: 'upload', bytes: payload };
    case Frame.ACK:
      return { n, type: 'ack', total: payload.length === OFFSET_BYTES ? payload.readDoubleLE(0) : NaN };
    default:
      throw new RequestError('bad-frame', 'The frame is of no known type.');
  }
}

export function createLine(socket: WebSocket): Line {
  return { backlog: () => socket.bufferedAmount, waiting: new Set() };
}

/** How attachment `n` puts out on this socket. */
export function sendAs(n: number, socket: WebSocket): Pick<Viewing, 'sendOutput' | 'sendSnapshot'> {
  return {
    sendOutput(ring, from, length, done) {
      const isSmall = length < SMALL_BYTES;
      const frame = isSmall ? Buffer.allocUnsafe(FRAME_HEAD_BYTES + length) : takeBuffer();
      writeHead(frame, Frame.OUTPUT, n);
      copyFromRing(ring, from, frame, FRAME_HEAD_BYTES, length);
      socket.send(frame.subarray(0, FRAME_HEAD_BYTES + length), { binary: true }, () => {
        if (!isSmall) giveBuffer(frame);
        done();
      });
    },
    sendSnapshot(screen, offset, done) {
      for (let at = 0; at < screen.length; at += MAX_OUTPUT_BYTES) {
        const slice = screen.subarray(at, at + MAX_OUTPUT_BYTES);
        const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + OFFSET_BYTES + slice.length);
        writeHead(frame, Frame.SNAPSHOT, n);
        frame.writeDoubleLE(offset, FRAME_HEAD_BYTES);
        frame.set(slice, FRAME_HEAD_BYTES + OFFSET_BYTES);
        socket.send(frame, { binary: true }, () => done());
      }
    },
  };
}

/** More of the download number `n`; calls `done` when it has left. */
export function sendDownload(socket: WebSocket, n: number, bytes: Buffer, done: () => void): void {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + bytes.length);
  writeHead(frame, Frame.DOWNLOAD, n);
  frame.set(bytes, FRAME_HEAD_BYTES);
  socket.send(frame, { binary: true }, () => done());
}

function writeHead(frame: Buffer, type: number, n: number): void {
  frame[0] = type;
  frame.writeUInt16LE(n, 1);
}

function takeBuffer(): Buffer {
  return pool.pop() ?? Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES + MAX_OUTPUT_BYTES);
}

function giveBuffer(buffer: Buffer): void {
  if (pool.length < POOL_FRAMES) pool.push(buffer);
}
