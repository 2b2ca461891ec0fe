// Finds processes: what can be traced of a workspace, daemons included, where it has no user of its own; those of terminals by
// the session that their shell leads, and ends these. Knows no pty.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { sendSignals, type Programs } from './ending.ts';
import { run } from './run.ts';

/** The variable that marks a process, and by inheritance its children, as a workspace's. Anybody may write anything there. */
export const MARK = 'SAM_WORKSPACE';

const POLL_MS = 50;
const PS_ENV = { PATH: '/bin:/usr/bin', LC_ALL: 'C' };
const PS_TIMEOUT_MS = 5_000;
/** Who starts children faster than they are frozen is not held by more. */
const FREEZE_PASSES = 20;
/** What was killed is gone at once, but for what hangs in the kernel. */
const MAX_DYING_MS = 2_000;

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

interface Listed extends Stat {
  isMarked: boolean;
}

type Trace = () => Promise<Process[]>;

/**
 * The workspace's processes as they can be traced. They stand still before they are killed: what is frozen starts no other
 * one. What cleaned its environment, left its session and lost its parent before the first look is not among them.
 */
export function tracePrograms(workspace: string, before: Process[] = []): Promise<Programs> {
  return traceMarked(`${MARK}=${workspace}`, { before });
}

/** The same of what has another variable, as `NAME=value`, and runs as `uid`; absent: as the agent. */
export async function traceMarked(
  mark: string,
  { before = [], uid }: { before?: Process[]; uid?: number | undefined } = {},
): Promise<Programs> {
  const trace = createTrace({ mark, uid: uid ?? process.getuid?.() }, before);
  await trace();
  return {
    find: async () => (await trace()).map(({ pid }) => pid),
    async kill() {
      const frozen = new Set<number>();
      for (let pass = 0, size = -1; pass < FREEZE_PASSES && size !== frozen.size; pass++) {
        size = frozen.size;
        for (const { pid } of await trace()) if (!frozen.has(pid)) sendSignals(pid, ['SIGSTOP']);
        for (const { pid } of await trace()) frozen.add(pid);
      }
      for (const { pid } of await trace()) sendSignals(pid, ['SIGKILL']);
    },
  };
}

/**
 * The marked processes of the agent's own user, those of `before` that still live, all their descendants, and all of the
 * sessions that one of them leads or led: also who cleaned its environment is found as long as its parent lives, or was seen before.
 */
export function findProcesses(workspace: string, before: Process[] = []): Promise<Process[]> {
  return createTrace({ mark: `${MARK}=${workspace}`, uid: process.getuid?.() }, before)();
}

interface Marked {
  mark: string;
  uid: number | undefined;
}

/** Each look remembers whom it found, for the next one. */
function createTrace(marked: Marked, before: Process[]): Trace {
  const keyOf = ({ pid, started }: Process) => `${pid} ${started}`;
  const known = new Set(before.map(keyOf));
  let sessions = new Set<number>();
  // Sam may itself be developed in a workspace: the process that asks is never ended, nor what it stands on.
  const isAsking = ({ pid }: Process) => pid === process.pid || pid === process.ppid;
  return async () => {
    const all = process.platform === 'linux' ? listProc(marked) : await listPs(marked);
    const others = all.filter((one) => !isAsking(one));
    const found = new Set(
      others.filter((one) => one.isMarked || known.has(keyOf(one))).map(({ pid }) => pid),
    );
    for (let size = -1; size !== found.size;) {
      size = found.size;
      for (const { pid, parent, session } of others)
        if (found.has(parent) || found.has(session) || sessions.has(session)) found.add(pid);
    }
    const own = others.filter(({ pid }) => found.has(pid) && maySignal(pid));
    for (const one of own) known.add(keyOf(one));
    // The number of a session is nobody else's as long as one of its members lives.
    const isLed = ({ session }: Stat) => found.has(session) || sessions.has(session);
    sessions = new Set(own.filter(isLed).map(({ session }) => session));
    return own;
  };
}

