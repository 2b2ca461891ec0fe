// A terminal through an agent and its holder, beside ttyd and beside a loop that only reads a pty: bytes, CPU, echoes, Ctrl-C in a flood,
// memory. Each server anew in each round, in turn; every byte is hashed; what counts are ratios within a round. Linux alone.
// `ROUNDS=3` for fewer, `MEGABYTES=221`, `TERMINALS=200`, `TTYD=/path/to/ttyd`.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDice } from '../test/chaos/dice.ts';
import { createDemo, type Demo } from '../tools/demo.ts';
import { listFigures, showFigures, type Figures, type Rounds } from './terminal-figures.ts';
import { measureServer, TERMINALS, type Flood } from './terminal-measures.ts';
import { findTtyd, startSam, startTtyd } from './terminal-servers.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 7);
const MEGABYTES = Number(process.env['MEGABYTES'] ?? 65);

export async function benchTerminal(): Promise<void> {
  if (process.platform !== 'linux') return console.log('this bench reads /proc, which is on Linux alone');
  const demo = createDemo('bench');
  const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const folder = mkdtempSync(join(memory, 'sam-bench-'));
  try {
    const flood = writeFlood(join(folder, 'flood'));
    const runs = findRuns(demo, folder, flood);
    const rounds: Rounds = new Map([...runs.keys()].map((name) => [name, []]));
    const loads: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const names = [...runs.keys()];
      const turned = [...names.slice(round % names.length), ...names.slice(0, round % names.length)];
      loads.push(loadavg()[0] ?? 0);
      for (const name of turned) {
        const figures = await runs.get(name)?.();
        if (figures) rounds.get(name)?.push(figures);
      }
      console.log(`round ${round + 1} of ${ROUNDS}, load ${loads.at(-1)?.toFixed(1)}`);
    }
    console.log(`${ROUNDS} rounds, ${MEGABYTES} MB; medians, and Sam beside the others (95 % of the median)`);
    showFigures(rounds);
    console.log(
      JSON.stringify({ rounds: ROUNDS, megabytes: MEGABYTES, loads, samples: listFigures(rounds) }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
    demo.remove();
  }
}

function findRuns(demo: Demo, folder: string, flood: Flood): Map<string, () => Figures | Promise<Figures>> {
  const runs = new Map<string, () => Figures | Promise<Figures>>();
  const reader = compileReader(folder);
  if (reader === undefined) console.log('no C compiler: the loop that only reads is left out');
  else runs.set('reader', () => measureReader(reader, flood));
  const ttyd = findTtyd();
  if (ttyd === undefined) console.log('no ttyd on the path or at TTYD: it is left out');
  else runs.set('ttyd', () => measureServer(() => startTtyd(ttyd), flood));
  runs.set('sam', () => measureServer(() => startSam(demo, TERMINALS + 2), flood));
  return runs;
}

function compileReader(folder: string): string | undefined {
  const file = join(folder, 'pty-reader');
  try {
    const source = join(import.meta.dirname, 'pty-reader.c');
    execFileSync('cc', ['-O2', '-o', file, source, '-lutil'], { stdio: 'ignore' });
    return file;
  } catch {
    return undefined;
  }
}

/** Lines of a log, with colours and characters of up to four bytes: always the same. */
function writeFlood(file: string): Flood {
  const dice = createDice(1);
  const line = (at: number): string => {
    const length = dice.between(20, 110);
    const text = Array.from({ length }, () => String.fromCharCode(dice.between(97, 122))).join('');
    const coloured = at % 5 === 0 ? `\u001b[3${at % 8}m${text}\u001b[0m` : text;
    return `${coloured}${at % 17 === 0 ? ' ✓ ünïcode 日本語 🚀' : ''}\n`;
  };
  const part = Buffer.from(Array.from({ length: 20_000 }, (_, at) => line(at)).join(''));
  const count = Math.ceil((MEGABYTES * 1_000_000) / part.length);
  const raw = Buffer.concat(Array.from({ length: count }, () => part));
  const cooked = Buffer.from(raw.toString().replaceAll('\n', '\r\n'));
  writeFileSync(file, raw);
  const describe = (bytes: Buffer) => ({ digest: hashOf(bytes), size: bytes.length });
  return { file, size: raw.length, cooked: describe(cooked), raw: describe(raw) };
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function measureReader(reader: string, { file, cooked, raw }: Flood): Figures {
  const read = (line: string, wanted: number) => {
    const said = execFileSync(reader, [line], { encoding: 'utf8' });
    const { bytes, seconds, cpu } = JSON.parse(said) as Record<'bytes' | 'seconds' | 'cpu', number>;
    if (bytes !== wanted) throw new Error(`the reader has ${bytes} of ${wanted} bytes`);
    return { rate: wanted / 1e6 / seconds, cpu: cpu / (wanted / 1e9) };
  };
  const usual = read(`cat ${file}`, cooked.size);
  return { cooked: usual.rate, cpu: usual.cpu, raw: read(`stty -opost; cat ${file}`, raw.size).rate };
}
