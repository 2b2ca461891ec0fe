// A real Postgres in DATA_DIR, for whoever sets no DATABASE_URL. Starts, adopts and stops it; knows nothing of our tables.
//
// It listens on 127.0.0.1 with a random port and a random password: a plain URL that every client and child process
// takes. A Unix socket would need no password, but its path must fit into 107 bytes and postgres.js reads none from a URL.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { StartError } from '../../errors.ts';
import { EXIT_IN_USE, findBinaries, prepareBinaries, type Binaries } from './binaries.ts';
import { ensureCreated, failure, openCluster, USER, type Cluster } from './cluster.ts';
import { inTurn } from '../lock.ts';
import { birthOf, commandOf } from './processes.ts';

export type EmbeddedOptions = {
  dataDir: string;
  log?: (line: string) => void;
  /** False: a power cut may lose everything, kill -9 still nothing. For tests. */
  durable?: boolean;
  /** The folder with bin/, lib/ and share/, if it is not the installed package's. */
  native?: string;
};

export type Embedded = {
  url: string;
  /** True when the server was already up: the bot that started it was killed, or runs in another process. */
  adopted: boolean;
  pid: number;
  /** Fast shutdown: open connections are cut, commits are safe. Repeatable; resolves when the server is gone. */
  stop(): Promise<void>;
};

type PidFile = { pid: number; port: number; status: string };

const POLL_MS = 20;
/** Recovery after a crash replays the log, which `max_wal_size` keeps short; a busy disk may still take its time. */
const START_MS = 120_000;
const STOP_MS = 30_000;
const IN_USE = 'Another server uses these files, perhaps in another container.';

/**
 * Resolves when the server of `dataDir` answers, having started it only if none was up; several callers at once get the
 * same one. The server outlives this process until `stop()`. Throws a StartError with Postgres' own last words.
 */
export async function startEmbedded({
  dataDir,
  log = () => {},
  durable = true,
  native = findBinaries(),
}: EmbeddedOptions): Promise<Embedded> {
  await mkdir(path.join(dataDir, 'postgres'), { recursive: true, mode: 0o700 });
  const home = await realpath(path.join(dataDir, 'postgres'));
  return inTurn(path.join(home, 'starting'), START_MS * 2, async () => {
    const cluster = await openCluster(home, durable);
    const running = await findRunning(cluster);
    if (running) {
      log(`adopted the Postgres that was already running (process ${running.pid})`);
      return describe(cluster, running, true);
    }
    const binaries = await prepareBinaries(native, home);
    await ensureCreated(cluster, binaries);
    const started = await startServer(cluster, binaries);
    log(`started Postgres in ${home} (process ${started.pid})`);
    return describe(cluster, started, false);
  });
}

function describe(cluster: Cluster, { pid, port }: PidFile, adopted: boolean): Embedded {
  let stopping: Promise<void> | undefined;
  return { url: urlOf(cluster, port), adopted, pid, stop: () => (stopping ??= stopServer(cluster, pid)) };
}

