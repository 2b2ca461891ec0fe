// Files on their way between a viewer and a workspace: each is one small program there, fed or read in pieces, within a window. Knows bytes
// and programs; must not know sockets, sessions or tickets.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { FILE_WINDOW_BYTES, MAX_FILE_BYTES, type FileMessage } from '../protocol.ts';
import type { SpawnSpec } from '../sessions/pty.ts';
import { signalGroup } from '../system/processes.ts';
import { READ, WRITE } from './scripts.ts';

/** Of one viewer, at once. */
const MAX_TRANSFERS = 4;
const MAX_SAID = 1_000;
/** A program that does not go by itself. */
const KILL_MS = 2_000;
/** Longer than that nobody says a size. */
const MAX_HEAD = 32;
const PIECE_BYTES = 65_536;

export interface TransferOptions {
  /** Lines of a shell on pipes, as the workspace's user in its folder. Throws an Error with a `message` for people. */
  pipe: (script: string, words: string[]) => SpawnSpec;
  tell: (message: FileMessage) => void;
  send: (transfer: number, bytes: Buffer) => void;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

interface Transfer {
  child: Child;
  /** Bytes that came, and of them those that the program has; or that were sent, and of them those that the viewer has. */
  passed: number;
  taken: number;
  /** Undefined: nobody has said yet. */
  size: number | undefined;
  stderr: string;
  isOver: boolean;
}

export interface Transfers {
  upload: (transfer: number, name: string, size: number) => void;
  download: (transfer: number, path: string) => void;
  /** Of an upload: more of it. */
  take: (transfer: number, bytes: Buffer) => void;
  /** Of a download: the viewer has so much of it. */
  acknowledge: (transfer: number, bytes: number) => void;
  cancel: (transfer: number) => void;
  cancelAll: () => void;
}

export function createTransfers(options: TransferOptions): Transfers {
  const running = new Map<number, Transfer>();
  const end = (id: number, message?: FileMessage) => {
    const transfer = running.get(id);
    if (!transfer) return;
    running.delete(id);
    transfer.isOver = true;
    stop(transfer.child);
    if (message) options.tell(message);
  };
  const fail = (id: number, code: string, message: string) =>
    end(id, { type: 'file', transfer: id, is: 'failed', code, message });
  const start = (id: number, script: string, words: string[], size?: number): Transfer | undefined => {
    const refuse = (code: string, message: string) =>
      options.tell({ type: 'file', transfer: id, is: 'failed', code, message });
    if (running.has(id) || running.size >= MAX_TRANSFERS) {
      refuse('too-many', `At most ${MAX_TRANSFERS} files are on their way at once.`);
      return undefined;
    }
    try {
      const transfer = open(options.pipe(script, words), size);
      running.set(id, transfer);
      return transfer;
    } catch (error) {
      // What else goes wrong is nobody's in a terminal.
      const isTold = error instanceof Error && ['ProfileError', 'RequestError'].includes(error.name);
      refuse('not-there', isTold ? error.message : 'The workspace takes no files now.');
      return undefined;
    }
  };
  return {
    upload(id, name, size) {
      if (size > MAX_FILE_BYTES)
        return options.tell({ type: 'file', transfer: id, is: 'failed', ...TOO_LARGE });
      const part = randomBytes(9).toString('base64url');
      const transfer = start(id, WRITE, [name, part, String(size)], size);
      if (transfer) receive(options, id, transfer, (message) => end(id, message), fail);
    },
    download(id, path) {
      const transfer = start(id, READ, [path]);
      if (transfer) provide(options, id, transfer, path, (message) => end(id, message), fail);
    },
    take(id, bytes) {
      const transfer = running.get(id);
      if (transfer?.size === undefined) return;
      transfer.passed += bytes.length;
      const isTooMuch =
        transfer.passed > transfer.size || transfer.passed - transfer.taken > 2 * FILE_WINDOW_BYTES;
      if (isTooMuch) return fail(id, 'bad-frame', 'More came than was said.');
      write(options, id, transfer, bytes);
    },
    acknowledge(id, bytes) {
      const transfer = running.get(id);
      if (!transfer || !(bytes > transfer.taken && bytes <= transfer.passed)) return;
      transfer.taken = bytes;
      if (transfer.passed - bytes < FILE_WINDOW_BYTES) transfer.child.stdout.resume();
    },
    cancel: (id) => end(id),
    cancelAll: () => [...running.keys()].forEach((id) => end(id)),
  };
}

function open({ file, args, env, cwd }: SpawnSpec, size: number | undefined): Transfer {
  const child = spawn(file, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const transfer: Transfer = { child, passed: 0, taken: 0, size, stderr: '', isOver: false };
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    transfer.stderr = (transfer.stderr + text).slice(-MAX_SAID);
  });
  return transfer;
}

