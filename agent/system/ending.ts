// Ends what runs, whatever it does against it, within a bound: politely first. Knows not how it is found and held: by its control
// group, its user, or the tree that can be traced.
import { setTimeout as delay } from 'node:timers/promises';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Programs {
  /** The numbers of those that live, and that may be signalled. */
  find: () => Promise<number[]>;
  /** All at once, whatever they are doing. Repeatable; never rejects. */
  kill: () => Promise<void>;
}

const POLL_MS = 50;

/**
 * A hang-up and a polite request first; after `graceMs` they are killed, again and again, for `killMs`. How many live on
 * then: what hangs in the kernel, and what cannot be held.
 */
export async function endPrograms(
  programs: Programs[],
  { graceMs = 2_000, killMs = 4_000 } = {},
): Promise<number> {
  const startedAt = performance.now();
  const asked = new Set<number>();
  let isKilled = false;
  for (; ; await delay(POLL_MS)) {
    const left = new Set((await Promise.all(programs.map((one) => one.find()))).flat());
    const spentMs = performance.now() - startedAt;
    // A look takes a while, and misses who is born and gone meanwhile: only what was killed is over.
    if ((left.size === 0 && isKilled) || spentMs > graceMs + killMs) return left.size;
    if (left.size === 0 || spentMs >= graceMs) {
      isKilled = true;
      await Promise.all(programs.map((one) => one.kill()));
      continue;
    }
    // SIGCONT: a stopped process does not hear the others before it.
    for (const pid of left) if (!asked.has(pid)) sendSignals(pid, ['SIGHUP', 'SIGTERM', 'SIGCONT']);
    for (const pid of left) asked.add(pid);
  }
}

export function sendSignals(pid: number, signals: NodeJS.Signals[]): void {
  try {
    for (const signal of signals) process.kill(pid, signal);
  } catch {
    // It ended in between, or is not ours; the next look tells.
  }
}

export interface Groups {
  /** Makes the group: who writes `0` to this file belongs to it, with all that it starts. Undefined: there is none to be had. */
  door: (workspace: string) => string | undefined;
  programs: (workspace: string) => Programs;
  /** Repeatable; one that still holds something stays. */
  remove: (workspace: string) => void;
}

export function createGroups(base = findBase()): Groups {
  const folder = (workspace: string) => join(base ?? '', workspace);
  return {
    door(workspace) {
      if (base === undefined || !attempt(() => mkdirSync(folder(workspace), { recursive: true })))
        return undefined;
      return existsSync(join(folder(workspace), 'cgroup.kill'))
        ? join(folder(workspace), 'cgroup.procs')
        : undefined;
    },
    programs: (workspace) => ({
      find: () => Promise.resolve(base === undefined ? [] : listPids(folder(workspace))),
      async kill() {
        if (base !== undefined) attempt(() => writeFileSync(join(folder(workspace), 'cgroup.kill'), '1'));
      },
    }),
    remove(workspace) {
      if (base !== undefined) removeGroup(folder(workspace));
    },
  };
}

/**
 * In the agent's own unit, which systemd leaves to it; else in the place that all agents share, so that one finds what an
 * earlier life of it, started from elsewhere, left there.
 */
function findBase(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const [, mount] = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(read('/proc/self/mountinfo')) ?? [];
  const [, unit = ''] = /^0::(\/.*\.service)(?:\/agent)?$/m.exec(read('/proc/self/cgroup')) ?? [];
  return mount === undefined ? undefined : join(mount, unit, 'sam');
}

/** Root in a workspace may have made groups below. */
const listBelow = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [join(folder, entry.name)] : [],
      )
    : [];

function listPids(folder: string): number[] {
  const own = read(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
  return [...own, ...listBelow(folder).flatMap(listPids)];
}

function removeGroup(folder: string): void {
  for (const below of listBelow(folder)) removeGroup(below);
  attempt(() => rmdirSync(folder));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** What is refused here is as if there were no groups: then other ways have to do. */
function attempt(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
