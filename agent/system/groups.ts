// A control group for each workspace, where the agent may make them (cgroup v2, as root): what is started in one stays in it, and
// all of it ends at once. Knows no session, and no user.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Programs } from './ending.ts';

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
