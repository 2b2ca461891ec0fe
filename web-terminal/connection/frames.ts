// Binary frames as bytes and back (agent/protocol.ts says what they mean). Pure.
import { FRAME_HEAD_BYTES, Frame, OFFSET_BYTES } from '../../agent/protocol.ts';

export function encodeFrame(type: number, n: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  frame[0] = type;
  new DataView(frame.buffer).setUint16(1, n, true);
  frame.set(payload, FRAME_HEAD_BYTES);
  return frame;
}

export function encodeAck(n: number, offset: number): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(OFFSET_BYTES);
  new DataView(payload.buffer).setFloat64(0, offset, true);
  return encodeFrame(Frame.ACK, n, payload);
}

export type NodeFrame =
  | { type: 'output'; n: number; bytes: Uint8Array }
  /** `n` is the transfer's number. */
  | { type: 'download'; n: number; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'snapshot'; n: number; offset: number; bytes: Uint8Array };

/** Undefined for a frame this page does not know: a newer node may send one. */
export function decodeFrame(buffer: ArrayBuffer): NodeFrame | undefined {
  if (buffer.byteLength < FRAME_HEAD_BYTES) return undefined;
  const view = new DataView(buffer);
  const n = view.getUint16(1, true);
  if (view.getUint8(0) === Frame.OUTPUT)
    return { type: 'output', n, bytes: new Uint8Array(buffer, FRAME_HEAD_BYTES) };
  if (view.getUint8(0) === Frame.DOWNLOAD)
    return { type: 'download', n, bytes: new Uint8Array(buffer, FRAME_HEAD_BYTES) };
  if (view.getUint8(0) !== Frame.SNAPSHOT || buffer.byteLength < FRAME_HEAD_BYTES + OFFSET_BYTES)
    return undefined;
  const offset = view.getFloat64(FRAME_HEAD_BYTES, true);
  return { type: 'snapshot', n, offset, bytes: new Uint8Array(buffer, FRAME_HEAD_BYTES + OFFSET_BYTES) };
}

/** Cuts what somebody typed or pasted into pieces that a line discipline takes: views of `bytes`, in order. */
export function* cutInput(bytes: Uint8Array, most = 4096): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += most) yield bytes.subarray(at, at + most);
}
