// Signals for the processes of a pty. Knows process ids; must not know sessions or viewers.
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pass } from 'node:timers/promises';

const LOOK_EVERY_MS = 50;

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
export async function endProcesses(
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
    await pass(LOOK_EVERY_MS);
  }
}

/** The living processes of these leaders' sessions. */
async function findMembers(leaders: number[]): Promise<number[]> {
  if (process.platform !== 'linux') return leaders.filter(isAlive);
  const names = await readdir('/proc');
  const stats = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(readStat));
  return stats.filter(({ session, isZombie }) => !isZombie && leaders.includes(session)).map(({ id }) => id);
}

// "id (name) state parent group session ...", where the name may hold anything.
async function readStat(id: string): Promise<{ id: number; session: number; isZombie: boolean }> {
  const text = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => '');
  const [state, , , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { id: Number(id), session: Number(session), isZombie: state === 'Z' || state === 'X' };
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch {
    return false;
  }
}
