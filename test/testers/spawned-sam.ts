// Sam as a person starts it: a process of its own, with its output, its exit code, and a terminal if one is wanted.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import headless from '@xterm/headless';
import { openPty } from '../../agent/sessions/pty-native.ts';
import type { Place } from './place.ts';
import { createStable } from './stable.ts';
import { PATIENCE_MS, until } from '../until.ts';

const MAIN = fileURLToPath(new URL('../../bot/main.ts', import.meta.url));

export interface SpawnOptions {
  place: Place;
  /** Beside the place's; `undefined` takes a variable away. */
  env?: NodeJS.ProcessEnv;
}

export interface Spawned extends AsyncDisposable {
  pid: number;
  /** What it wrote to both outputs, without what differs from run to run. */
  output(): string;
  /** Waits until it wrote that. */
  writes(pattern: RegExp, deadlineMs?: number): Promise<string>;
  /** Where it listens, once it said so. */
  url(): Promise<string>;
  /** The code, or the signal that ended it. */
  exit: Promise<number | NodeJS.Signals>;
  /** kill -9, and wait until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and wait for the code. */
  stop(): Promise<number | NodeJS.Signals>;
}

const environment = ({ place, env = {} }: SpawnOptions): Record<string, string> => {
  const all = Object.entries({ ...place.env, INIT_CWD: place.cwd, ...env });
  return Object.fromEntries(all.filter((pair): pair is [string, string] => pair[1] !== undefined));
};

/** Standard input is no terminal. Killed at the end of the block. */
export function spawnSam(args: string[], options: SpawnOptions): Spawned {
  const { place } = options;
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: place.cwd,
    env: environment(options),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const exit = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const stable = createStable(place.root);
  const writes = (pattern: RegExp, deadlineMs = PATIENCE_MS): Promise<string> =>
    waitFor(pattern, () => text, exit, deadlineMs);
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit;
  };
  return {
    pid: child.pid ?? 0,
    output: () => stable(text).trimEnd(),
    writes,
    url: () => writes(/^Sam \S+ at (\S+)$/m),
    exit,
    kill,
    async stop() {
      child.kill('SIGTERM');
      return exit;
    },
    [Symbol.asyncDispose]: kill,
  };
}

/** The first group of the match, or all of it. Fails at once when the process ended without. */
async function waitFor(
  pattern: RegExp,
  text: () => string,
  exit: Promise<unknown>,
  deadlineMs: number,
): Promise<string> {
  let hasEnded = false;
  void exit.then(() => (hasEnded = true));
  let found: RegExpExecArray | null = null;
  const look = (): boolean => (found = pattern.exec(text())) !== null;
  await until(() => look() || hasEnded, deadlineMs).catch(() => undefined);
  if (!look()) throw new Error(`it never wrote ${String(pattern)}, only:\n${text()}`);
  const [all, group] = found as unknown as RegExpExecArray;
  return group ?? all;
}

export interface InTerminal extends AsyncDisposable {
  pid: number;
  /** The rows as the person sees them now. */
  screen(): string;
  /** Waits until the screen shows it. */
  sees(pattern: RegExp, deadlineMs?: number): Promise<void>;
  type(keys: string): void;
  /** Its window is closed. */
  hangUp(): void;
  exit: Promise<number>;
}

/** Sam in a terminal of 100 columns and 40 rows, and what that shows. */
export function spawnInPty(args: string[], options: SpawnOptions): InTerminal {
  const { place } = options;
  const size = { cols: 100, rows: 40 };
  const screen = new headless.Terminal({ ...size, allowProposedApi: true });
  const { promise: exit, resolve } = Promise.withResolvers<number>();
  let hasEnded = false;
  const pty = openPty({
    ...size,
    file: process.execPath,
    args: [MAIN, ...args],
    cwd: place.cwd,
    env: { ...environment(options), TERM: 'xterm-256color' },
    onBytes: (bytes, length) => screen.write(Uint8Array.from(bytes.subarray(0, length))),
    onEnd({ code }) {
      hasEnded = true;
      resolve(code);
    },
  });
  const stable = createStable(place.root);
  const read = (): string => stable(rowsOf(screen)).trimEnd();
  return {
    pid: pty.pid,
    screen: read,
    async sees(pattern, deadlineMs = PATIENCE_MS) {
      await until(() => pattern.test(read()) || hasEnded, deadlineMs).catch(() => undefined);
      if (!pattern.test(read())) throw new Error(`it never showed ${String(pattern)}, only:\n${read()}`);
    },
    type: (keys) => void pty.write(Buffer.from(keys)),
    hangUp: () => pty.close(),
    exit,
    async [Symbol.asyncDispose]() {
      if (!hasEnded) process.kill(pty.pid, 'SIGKILL');
      await exit;
      screen.dispose();
    },
  };
}

function rowsOf({ buffer }: InstanceType<typeof headless.Terminal>): string {
  const { active } = buffer;
  const rows = Array.from({ length: active.length }, (_, row) => active.getLine(row));
  return rows
    .map((row, index) => `${row?.isWrapped || index === 0 ? '' : '\n'}${row?.translateToString(true) ?? ''}`)
    .join('');
}
