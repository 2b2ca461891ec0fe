// What came of a turn in the checkout: its files at the turn's beginning and at its end, compared by git, whoever committed what
// meanwhile. It runs nothing that the checkout names. Knows no turn and no coding agent.
import { randomBytes } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { look, type Git } from '../git/git.ts';
import { addFiles, listNew, openScratch, type Scratch } from '../git/scratch.ts';
import type { TurnChanges } from '../protocol.ts';
import { removeTree } from '../system/trees.ts';

/** Larger ones that git does not know are told apart by size and time alone. */
const MAX_NEW_BYTES = 1 << 20;
const MAX_NEW_FILES = 5_000;
const MAX_FILES = 100;
const MAX_PATH = 300;

export interface Beginning {
  /** What differs from it now. */
  compare: () => Promise<TurnChanges>;
  /** Forgets it. Never rejects. */
  close: () => Promise<void>;
}

interface Snapshot {
  tree: string;
  /** What is not in there, by path. */
  large: Map<string, string>;
}

/** Throws where git fails. */
export async function rememberFiles(git: Git, checkout: string): Promise<Beginning> {
  // A name that nobody counts as work, and that is cleared up after a crash.
  const path = join(dirname(checkout), `.saving-${randomBytes(6).toString('hex')}`);
  const close = () => removeTree(path).catch(() => undefined);
  try {
    const scratch = await openScratch(git, checkout, path);
    const before = await takeSnapshot(scratch, checkout);
    return { compare: () => compare(git, checkout, scratch, before), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function takeSnapshot(scratch: Scratch, checkout: string): Promise<Snapshot> {
  await scratch.git(['add', '--update', '--', '.']);
  const names = (await listNew(scratch)).slice(0, MAX_NEW_FILES);
  const large = new Map<string, string>();
  const small: string[] = [];
  for (const name of names) {
    const found = await lstat(join(checkout, name)).catch(() => undefined);
    if (found?.isFile() === true && found.size > MAX_NEW_BYTES)
      large.set(name, `${found.size} ${found.mtimeMs}`);
    else if (found?.isFile() === true || found?.isSymbolicLink() === true) small.push(name);
  }
  await addFiles(scratch, small, ['--ignore-errors']);
  return { tree: await scratch.git(['write-tree', '--missing-ok']), large };
}

async function compare(git: Git, checkout: string, scratch: Scratch, before: Snapshot): Promise<TurnChanges> {
  const now = await takeSnapshot(scratch, checkout);
  const how = [
    '--numstat',
    '-z',
    '--no-renames',
    '--no-ext-diff',
    '--no-textconv',
    '--ignore-submodules=dirty',
  ];
  const differing = (await scratch.git(['diff', ...how, before.tree, now.tree]))
    .split('\0')
    .flatMap((line) => {
      // Of files that are no text git counts nothing.
      const [, added, removed, path] = /^(\d+|-)\t(\d+|-)\t(.+)$/s.exec(line) ?? [];
      return path === undefined
        ? []
        : [{ path: path.slice(0, MAX_PATH), added: Number(added) || 0, removed: Number(removed) || 0 }];
    });
  const names = new Set([...before.large.keys(), ...now.large.keys()]);
  const known = new Set(differing.map(({ path }) => path));
  const others = [...names].filter(
    (name) => before.large.get(name) !== now.large.get(name) && !known.has(name),
  );
  const files = [
    ...differing,
    ...others.map((path) => ({ path: path.slice(0, MAX_PATH), added: 0, removed: 0 })),
  ];
  const branch = await look(git, checkout, ['symbolic-ref', '--short', '--quiet', 'HEAD']);
  return {
    ...(branch.code === 0 && { branch: branch.stdout.trim().slice(0, MAX_PATH) }),
    files: files.slice(0, MAX_FILES),
    count: files.length,
  };
}
