// A pseudo-terminal on node-pty's native module, where there is one. Knows a descriptor and bytes; must not know sessions,
// viewers or frames.
import { existsSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import tty from 'node:tty';
import { INPUT_QUEUE_BYTES, openPublicPty, type ExitStatus, type Pty, type PtyOptions } from './pty.ts';

/** The part of node-pty's native module that is used here. It is not documented, so its exact version is pinned. */
interface Native {
  fork(
    file: string,
    args: string[],
    env: string[],
    cwd: string,
    cols: number,
    rows: number,
    uid: number,
    gid: number,
    utf8: boolean,
    helper: string,
    onExit: (code: number, signal: number) => void,
  ): { fd: number; pid: number };
  resize(fd: number, cols: number, rows: number): void;
}

interface NativePty {
  native: Native;
  fd: number;
  stream: tty.ReadStream;
  /** Whether the descriptor may be touched. Once it is closed, its number may be another pty's. */
  open: boolean;
  closed: boolean;
  paused: boolean;
  status: ExitStatus | undefined;
  quiet: NodeJS.Timeout | undefined;
  onEnd: ((status: ExitStatus) => void) | undefined;
  queue: Buffer[];
  queued: number;
  retry: NodeJS.Timeout | undefined;
}

// libuv's alloc, read and callback are synchronous, so one buffer does for all. A pty gives 4 KiB a read; a larger
// buffer is never filled, and libuv polls again after each partial read.
const READ = Buffer.allocUnsafeSlow(4096);
const RETRY_MS = 4;
const MAX_RETRY_MS = 50;
const QUIET_MS = 200;

const native = findNative();

function findNative(): Native | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    // It lies in the platform's package, beside the one that is installed under the name node-pty.
    const beside = createRequire(createRequire(import.meta.url).resolve('node-pty'));
    return beside(`@lydell/node-pty-${process.platform}-${process.arch}/pty.node`) as Native;
  } catch {
    return undefined;
  }
}

/** Starts a program on a new pty. A program that is not there is output and an exit code, not a throw. */
export function openPty(options: PtyOptions): Pty {
  const env = { TERM: 'xterm-256color', COLORTERM: 'truecolor', ...options.env };
  const whole = withoutStrayDescriptors({ ...options, env });
  return native ? openNativePty(native, whole) : openPublicPty(whole);
}

// The masters are not close-on-exec, so each program would inherit those of the sessions before it: it could read and
// type there, and closing our copy would hang nothing up. Node cannot change the flag; bash can close them (2 ms).
const BASH = '/bin/bash';
const CLOSER = `
for sam in /proc/self/fd/*; do sam=\${sam##*/}; [ "$sam" -gt 2 ] && eval "exec $sam>&-"; done
for sam in PS1 PS2; do sam_kept=SAM_KEPT_$sam; [ "\${!sam_kept+set}" ] && export "$sam=\${!sam_kept}"; unset "$sam_kept"; done
unset sam sam_kept
exec -- "$@"`;
const hasCloser = process.platform === 'linux' && existsSync(BASH);

function withoutStrayDescriptors(options: PtyOptions): PtyOptions {
  if (!hasCloser) return options;
  const { file, args, env } = options;
  const kept: Record<string, string> = {}; // what a bash without a prompt would forget
  for (const name of ['PS1', 'PS2']) if (env[name] !== undefined) kept[`SAM_KEPT_${name}`] = env[name];
  // -p: reads no BASH_ENV
  return {
    ...options,
    file: BASH,
    args: ['-p', '-c', CLOSER, 'sam', file, ...args],
    env: { ...env, ...kept },
  };
}

function openNativePty(native: Native, options: PtyOptions): Pty {
  const { file, args, cwd, cols, rows, onEnd } = options;
  const env = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
  const onExit = (code: number, signal: number) => {
    p.status = signal ? { code, signal } : { code };
    waitForEnd(p);
  };
  const { fd, pid } = native.fork(file, args, env, cwd, cols, rows, -1, -1, true, '', onExit);
  const callback = (length: number) => {
    options.onBytes(READ, length);
    if (p.status) waitForEnd(p); // bytes after the exit: the quiet time begins again
    return true;
  };
  // The types lack `onread`, which tty.ReadStream passes on to net.Socket.
  const onread = { buffer: READ, callback } as object;
  const stream = new tty.ReadStream(fd, { onread } as object);
  const p: NativePty = {
    native,
    fd,
    stream,
    onEnd,
    open: true,
    closed: false,
    paused: false,
    status: undefined,
    quiet: undefined,
    queue: [],
    queued: 0,
    retry: undefined,
  };
  stream.on('error', () => (p.open = false)); // EIO: no process has the other side open. Not an error
  stream.on('close', () => {
    p.open = false;
    p.closed = true;
    waitForEnd(p);
  });
  stream.resume();
  return {
    pid,
    pause: () => pause(p),
    resume: () => resume(p),
    resize: (cols, rows) => p.open && native.resize(p.fd, cols, rows),
    write: (bytes) => write(p, bytes),
    get queued() {
      return p.queued;
    },
    close: () => close(p),
  };
}

// The end is "closed and reaped". The exit alone is not: bytes may still lie in the kernel. A background job that
// keeps the other side open gives no EIO; then a silence after the exit is enough.
function waitForEnd(p: NativePty): void {
  clearTimeout(p.quiet);
  if (p.closed && p.status) {
    const { onEnd } = p;
    p.onEnd = undefined;
    onEnd?.(p.status);
  } else if (p.status && !p.paused && !p.closed) {
    p.quiet = setTimeout(() => close(p), QUIET_MS);
  }
}

function close(p: NativePty): void {
  p.open = false;
  p.stream.destroy();
}

function pause(p: NativePty): void {
  p.paused = true;
  clearTimeout(p.quiet);
  p.stream.pause();
}

function resume(p: NativePty): void {
  p.paused = false;
  p.stream.resume();
  if (p.status) waitForEnd(p);
}

function write(p: NativePty, bytes: Buffer): boolean {
  if (!p.open) return true;
  if (p.queued + bytes.length > INPUT_QUEUE_BYTES) return false;
  const written = p.queue.length > 0 ? 0 : writeNow(p, bytes);
  if (written === bytes.length) return true;
  p.queue.push(Buffer.from(bytes.subarray(written)));
  p.queued += bytes.length - written;
  if (!p.retry) retryIn(p, RETRY_MS);
  return true;
}

// Not stream.write: libuv writes to a pty's master blocking.
function writeNow(p: NativePty, bytes: Buffer): number {
  let done = 0;
  try {
    while (done < bytes.length) done += writeSync(p.fd, bytes, done);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return done;
    p.open = false;
    return bytes.length;
  }
  return done;
}

function retryIn(p: NativePty, ms: number): void {
  p.retry = setTimeout(() => {
    p.retry = undefined;
    const before = p.queued;
    writeQueue(p);
    const progress = p.queued < before;
    if (p.queued > 0) retryIn(p, progress ? RETRY_MS : Math.min(MAX_RETRY_MS, ms * 2));
  }, ms);
}

function writeQueue(p: NativePty): void {
  for (let head = p.queue[0]; head && p.open; head = p.queue[0]) {
    const written = writeNow(p, head);
    p.queued -= written;
    if (written < head.length) {
      p.queue[0] = head.subarray(written);
      return;
    }
    p.queue.shift();
  }
  if (p.open) return;
  p.queue.length = 0;
  p.queued = 0;
}
