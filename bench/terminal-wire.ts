// A WebSocket that costs as little as one can: walks frames without putting them together, masks with zeros. For the bench of terminals;
// knows none of them.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

export interface Wire {
  sendText: (text: string) => void;
  sendBinary: (bytes: Buffer) => void;
  close: () => void;
}

export interface WireOptions {
  port: number;
  path: string;
  headers: Record<string, string>;
  /** So many of a binary message are one piece at least. */
  headBytes: number;
  onText: (text: string) => void;
  /** Each message of bytes in pieces; its head is in the first one. */
  onPiece: (bytes: Buffer, isFirst: boolean) => void;
}

const TEXT = 1;
const BINARY = 2;
const PING = 9;
const PONG = 10;

export async function openWire(options: WireOptions): Promise<Wire> {
  const { port, path, headers } = options;
  const socket = connect(port, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  const lines = Object.entries({
    host: `127.0.0.1:${port}`,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': randomBytes(16).toString('base64'),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  const send = (opcode: number, bytes: Buffer) => void socket.write(frameOf(opcode, bytes));
  const { promise: upgraded, resolve, reject } = Promise.withResolvers<void>();
  const walk = createWalker(options, (bytes) => send(PONG, bytes));
  let answer: Buffer | undefined = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    if (!answer) return walk(chunk);
    answer = Buffer.concat([answer, chunk]);
    const end = answer.indexOf('\r\n\r\n');
    if (end < 0) return;
    const [said = ''] = answer.toString('latin1').split('\r\n', 1);
    const rest = answer.subarray(end + 4);
    answer = undefined;
    if (said.includes(' 101 ')) resolve();
    else reject(new Error(`no WebSocket: ${said}`));
    walk(rest);
  });
  socket.once('error', reject).once('close', () => reject(new Error('the connection was closed')));
  await upgraded;
  return {
    sendText: (text) => send(TEXT, Buffer.from(text)),
    sendBinary: (bytes) => send(BINARY, bytes),
    close: () => socket.destroy(),
  };
}

function frameOf(opcode: number, bytes: Buffer): Buffer {
  const isShort = bytes.length < 126;
  const head = Buffer.alloc(isShort ? 6 : 8);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (isShort ? bytes.length : 126);
  if (!isShort) head.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([head, bytes]);
}

function createWalker(
  { headBytes, onText, onPiece }: WireOptions,
  onPing: (bytes: Buffer) => void,
): (chunk: Buffer) => void {
  let held: Buffer | undefined;
  /** Of a message that is under way. */
  let left = 0;
  return (chunk) => {
    let rest = held ? Buffer.concat([held, chunk]) : chunk;
    held = undefined;
    while (rest.length > 0) {
      if (left > 0) {
        const piece = rest.subarray(0, left);
        left -= piece.length;
        rest = rest.subarray(piece.length);
        onPiece(piece, false);
        continue;
      }
      const head = readHead(rest);
      if (!head || rest.length < head.size + wantedOf(head, headBytes)) {
        held = Buffer.from(rest);
        return;
      }
      const piece = rest.subarray(head.size, head.size + head.length);
      rest = rest.subarray(head.size + piece.length);
      left = head.length - piece.length;
      if (head.opcode === BINARY) onPiece(piece, true);
      else if (head.opcode === TEXT) onText(piece.toString());
      else if (head.opcode === PING) onPing(piece);
    }
  };
}

interface Head {
  opcode: number;
  /** Of what comes behind it. */
  length: number;
  size: number;
}

/** What is only passed on need not be whole. */
const wantedOf = ({ opcode, length }: Head, headBytes: number): number =>
  opcode === BINARY ? Math.min(headBytes, length) : length;

/** Undefined: it is not whole yet. */
function readHead(bytes: Buffer): Head | undefined {
  if (bytes.length < 2) return undefined;
  const opcode = bytes.readUInt8(0) & 0x0f;
  const short = bytes.readUInt8(1) & 0x7f;
  const size = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < size) return undefined;
  const length = size === 2 ? short : size === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return { opcode, length, size };
}
