// A small repository and a bot over it, in a folder that goes away: for the screenshot and the benches.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Demo {
  folder: string;
  /** A git repository with one commit. */
  repository: string;
  remove(): void;
}

export function createDemo(name: string): Demo {
  const folder = mkdtempSync(join(tmpdir(), 'sam-demo-'));
  const repository = join(folder, name);
  mkdirSync(join(repository, 'src'), { recursive: true });
  writeFileSync(join(repository, 'README.md'), `# ${name}\n\nGreets people.\n`);
  writeFileSync(
    join(repository, 'src/greet.ts'),
    'export const greet = (name: string): string => `Hello, ${name}!`;\n',
  );
  const git = (...args: string[]): unknown =>
    execFileSync('git', [
      '-C',
      repository,
      '-c',
      'user.name=Sam',
      '-c',
      'user.email=sam@example.com',
      ...args,
    ]);
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-q', '-m', 'greet people');
  return {
    folder,
    repository,
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

export interface RunningBot {
  /** The first link it printed. */
  link: Promise<string>;
  /** Every line of its output, as it comes. */
  onLine(listener: (line: string) => void): void;
  /** Ends bot and machines, and waits for it. */
  stop(): Promise<void>;
}

/** Runs `command` (a bot with a line) with its own DATA_DIR below the demo's folder. */
export function runBot(
  demo: Demo,
  command: [string, ...string[]],
  { cwd, env = {} }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): RunningBot {
  const [file, ...args] = command;
  const dataDir = join(demo.folder, 'data');
  const child = spawn(file, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env, DATA_DIR: dataDir, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const link = new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => line.startsWith('http') && resolve(line.trim()));
    child.once('exit', (code) => reject(new Error(`the bot ended with code ${code} and gave no link`)));
  });
  return { link, onLine: (listener) => void lines.on('line', listener), stop: () => stop(child, dataDir) };
}

async function stop(child: ChildProcess, dataDir: string): Promise<void> {
  const ended = new Promise((resolve) =>
    child.exitCode === null ? child.once('exit', resolve) : resolve(undefined),
  );
  child.kill('SIGTERM');
  await ended;
  endLocalNodes(dataDir);
}

/** Local nodes outlive their bot on purpose; a demo's do not. */
export function endLocalNodes(dataDir: string): void {
  const found = execFileSync('sh', ['-c', `grep -lsz "^SAM_DIR=${dataDir}/" /proc/[0-9]*/environ || true`], {
    encoding: 'utf8',
  });
  for (const path of found.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(path.split('/')[2]), 'SIGTERM');
    } catch {
      // It ended by itself.
    }
  }
}
