// Runs one program to its end, within bounds of time and output. Knows no shell: arguments stay arguments.
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';

const MAX_OUTPUT_BYTES = 64 << 20;
const MAX_ERROR_CHARACTERS = 64 << 10;
const MAX_LINE_CHARACTERS = 64 << 10;
const KILL_AFTER_MS = 2_000;

/** `sam FOLDER FILE ARGUMENT…`: enters the folder with the rights that it has itself, and says why where it may not. */
export const ENTER = 'cd -- "$1" && shift && unset OLDPWD && exec "$@"';
/** What a shell ends with that does not find a program. */
const NOT_FOUND = 127;

export interface RunOptions {
  /** A user's folder is entered by the user: it may be a link to where only the agent may go. */
  cwd?: string;
  /** The whole environment of the program. */
  env: Record<string, string>;
  timeoutMs: number;
  /** Whom it runs as, without the groups of the agent; absent: as the agent. */
  user?: { uid: number; gid: number } | undefined;
  signal?: AbortSignal | undefined;
  /** What it reads; absent: nothing. */
  input?: string | undefined;
  /** Open files that it reads and writes instead. */
  files?: { stdin?: number; stdout?: number };
  /** Each line of standard error, as it comes; a progress meter's carriage returns end lines too. */
  onLine?: (line: string) => void;
}

export interface Outcome {
  /** Undefined when a signal ended it, or when it could not be started. */
  code: number | undefined;
  stdout: string;
  /** Its last 64 Ki characters. */
  stderr: string;
  isTimeout: boolean;
  /** Why it could not be started: `ENOENT` and the like. */
  startError: string | undefined;
}

/**
 * Never throws for what the program does: the outcome says it. When `signal` aborts or the time is up, the program and
 * its children (one process group) are ended; it rejects with the signal's reason then, after they are gone.
 */
export async function run(file: string, args: string[], options: RunOptions): Promise<Outcome> {
  options.signal?.throwIfAborted();
  const child = start(file, args, options);
  const ended = Promise.withResolvers<{ code: number | undefined; startError?: string }>();
  child.once('error', (error: NodeJS.ErrnoException) =>
    ended.resolve({ code: undefined, startError: error.code ?? error.message }),
  );
  child.once('close', (code) => ended.resolve({ code: code ?? undefined }));
  const output = collect(child, options.onLine);
  // One that ends without reading is told by its end.
  child.stdin?.on('error', () => {}).end(options.input);
  let isTimeout = false;
  const abort = () => endGroup(child);
  options.signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => {
    isTimeout = true;
    endGroup(child);
  }, options.timeoutMs);
  const { code, startError } = await ended.promise;
  const isMissing = code === NOT_FOUND && isEntering(options);
  clearTimeout(timer);
  options.signal?.removeEventListener('abort', abort);
  options.signal?.throwIfAborted();
  return { code, startError: isMissing ? 'ENOENT' : startError, isTimeout, ...output() };
}

const isEntering = ({ user, cwd }: RunOptions): boolean => user !== undefined && cwd !== undefined;

function start(file: string, args: string[], { cwd, env, user, input, files }: RunOptions): ChildProcess {
  const stdin = files?.stdin ?? (input === undefined ? 'ignore' : 'pipe');
  const how = {
    env,
    stdio: [stdin, files?.stdout ?? 'pipe', 'pipe'],
    detached: true,
  } satisfies SpawnOptions;
  if (!user) return spawn(file, args, { ...how, cwd });
  // Node goes to the folder before it becomes the user.
  const becoming = { ...how, cwd: '/', uid: user.uid, gid: user.gid };
  if (cwd === undefined) return spawn(file, args, becoming);
  return spawn('/bin/sh', ['-c', ENTER, 'sam', cwd, file, ...args], becoming);
}

function collect(child: ChildProcess, onLine?: (line: string) => void) {
  const chunks: Buffer[] = [];
  let size = 0;
  let stderr = '';
  const lines = createLines(onLine);
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    else endGroup(child);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_ERROR_CHARACTERS);
    lines.add(text);
  });
  return () => {
    lines.end();
    return { stdout: Buffer.concat(chunks).toString(), stderr };
  };
}

/** Hears line by line what comes in pieces; of a line without an end the last 64 Ki characters. */
export function createLines(onLine: (line: string) => void = () => {}) {
  let rest = '';
  const tell = (line: string) => line.trim() !== '' && onLine(line.trim());
  return {
    add(text: string) {
      const lines = (rest + text).split(/[\r\n]+/);
      rest = (lines.pop() ?? '').slice(-MAX_LINE_CHARACTERS);
      for (const line of lines) tell(line);
    },
    /** Nothing more comes: what is left is a line, too. */
    end() {
      tell(rest);
    },
  };
}

function endGroup(child: ChildProcess): void {
  signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS);
  child.once('close', () => clearTimeout(timer));
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}
