// The control groups of workspaces: each can be ended at once and is held to its limits, and all of them together leave the
// machine enough to live. Version 2, and beside it the hierarchies of version 1. Knows no session and no user.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Limits } from '../protocol.ts';
import type { Programs } from './ending.ts';

export interface Groups {
  /** Makes the group, within its limits: who writes `0` to these files belongs to it, with all that it starts. Empty: there is none to be had. */
  doors: (workspace: string) => string[];
  /** Where it is in version 2, on a machine that is a node and nothing else: there the agent has a unit of its own. */
  place: (workspace: string) => GroupPlace | undefined;
  /** What holds it, and what it ran against. Undefined: nothing does. */
  limits: (workspace: string) => Limits | undefined;
  programs: (workspace: string) => Programs;
  /** Repeatable; one that still holds something stays. */
  remove: (workspace: string) => void;
}

export interface GroupPlace {
  /** The folder of all groups, how many levels that is below the root, */
  all: string;
  depth: number;
  /** and its own in there, whether it is there or not. */
  own: string;
}

type Share = Pick<Limits, 'memory' | 'processes'>;

/** `shares`: what all groups together may use, and what each of them may. */
export function createGroups(shares = shareOut(totalmem())): Groups {
  const tree = findTree();
  const held = new Set<string>();
  const folders = (workspace: string) => (tree ? basesOf(tree).map((base) => join(base, workspace)) : []);
  return {
    doors(workspace) {
      if (!tree) return [];
      prepare(tree, workspace);
      if (!existsSync(join(tree.unified, workspace, 'cgroup.kill'))) return [];
      if (hold(tree, '', { memory: shares.all }) && hold(tree, workspace, shares.one)) held.add(workspace);
      return folders(workspace)
        .map((folder) => join(folder, 'cgroup.procs'))
        .filter((file) => existsSync(file));
    },
    place: (workspace) =>
      tree && tree.depth > 1
        ? { all: tree.unified, depth: tree.depth, own: join(tree.unified, workspace) }
        : undefined,
    limits: (workspace) =>
      tree && held.has(workspace) ? { ...shares.one, ...reachedBy(tree, workspace) } : undefined,
    programs: (workspace) => ({
      find: () => Promise.resolve(tree ? listPids(join(tree.unified, workspace)) : []),
      async kill() {
        if (tree) write(join(tree.unified, workspace, 'cgroup.kill'), 1);
      },
    }),
    remove(workspace) {
      held.delete(workspace);
      for (const folder of folders(workspace)) removeGroup(folder);
    },
  };
}

const MIB = 1 << 20;
const LEAST_RESERVE = 256 * MIB;

/**
 * Of a machine with so many bytes an eighth is for the agent and the system. One workspace may have four fifths of the rest,
 * so that nobody's neighbours are left with nothing; and so many processes that they fit into that.
 */
export function shareOut(total: number): { all: number; one: Share } {
  const all = roundDown(total - Math.max(LEAST_RESERVE, total / 8), MIB);
  const memory = roundDown(Math.max(all, LEAST_RESERVE) * 0.8, MIB);
  return { all, one: { memory, processes: Math.min(16_384, Math.max(1_024, Math.round(memory / MIB))) } };
}

const roundDown = (value: number, unit: number): number => Math.floor(value / unit) * unit;

// ---------------------------------------------------------------------------------------------------------------

type Controller = 'memory' | 'pids' | 'cpu';
const CONTROLLERS: Controller[] = ['memory', 'pids', 'cpu'];

interface Tree {
  /** Where all of our groups are, in version 2, and how many levels that is below its root. */
  unified: string;
  depth: number;
  /** Where they are in the hierarchy of version 1 that has the controller; absent: version 2 has it. */
  old: Partial<Record<Controller, string>>;
}

/**
 * In the agent's own unit, which systemd leaves to it; else in the place that all agents share, so that one finds what an
 * earlier life of it, started from elsewhere, left there.
 */
function findTree(): Tree | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const mounts = [
    ...read('/proc/self/mountinfo').matchAll(/^\S+ \S+ \S+ \S+ (\S+) .* - (cgroup2?) \S+ (\S+)$/gm),
  ];
  const own = read('/proc/self/cgroup');
  const unified = mounts.find(([, , type]) => type === 'cgroup2')?.[1];
  if (unified === undefined) return undefined;
  const old = CONTROLLERS.flatMap((name) => {
    const mount = mounts.find(
      ([, , type, options]) => type === 'cgroup' && options?.split(',').includes(name),
    );
    return mount?.[1] === undefined ? [] : [[name, join(mount[1], unitIn(own, name), 'sam')]];
  });
  const path = join(unitIn(own, ''), 'sam');
  const depth = path.split('/').filter(Boolean).length;
  return { unified: join(unified, path), depth, old: Object.fromEntries(old) };
}

/** `name` empty: in version 2. */
function unitIn(own: string, name: string): string {
  const line = own.split('\n').find((one) => (one.split(':')[1] ?? '').split(',').includes(name));
  return /:(\/.*\.service)(?:\/agent)?$/.exec(line ?? '')?.[1] ?? '';
}

const basesOf = ({ unified, old }: Tree): string[] => [...new Set([unified, ...Object.values(old)])];

function prepare(tree: Tree, workspace: string): void {
  // Old hierarchies may be there to be looked at only.
  for (const base of basesOf(tree)) attempt(() => mkdirSync(join(base, workspace), { recursive: true }));
  // Refused where processes sit between the groups: then there are no limits. With the CPU it is enough that there is a group:
  // each of them has an equal share.
  for (const folder of [dirname(tree.unified), tree.unified])
    for (const name of CONTROLLERS)
      if (tree.old[name] === undefined) write(join(folder, 'cgroup.subtree_control'), `+${name}`);
}

/** `workspace` empty: all of them together. */
function hold({ unified, old }: Tree, workspace: string, { memory, processes }: Partial<Share>): boolean {
  const to = (controller: Controller, file: string, value: number | undefined) =>
    value === undefined || write(join(old[controller] ?? unified, workspace, file), value);
  // What may be written to a disk instead is no memory. Not every kernel counts it; the old one wants the larger number first.
  if (old.memory === undefined) to('memory', 'memory.swap.max', 0);
  else to('memory', 'memory.memsw.limit_in_bytes', -1);
  const isHeld = to('memory', old.memory === undefined ? 'memory.max' : 'memory.limit_in_bytes', memory);
  if (old.memory !== undefined) to('memory', 'memory.memsw.limit_in_bytes', memory);
  return to('pids', 'pids.max', processes) && isHeld;
}

function reachedBy(tree: Tree, workspace: string): Pick<Limits, 'reached'> {
  const count = (controller: Controller, file: string, word: string) => {
    const text = read(join(tree.old[controller] ?? tree.unified, workspace, file));
    return Number(new RegExp(`^${word} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  const events = tree.old.memory === undefined ? 'memory.events' : 'memory.oom_control';
  const reached: Limits['reached'] = [
    ...(count('memory', events, 'oom_kill') > 0 ? ['memory' as const] : []),
    ...(count('pids', 'pids.events', 'max') > 0 ? ['processes' as const] : []),
  ];
  return reached.length > 0 ? { reached } : {};
}

// ---------------------------------------------------------------------------------------------------------------

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

const write = (file: string, value: number | string): boolean =>
  // What is not there is not made: it would be a file that nobody obeys.
  attempt(() => writeFileSync(file, String(value), { flag: 'r+' }));

/** What is refused here is as if there were no groups: then other ways have to do. */
function attempt(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
