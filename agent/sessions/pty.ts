// The contract of a pseudo-terminal, and one through node-pty's documented interface. Knows bytes; must not know sessions.
import { createRequire } from 'node:module';

/** Input that waits for a program; more is not taken. */
export const INPUT_QUEUE_BYTES = 1 << 20;

export interface ExitStatus {
  code: number;
  /** The number of the signal that ended the process. */
  signal?: number;
  /** What held its terminal broke: it was hung up, and nobody knows what became of it. */
  isLost?: true;
}

/** Of what is hung up, or gone, without anybody to say how. */
export const LOST: ExitStatus = { code: 129, isLost: true };

/** A program to start. `env` is the whole environment. */
export interface SpawnSpec {
  file: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  /** What its runtime knows it by when it is gone; absent: with it went all that it stood for. */
  mark?: string;
}

export interface PtyOptions extends SpawnSpec {
  cols: number;
  rows: number;
  /** The first `length` bytes of `bytes`; the buffer is shared by all ptys, so copy before returning. */
  onBytes: (bytes: Buffer, length: number) => void;
  /** Comes once, after the last byte, when the process was reaped and the descriptor is closed. */
  onEnd: (status: ExitStatus) => void;
}

export interface Pty {
  /** The process and, as it leads one, its process group and its session. */
  readonly pid: number;
  /** Holds output back in the kernel, which in time blocks the program. Has no effect in the tick of `openPty`. */
  pause(): void;
  resume(): void;
  resize(cols: number, rows: number): void;
  /** Never blocks. False: nothing was taken, because too much waits for a program that does not read. */
  write(bytes: Buffer): boolean;
  /** How many bytes wait for it to read. */
  readonly queued: number;
  /** Takes the terminal away, as when its window is closed: reads and writes of the program fail from now on. */
  close(): void;
}

export interface SessionPtyOptions extends PtyOptions {
  /** Says which session this is, to whoever finds it in a later life of the agent. */
  label: string;
  /** What came by now is to go on: not after each read, where much comes. */
  onBatch: () => void;
}

/** A session's: it may be in another process. */
export interface SessionPty extends Omit<Pty, 'queued'> {
  /** Resolves when `pid` is that of a process; or, 0, that there will be none. */
  readonly started: Promise<unknown>;
  relabel(label: string): void;
}

/** Where sessions have their ptys. */
export interface Ptys {
  /** Starts the program at once. */
  open(options: SessionPtyOptions): SessionPty;
  /** One will be opened soon. */
  warm(): void;
}

// node-pty's types are of another module's name, and say strings where bytes go with `encoding: null`.
interface NodePty {
  spawn(file: string, args: string[], options: object): PublicPty;
}
interface PublicPty {
  pid: number;
  onData(listener: (bytes: Buffer) => void): void;
  onExit(listener: (status: { exitCode: number; signal?: number }) => void): void;
  pause(): void;
  resume(): void;
  resize(cols: number, rows: number): void;
  write(bytes: Buffer): void;
  destroy(): void;
}

/**
 * As `openPty`, but for the defaults that it adds: for where node-pty's native module cannot be had directly. Slower, and
 * bytes that lie in the kernel while it is paused are lost when the program ends.
 */
export function openPublicPty({ onBytes, onEnd, file, args, ...options }: PtyOptions): Pty {
  const nodePty = createRequire(import.meta.url)('node-pty') as NodePty;
  const pty = nodePty.spawn(file, args, { ...options, encoding: null });
  let open = true;
  pty.onData((bytes) => onBytes(bytes, bytes.length));
  pty.onExit(({ exitCode, signal }) => {
    open = false;
    onEnd(signal ? { code: exitCode, signal } : { code: exitCode });
  });
  return {
    pid: pty.pid,
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    resize: (cols, rows) => open && pty.resize(cols, rows),
    write: (bytes) => {
      if (open) pty.write(bytes);
      return true;
    },
    queued: 0,
    close: () => open && pty.destroy(),
  };
}