function urlOf({ password }: Cluster, port: number): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`;
}

/** For a small machine: little memory, few processes (`io_method=sync` saves three), no log of everyday errors. */
function settings({ durable }: Cluster, port: number): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '32MB',
    max_wal_size: '256MB',
    min_wal_size: '32MB',
    io_method: 'sync',
    log_checkpoints: 'off',
    log_min_messages: 'log',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function startServer(cluster: Cluster, binaries: Binaries): Promise<PidFile> {
  const logFile = path.join(cluster.home, 'server.log');
  if (existsSync(logFile)) await rename(logFile, `${logFile}.1`);
  for (const deadline = Date.now() + START_MS; ; await delay(POLL_MS * 10)) {
    const outcome = await tryStart(cluster, binaries, logFile);
    if (typeof outcome !== 'string') return outcome;
    if (Date.now() > deadline || !(await willPass(cluster, outcome))) {
      throw failure(cluster.home, 'start', outcome);
    }
  }
}

/** Returns the running server, or what it said before it ended. */
async function tryStart(cluster: Cluster, binaries: Binaries, logFile: string): Promise<PidFile | string> {
  const { home, data } = cluster;
  const port = await findFreePort();
  const output = await open(logFile, 'w', 0o600);
  const [command, args] = binaries.command('postgres', ['-D', data, ...settings(cluster, port)]);
  // Detached: a Ctrl-C in the bot's terminal, or its crash, must not end the database under other processes.
  const server = spawn(command, args, {
    env: binaries.env,
    cwd: home,
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
  });
  const ended = new Promise<string>((resolve) => {
    server.once('error', (error) => resolve(error.message));
    server.once('exit', (code) => resolve(code === EXIT_IN_USE ? IN_USE : ''));
  });
  server.unref();
  await output.close();
  const outcome = (await Promise.race([ended, waitUntilReady(cluster, server.pid ?? 0)])) ?? (await ended);
  return outcome || (await readFile(logFile, 'utf8'));
}

/** Whether the same start may work in a moment. */
async function willPass({ data }: Cluster, said: string): Promise<boolean> {
  if (/lock file "postmaster.pid" already exists/.test(said)) {
    // Postgres believes in any living process with that pid. We were told already that this one is no server of ours.
    await rm(path.join(data, 'postmaster.pid'), { force: true });
    return true;
  }
  // Somebody else just took the port, or the children of a killed server still have to go.
  return /Address already in use|pre-existing shared memory block/.test(said) || said === IN_USE;
}

/** The server that runs on our files, waiting while it starts up or goes down. Never guesses from the pid alone. */
async function findRunning(cluster: Cluster): Promise<PidFile | undefined> {
  const file = await readPidFile(cluster);
  return file && isOurs(cluster, file.pid) ? waitUntilReady(cluster, file.pid) : undefined;
}

/** Undefined when the process ends first. */
async function waitUntilReady(cluster: Cluster, pid: number): Promise<PidFile | undefined> {
  const birth = birthOf(pid);
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await delay(POLL_MS)) {
    if (birth === undefined || birthOf(pid) !== birth) return undefined;
    const file = await readPidFile(cluster);
    if (file?.pid === pid && file.status === 'ready' && (await answers(cluster, file.port))) return file;
  }
  throw new StartError(
    `The Postgres of ${cluster.home} (process ${pid}) does not answer.\n` +
      `Look into ${path.join(cluster.home, 'server.log')}, stop it with \`kill -INT ${pid}\`, and start again.`,
  );
}

async function answers(cluster: Cluster, port: number): Promise<boolean> {
  const sql = postgres(urlOf(cluster, port), { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    const [row] = await sql`show data_directory`;
    return row?.['data_directory'] === cluster.data;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** The lines of postmaster.pid: pid, data directory, start time, port, socket folder, address, memory key, status. */
async function readPidFile({ data }: Cluster): Promise<PidFile | undefined> {
  const text = await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3]), status: lines[7]?.trim() ?? '' };
}

function isOurs({ data }: Cluster, pid: number): boolean {
  const command = commandOf(pid) ?? '';
  return command.includes('postgres') && `${command} `.includes(` -D ${data} `);
}

async function stopServer(cluster: Cluster, pid: number): Promise<void> {
  const gone = async (signal: NodeJS.Signals) => {
    if (isOurs(cluster, pid)) process.kill(pid, signal);
    for (const deadline = Date.now() + STOP_MS; Date.now() < deadline; await delay(POLL_MS)) {
      if (!isOurs(cluster, pid)) return true;
    }
    return false;
  };
  if (await gone('SIGINT')) return;
  if (await gone('SIGQUIT')) return; // Ends at once; the next start replays the log.
  throw new Error(`database: stop: process ${pid} does not end`);
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
