// Finds and ends processes: all of a workspace, daemons included, by the mark in their environment; those of terminals by
// the session that their shell leads. Knows no pty.
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkspaceError } from '../failure.ts';
import { run } from './run.ts';

/** The variable that marks a process, and by inheritance its children, as a workspace's. */
export const MARK = 'SAM_WORKSPACE';

const POLL_MS = 50;
const PS_ENV = { PATH: '/bin:/usr/bin', LC_ALL: 'C' };
const PS_TIMEOUT_MS = 5_000;

export interface Process {
  pid: number;
  /** When it started, in the system's own unit: a number that comes again belongs to another process. */
  started: string;
}

interface Stat extends Process {
  parent: number;
  /** The process that leads its session: the shell of its terminal. */
  session: number;
}

interface Listed extends Process {
  parent: number;
  isMarked: boolean;
}

/**
 * Ends them, and those of `before` that live on: a hang-up and a polite request first, SIGKILL after `graceMs`.
 * Repeatable. Throws if some live on after `killMs` more (they belong to another user, or hang in the kernel).
 */
export async function endProcesses(
  workspace: string,
  before: Process[] = [],
  { graceMs = 2_000, killMs = 5_000 } = {},
): Promise<void> {
  const startedAt = performance.now();
  const asked = new Set<number>();
  for (let known = before; ; await delay(POLL_MS)) {
    known = await findProcesses(workspace, known);
    if (known.length === 0) return;
    const spentMs = performance.now() - startedAt;
    if (spentMs > graceMs + killMs) throw livesOn(known.length);
    for (const { pid } of known) {
      if (spentMs > graceMs) sendSignals(pid, ['SIGKILL']);
      // SIGCONT: a stopped process does not hear the others before it.
      else if (!asked.has(pid)) sendSignals(pid, ['SIGHUP', 'SIGTERM', 'SIGCONT']);
      asked.add(pid);
    }
  }
}

/**
 * The marked processes, those of `before` that still live, and all their descendants: also who cleaned its environment
 * is found as long as its parent lives, or was seen before.
 */
export async function findProcesses(workspace: string, before: Process[] = []): Promise<Process[]> {
  const all = process.platform === 'linux' ? await readProc(workspace) : await readPs(workspace);
  const known = new Set(before.map(({ pid, started }) => `${pid} ${started}`));
  const isKnown = ({ pid, started }: Process) => known.has(`${pid} ${started}`);
  const found = new Set(all.filter((one) => one.isMarked || isKnown(one)).map((one) => one.pid));
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const one of all) if (found.has(one.parent)) found.add(one.pid);
  }
  // Sam may itself be developed in a workspace: nobody ends the process that asks, nor what it stands on.
  for (const pid of [process.pid, process.ppid]) found.delete(pid);
  return all.filter((one) => found.has(one.pid));
}

/** When this process started, as in `Process`; undefined if it does not live. */
export async function findStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return (await readStat(String(pid)))?.started;
  const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)], {
    env: PS_ENV,
    timeoutMs: PS_TIMEOUT_MS,
  });
  return stdout.trim() || undefined;
}

async function readProc(workspace: string): Promise<Listed[]> {
  const mark = `\0${MARK}=${workspace}\0`;
  const processes = await Promise.all(
    (await listPids()).map(async (pid) => {
      const stat = await readStat(pid);
      if (stat === undefined) return undefined;
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      return { ...stat, isMarked: `\0${environment}\0`.includes(mark) };
    }),
  );
  return processes.filter((one) => one !== undefined);
}

const listPids = async (): Promise<string[]> => (await readdir('/proc')).filter((name) => /^\d+$/.test(name));

async function readStat(pid: string): Promise<Stat | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // From the third field on; the second, the name, may hold anything.
  const [state = 'X', parent, , session, ...more] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie holds nothing but its number; its parent buries it.
  if (stat === '' || state === 'Z' || state === 'X') return undefined;
  return { pid: Number(pid), parent: Number(parent), session: Number(session), started: more[15] ?? '' };
}

/** Without /proc: `ps` shows the environment of this user's processes behind the command. */
async function readPs(workspace: string): Promise<Listed[]> {
  const { stdout } = await run('ps', ['-axwwE', '-o', 'pid=,ppid=,lstart=,command='], {
    env: PS_ENV,
    timeoutMs: PS_TIMEOUT_MS,
  });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, started = '', rest = ''] = /^\s*(\d+)\s+(\d+)\s+(.{24})\s(.*)$/.exec(line) ?? [];
    if (pid === undefined) return [];
    const isMarked = ` ${rest} `.includes(` ${MARK}=${workspace} `);
    return [{ pid: Number(pid), parent: Number(parent), started, isMarked }];
  });
}

function sendSignals(pid: number, signals: NodeJS.Signals[]): void {
  try {
    for (const signal of signals) process.kill(pid, signal);
  } catch {
    // It ended in between, or is not ours; the next look tells.
  }
}

const livesOn = (count: number): WorkspaceError =>
  new WorkspaceError({ class: 'configuration', code: 'processes-live', details: { count } });

/** Sends to a process group; nothing happens if it is gone. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  signalOne(-group, signal);
}

function signalOne(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(id, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A hang-up, for stopped processes too. */
export function hangUp(group: number): void {
  signalGroup(group, 'SIGHUP');
  signalGroup(group, 'SIGCONT');
}

/**
 * Ends every process that was started from these leaders' terminals, jobs with groups of their own among them: SIGHUP,
 * after `killMs` SIGKILL. Resolves when `areOver` says so and none is left; with the ids that are left after twice
 * `killMs`. What made a session of its own (setsid) is not found.
 */
export async function endSessionProcesses(
  leaders: number[],
  killMs: number,
  areOver: () => boolean,
): Promise<number[]> {
  await signalMembers(leaders, ['SIGHUP', 'SIGCONT']);
  const left = await waitForEnd(leaders, killMs, areOver);
  if (left.length === 0 && areOver()) return [];
  await signalMembers(leaders, ['SIGKILL']);
  return waitForEnd(leaders, killMs, areOver);
}

async function signalMembers(leaders: number[], signals: NodeJS.Signals[]): Promise<void> {
  const members = await findMembers(leaders);
  for (const signal of signals) for (const id of members) signalOne(id, signal);
}

async function waitForEnd(leaders: number[], waitMs: number, areOver: () => boolean): Promise<number[]> {
  const until = performance.now() + waitMs;
  for (;;) {
    const left = await findMembers(leaders);
    if ((left.length === 0 && areOver()) || performance.now() > until) return left;
    await delay(POLL_MS);
  }
}

/** The living processes of these leaders' sessions. */
async function findMembers(leaders: number[]): Promise<number[]> {
  if (process.platform !== 'linux') return leaders.filter(isAlive);
  const stats = await Promise.all((await listPids()).map(readStat));
  return stats.flatMap((stat) => (stat && leaders.includes(stat.session) ? [stat.pid] : []));
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch {
    return false;
  }
}