/** What became another user (sudo) is beyond us. */
function maySignal(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** When this process started, as in `Process`; undefined if it does not live. */
export async function findStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return readStat(pid)?.started;
  const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)], {
    env: PS_ENV,
    timeoutMs: PS_TIMEOUT_MS,
  });
  return stdout.trim() || undefined;
}

function listProc({ mark, uid }: Marked): Listed[] {
  const wanted = `\0${mark}\0`;
  return listPids().flatMap((pid) => {
    const stat = readStat(pid);
    if (stat === undefined) return [];
    const isMarked = `\0${readProc(pid, 'environ')}\0`.includes(wanted) && isOfUser(pid, uid);
    return [{ ...stat, isMarked }];
  });
}

/** Without waiting: what is found is not yet another by the time it is signalled. */
export const listPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Empty for what is gone, or not for us to read. */
export function readProc(pid: number, file: 'environ' | 'stat' | 'status'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** Real, effective, saved, or of its files: whoever it is for a moment. */
export function isOfUser(pid: number, uid: number | undefined): boolean {
  const [, uids = ''] = /^Uid:\s+(.*)$/m.exec(readProc(pid, 'status')) ?? [];
  return uids.split(/\s+/).includes(String(uid));
}

export function readStat(pid: number): Stat | undefined {
  const stat = readProc(pid, 'stat');
  // From the third field on; the second, the name, may hold anything.
  const [state = 'X', parent, , session, ...more] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie holds nothing but its number; its parent buries it.
  if (stat === '' || state === 'Z' || state === 'X') return undefined;
  return { pid, parent: Number(parent), session: Number(session), started: more[15] ?? '' };
}

/** Without /proc: `ps` shows the environment of this user's processes behind the command, and no session. */
async function listPs({ mark, uid: wanted }: Marked): Promise<Listed[]> {
  const { stdout } = await run('ps', ['-axwwE', '-o', 'pid=,ppid=,uid=,lstart=,command='], {
    env: PS_ENV,
    timeoutMs: PS_TIMEOUT_MS,
  });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, uid, started = '', rest = ''] =
      /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.{24})\s(.*)$/.exec(line) ?? [];
    if (pid === undefined) return [];
    const isMarked = Number(uid) === wanted && ` ${rest} `.includes(` ${mark} `);
    return [{ pid: Number(pid), parent: Number(parent), session: 0, started, isMarked }];
  });
}

/** Sends to a process group; nothing happens if it is gone. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  sendSignals(-group, [signal]);
}

/** A hang-up, for stopped processes too. */
export function hangUp(group: number): void {
  signalGroup(group, 'SIGHUP');
  signalGroup(group, 'SIGCONT');
}

/**
 * Ends every process that was started from these leaders' terminals, jobs with groups of their own among them: SIGHUP,
 * after `killMs` SIGKILL. Resolves when `areOver` says so and none is left; with the ids that are left a while after that.
 * What made a session of its own (setsid), or became another user, is not found.
 */
export async function endSessionProcesses(
  leaders: number[],
  killMs: number,
  areOver: () => boolean,
): Promise<number[]> {
  for (const id of findMembers(leaders)) sendSignals(id, ['SIGHUP', 'SIGCONT']);
  const left = await waitForEnd(leaders, killMs, areOver);
  if (left.length === 0 && areOver()) return [];
  for (const id of findMembers(leaders)) sendSignals(id, ['SIGKILL']);
  return waitForEnd(leaders, Math.min(killMs, MAX_DYING_MS), areOver);
}

async function waitForEnd(leaders: number[], waitMs: number, areOver: () => boolean): Promise<number[]> {
  const until = performance.now() + waitMs;
  for (;;) {
    const left = findMembers(leaders);
    if ((left.length === 0 && areOver()) || performance.now() > until) return left;
    await delay(POLL_MS);
  }
}

/** The living processes of these leaders' sessions. */
function findMembers(leaders: number[]): number[] {
  if (process.platform !== 'linux') return leaders.filter(maySignal);
  return listPids().filter((pid) => leaders.includes(readStat(pid)?.session ?? 0) && maySignal(pid));
}
