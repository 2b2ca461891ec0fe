// This machine's processes: start one that outlives us, know it again, end a family. Knows no server and no folder.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A pid alone is reused; a pid with its time of birth is not. */
export interface Identity {
  pid: number;
  /** Opaque: only equality means anything. Survives a change of time zone and tells two boots apart. */
  birth: string;
}

export interface Process extends Identity {
  parent: number;
  session: number;
  /** Grows with the time of birth, within one boot. */
  bornTicks: number;
  /** As it was at the exec: `\0NAME=value\0…\0`; empty where the system does not show it to us. */
  environment: string;
  command: string[];
}

export interface Launch {
  command: string[];
  env: Record<string, string>;
  cwd: string;
  /** Both outputs are appended to it. */
  log: string;
}

const POLL_MS = 20;

/** Starts it in a session of its own, so that nothing that ends us ends it. Throws if it could not be executed. */
export async function launch({ command: [file = '', ...args], env, cwd, log }: Launch): Promise<Identity> {
  const output = await open(log, 'a', 0o600);
  try {
    const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', output.fd, output.fd] });
    await once(child, 'spawn');
    child.unref();
    const pid = child.pid ?? 0;
    return (await identify(pid)) ?? { pid, birth: 'ended at once' };
  } finally {
    await output.close();
  }
}

export async function isAlive({ pid, birth }: Identity): Promise<boolean> {
  return (await identify(pid))?.birth === birth;
}

export async function identify(pid: number): Promise<Identity | undefined> {
  const [found] = process.platform === 'linux' ? await readProc([pid]) : await readPs(['-p', String(pid)]);
  return found && { pid: found.pid, birth: found.birth };
}

/** Every living process; zombies hold nothing but their number and are left out. */
export async function listProcesses(platform = process.platform): Promise<Process[]> {
  if (platform !== 'linux') return readPs(['-ax']);
  return readProc((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number));
}

export function hasVariable({ environment }: Process, name: string, value: string): boolean {
  return environment.includes(`\0${name}=${value}\0`);
}

/**
 * Ends those that `isOurs` claims, and their descendants, whatever those did to their environment: SIGTERM, after
 * `graceMs` SIGKILL. Gives the pids that live on `killMs` later. What another user owns (sudo) hides its environment
 * and takes no signal from us.
 */
export async function endFamily(
  isOurs: (process: Process) => boolean,
  { graceMs, killMs }: { graceMs: number; killMs: number },
): Promise<number[]> {
  const known = new Set<string>();
  const asked = new Set<number>();
  let emptyLooks = 0;
  for (const startedAt = performance.now(); ; await delay(POLL_MS)) {
    const alive = findFamily(await listProcesses(), isOurs, known);
    const spentMs = performance.now() - startedAt;
    // One look takes a while: it misses who was born during it, and whoever was just in an exec shows no environment.
    emptyLooks = alive.length === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks === 2 || spentMs > graceMs + killMs) return alive;
    for (const pid of alive) {
      if (spentMs > graceMs) signal(pid, ['SIGKILL']);
      // SIGCONT: a stopped process does not hear the other one before it.
      else if (!asked.has(pid)) signal(pid, ['SIGTERM', 'SIGCONT']);
      asked.add(pid);
    }
  }
}

/** `known` remembers who was seen: an orphan of the family no longer names its parent. */
function findFamily(all: Process[], isOurs: (process: Process) => boolean, known: Set<string>): number[] {
  const key = ({ pid, birth }: Identity) => `${pid} ${birth}`;
  const family = new Set<number>();
  for (let size = -1; size !== family.size;) {
    size = family.size;
    for (const one of all)
      if (known.has(key(one)) || family.has(one.parent) || isOurs(one)) family.add(one.pid);
  }
  // Sam may itself be developed on a node: nobody ends the process that asks.
  family.delete(process.pid);
  for (const one of all) if (family.has(one.pid)) known.add(key(one));
  return [...family];
}

function signal(pid: number, signals: NodeJS.Signals[]): void {
  try {
    for (const one of signals) process.kill(pid, one);
  } catch {
    // It ended in between, or is not ours to end; the next look tells.
  }
}

/** One after the other: all at once would take a file descriptor for each process of the machine. */
async function readProc(pids: number[]): Promise<Process[]> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '')).trim();
  const found: Process[] = [];
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
    if (stat === undefined) continue;
    // proc_pid_stat(5). The name in parentheses may hold anything, parentheses too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, parent, , session] = fields;
    const born = fields[19];
    if (state === 'Z' || state === 'X') continue;
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    found.push({
      pid,
      birth: `${boot} ${born}`,
      parent: Number(parent),
      session: Number(session),
      bornTicks: Number(born),
      environment: `\0${environment}\0`,
      command: command.split('\0').slice(0, -1),
    });
  }
  return found;
}

/**
 * Where there is no /proc (macOS). The environment stays unknown, so a family is the recorded agent and what descends
 * from it: a daemon that left it, and an agent whose pid nobody had written down yet, are missed there.
 */
async function readPs(which: string[]): Promise<Process[]> {
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  // ps ends with 1 when it found nothing.
  const { stdout } = await promisify(execFile)('ps', [...which, '-o', 'pid=,ppid=,stat=,lstart='], {
    env,
    timeout: 5_000,
    maxBuffer: 16 * 2 ** 20,
  }).catch((error: { code?: unknown; stdout?: string }) => {
    if (error.code === 1) return { stdout: error.stdout ?? '' };
    throw error;
  });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, state, birth = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*\S)\s*$/.exec(line) ?? [];
    if (state === undefined || state.startsWith('Z')) return [];
    const unknown = { session: 0, bornTicks: 0, environment: '', command: [] };
    return [{ pid: Number(pid), parent: Number(parent), birth, ...unknown }];
  });
}