/** Its input ends: one that writes sees that something is missing, and takes away what it has, wherever it runs. */
function stop(child: Child): void {
  child.stdin.end();
  child.stdout.destroy();
  const { pid, exitCode } = child;
  if (exitCode !== null || pid === undefined) return;
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), KILL_MS);
  child.once('close', () => clearTimeout(timer));
  signalGroup(pid, 'SIGTERM');
}

const TOO_LARGE = { code: 'too-large', message: `A file may have ${MAX_FILE_BYTES / 1e6} MB at most.` };

type End = (message: FileMessage) => void;
type Fail = (id: number, code: string, message: string) => void;

function write({ tell }: TransferOptions, id: number, transfer: Transfer, bytes: Buffer): void {
  const { child } = transfer;
  // A copy: what came on a socket is the socket's.
  child.stdin.write(Buffer.from(bytes), () => {
    if (transfer.isOver) return;
    transfer.taken += bytes.length;
    tell({ type: 'file', transfer: id, is: 'taken', bytes: transfer.taken });
    if (transfer.taken === transfer.size) child.stdin.end();
  });
}

function receive({ tell }: TransferOptions, id: number, transfer: Transfer, end: End, fail: Fail): void {
  const { child, size } = transfer;
  let path = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    path = (path + text).slice(0, 8_192);
  });
  child.once('error', () => fail(id, 'not-written', 'It could not be written.'));
  child.once('close', (code) => {
    if (code !== 0) return fail(id, ...describeWriting(code, transfer.stderr));
    end({ type: 'file', transfer: id, is: 'done', path });
  });
  tell({ type: 'file', transfer: id, is: 'begun' });
  if (size === 0) child.stdin.end();
}

function describeWriting(code: number | null, stderr: string): [string, string] {
  if (/No space left|quota/i.test(stderr)) return ['disk-full', 'There is no room left for it.'];
  if (/Permission denied|Read-only/i.test(stderr))
    return ['denied', 'The workspace’s user may not write into its folder.'];
  if (code === 4) return ['too-many', 'There are too many files of that name.'];
  return ['not-written', 'It could not be written.'];
}

function provide(
  { tell, send }: TransferOptions,
  id: number,
  transfer: Transfer,
  path: string,
  end: End,
  fail: Fail,
): void {
  const { child } = transfer;
  let head = Buffer.alloc(0);
  const pass = (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) send(id, bytes.subarray(at, at + PIECE_BYTES));
    transfer.passed += bytes.length;
    if (transfer.passed > MAX_FILE_BYTES) return fail(id, TOO_LARGE.code, TOO_LARGE.message);
    if (transfer.passed - transfer.taken >= FILE_WINDOW_BYTES) child.stdout.pause();
  };
  const readHead = (bytes: Buffer) => {
    head = Buffer.concat([head, bytes]);
    const at = head.indexOf('\n');
    if (at < 0) return head.length > MAX_HEAD ? fail(id, 'not-read', 'It could not be read.') : undefined;
    const size = Number(head.subarray(0, at).toString());
    transfer.size = size;
    if (size > MAX_FILE_BYTES) return fail(id, TOO_LARGE.code, TOO_LARGE.message);
    tell({ type: 'file', transfer: id, is: 'begun', name: basename(path), size });
    if (head.length > at + 1) pass(head.subarray(at + 1));
  };
  child.stdout.on('data', (bytes: Buffer) => (transfer.size === undefined ? readHead(bytes) : pass(bytes)));
  child.once('error', () => fail(id, 'not-read', 'It could not be read.'));
  child.once('close', (code) => {
    if (code === 5) return fail(id, 'no-file', 'There is no such file, or it cannot be read.');
    // One that grows or shrinks meanwhile is what it is: what was read.
    if (code !== 0) return fail(id, 'not-read', 'It could not be read.');
    end({ type: 'file', transfer: id, is: 'done', path });
  });
}
