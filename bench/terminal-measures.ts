// One server of terminals measured: bytes, each of them hashed, CPU, echoes, Ctrl-C in a flood, memory. Must not know which server it is.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { median } from './medians.ts';
import type { Figures } from './terminal-figures.ts';
import type { Server } from './terminal-servers.ts';
import { parses, type Viewer } from './terminal-viewer.ts';

export const TERMINALS = Number(process.env['TERMINALS'] ?? 60);
const ECHOES = Number(process.env['ECHOES'] ?? 300);
const INTERRUPTS = 3;
/** What a browser parses in a second. */
const BROWSER = 20_000_000;
const FLOOD_MS = 1_500;

export interface Flood {
  file: string;
  size: number;
  /** SHA-256 as a usual tty makes it, and as a raw one does; and how many bytes that is. */
  cooked: { digest: string; size: number };
  raw: { digest: string; size: number };
}

export async function measureServer(start: () => Promise<Server>, flood: Flood): Promise<Figures> {
  const server = await start();
  try {
    // Both over one connection, where a server has that.
    const [viewer, other] = [await openShell(server), await openShell(server)];
    const memory = await measureMemory(server);
    await pour(viewer, flood, 'cooked');
    const before = cpuOf(server.pids());
    const cooked = await pour(viewer, flood, 'cooked');
    const cpu = (cpuOf(server.pids()) - before) / (flood.cooked.size / 1e9);
    const raw = await pour(viewer, flood, 'raw');
    const idle = await measureEchoes(viewer);
    const flooded = await measureInterrupts(other, flood);
    const busy = await beside(other, flood, () => measureEchoes(viewer));
    return {
      ...memory,
      ...flooded,
      cooked,
      cpu,
      raw,
      echo50: at(idle, 0.5),
      echo99: at(idle, 0.99),
      busy50: at(busy, 0.5),
      busy99: at(busy, 0.99),
    };
  } finally {
    await server.end();
  }
}

const PROMPT = 'rea' + 'dy> ';

/** The same shell everywhere, without echo; what is typed never holds what is waited for. */
async function openShell(server: Server): Promise<Viewer> {
  const viewer = await server.open();
  const prompts = parses(viewer, PROMPT);
  viewer.type(`exec env -i TERM=xterm PATH="$PATH" PS1='rea''dy> ' bash --norc --noprofile --noediting\r`);
  await prompts;
  await run(viewer, 'stty -echo');
  return viewer;
}

async function run(viewer: Viewer, line: string): Promise<void> {
  const prompts = parses(viewer, PROMPT);
  viewer.type(`${line}\r`);
  await prompts;
}

/** MB/s, of bytes that were the right ones. */
async function pour(viewer: Viewer, flood: Flood, how: 'cooked' | 'raw'): Promise<number> {
  await run(viewer, how === 'raw' ? 'stty -opost' : 'stty opost');
  const { digest, size } = flood[how];
  const hash = createHash('sha256');
  let left = size;
  const { promise: whole, resolve } = Promise.withResolvers<void>();
  viewer.onParsed = (bytes) => {
    if (left > 0) hash.update(bytes.subarray(0, left));
    left -= bytes.length;
    // The prompt comes behind it.
    if (left <= -PROMPT.length) resolve();
  };
  const startedAt = performance.now();
  viewer.type(`cat ${flood.file}\r`);
  await whole;
  const seconds = (performance.now() - startedAt) / 1_000;
  viewer.onParsed = undefined;
  if (hash.digest('hex') !== digest) throw new Error('the bytes that came are not those that were sent');
  return size / 1e6 / seconds;
}

async function measureEchoes(viewer: Viewer): Promise<number[]> {
  await run(viewer, 'stty opost');
  const begins = parses(viewer, 'be' + 'gin');
  viewer.type(`stty echo; printf 'be''gin'; cat > /dev/null\r`);
  await begins;
  const times: number[] = [];
  for (let count = 0; count < ECHOES; count++) {
    const key = 'abcdefgh'[count % 8] ?? '';
    const echoed = parses(viewer, key);
    const startedAt = performance.now();
    viewer.type(key);
    await echoed;
    times.push(performance.now() - startedAt);
    await delay(2);
  }
  await interrupt(viewer);
  await run(viewer, 'stty -echo');
  return times;
}

async function interrupt(viewer: Viewer): Promise<number> {
  const prompts = parses(viewer, PROMPT);
  const startedAt = performance.now();
  viewer.type('\u0003');
  await prompts;
  return performance.now() - startedAt;
}

/** Of a viewer that parses as a browser does. */
async function measureInterrupts(viewer: Viewer, flood: Flood): Promise<Pick<Figures, 'interrupt' | 'peak'>> {
  const times: number[] = [];
  viewer.peak = 0;
  for (let count = 0; count < INTERRUPTS; count++)
    await beside(
      viewer,
      flood,
      () => delay(FLOOD_MS),
      (ms) => times.push(ms),
    );
  return { interrupt: median(times), peak: viewer.peak / 1_000 };
}

/** While it pours without an end, to one who parses as a browser does. */
async function beside<Value>(
  viewer: Viewer,
  { file }: Flood,
  act: () => Promise<Value>,
  onEnd?: (ms: number) => void,
): Promise<Value> {
  viewer.rate = BROWSER;
  viewer.type(`while :; do cat ${file}; done\r`);
  const value = await act();
  const ms = await interrupt(viewer);
  onEnd?.(ms);
  viewer.rate = undefined;
  return value;
}

async function measureMemory(server: Server): Promise<Pick<Figures, 'start' | 'terminal'>> {
  const before = memoryOf(server.pids());
  for (let count = 0; count < TERMINALS; count++) {
    const viewer = await server.open();
    viewer.type('exec cat\r');
  }
  await delay(1_000);
  return { start: before / 1e6, terminal: (memoryOf(server.pids()) - before) / 1_000 / TERMINALS };
}

const read = (pid: number, what: string): string => readFileSync(`/proc/${pid}/${what}`, 'utf8');

/** In bytes that are there. */
const memoryOf = (pids: number[]): number =>
  pids.reduce((sum, pid) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(read(pid, 'status'))?.[1] ?? 0) * 1_024, 0);

/** Of a second, as Linux tells programs of it. */
const TICKS = 100;

/** In seconds: theirs and the kernel's for them. */
const cpuOf = (pids: number[]): number =>
  pids.reduce((sum, pid) => {
    // Behind the name, which may hold anything.
    const fields = read(pid, 'stat').split(') ').at(-1)?.split(' ') ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS;
  }, 0);

const at = (times: number[], share: number): number =>
  times.toSorted((one, other) => one - other)[Math.min(times.length - 1, Math.floor(times.length * share))] ??
  0;
