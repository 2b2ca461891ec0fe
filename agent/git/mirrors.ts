// What was cloned of a repository, kept on the node for its owner's next workspace of it: one file of git's objects and of the remote's
// branches. Nobody works in it: it is written before anything of a workspace runs, read before anything of another does, and lies where
// no workspace may look. Knows no workspace but by its name.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { passedFrom } from '../system/environment.ts';
import { codeOf } from '../system/files.ts';
import { run } from '../system/run.ts';
import { removeTree } from '../system/trees.ts';
import { ask, protocolOf, runGit, type Git } from './git.ts';

export interface Mirrors {
  /** Of a repository, for one workspace, which has a share in it until `release`. Undefined: there is nothing to gain by one. */
  of: (repository: string, workspace: string) => Mirror | undefined;
  /** The workspace goes; what nobody else has a share in goes too. Repeatable. */
  release: (workspace: string) => Promise<void>;
}

export interface Mirror {
  /** A clone without a checkout, brought up to date by its own password. False: there is none, and nothing in the folder. */
  give: (clone: Cloning) => Promise<boolean>;
  /** Keeps what a fresh clone has, unless what is kept is new enough. Never rejects. */
  keep: (clone: Cloning) => Promise<void>;
  drop: () => Promise<void>;
}

type Cloning = Git & { into: string; onLine: (line: string) => void };

const KEPT = 'clone.tar';
const SHARES = 'shares';
/** What is older is written anew by whoever has fetched the rest. */
const NEW_ENOUGH_MS = 24 * 60 * 60_000;
/** Whoever waits for their workspace waits for this too. */
const KEEP_TIMEOUT_MS = 30_000;
const GIVE_TIMEOUT_MS = 5 * 60_000;
/** Of the disk, below which nothing is kept. */
const MIN_FREE = 0.1;

/** In `dir`, the node's own: a node has one owner. */
export function createMirrors(dir: string): Mirrors {
  const root = join(dir, 'mirrors');
  let turn: Promise<unknown> = Promise.resolve();
  // One after the other: what goes with its last workspace is not what another one begins to share.
  const inTurn = (act: () => Promise<void>): Promise<void> => {
    const mine = turn.then(act);
    turn = mine.catch(() => undefined);
    return mine;
  };
  return {
    of(repository, workspace) {
      // A folder of the node is cloned as fast as a copy of it.
      if (!/^https?$/.test(protocolOf(repository) ?? '')) return undefined;
      const folder = join(root, createHash('sha256').update(repository).digest('hex').slice(0, 32));
      return {
        async give(clone) {
          await inTurn(() => share(folder, workspace));
          if (await unpack(folder, clone)) return true;
          await removeTree(clone.into);
          return false;
        },
        keep: (clone) => pack(folder, workspace, clone).catch(() => undefined),
        drop: () => rm(join(folder, KEPT), { force: true }),
      };
    },
    release: (workspace) =>
      inTurn(async () => {
        for (const name of await list(root)) await unshare(join(root, name), workspace);
      }),
  };
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    return [];
  });
}

async function share(folder: string, workspace: string): Promise<void> {
  await mkdir(join(folder, SHARES), { recursive: true, mode: 0o700 });
  await writeFile(join(folder, SHARES, workspace), '');
}

async function unshare(folder: string, workspace: string): Promise<void> {
  const shares = join(folder, SHARES);
  await rm(join(shares, workspace), { force: true });
  // Of an agent that was killed in the middle.
  await rm(unfinished(folder, workspace), { force: true });
  if ((await list(shares)).length === 0) await removeTree(folder);
}

/** What this workspace's clone makes; whoever clones once more begins it anew. */
const unfinished = (folder: string, workspace: string): string => join(folder, `${KEPT}.${workspace}`);

// --- from it ------------------------------------------------------------------------------------------------------

/** Whatever is wrong with it, or with the way to the remote: an ordinary clone says that better. */
async function unpack(folder: string, clone: Cloning): Promise<boolean> {
  const path = join(folder, KEPT);
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return false;
  const { repository, into, onLine } = clone;
  onLine('Cloning from what this node has of it.');
  const steps: (() => Promise<{ code: number | undefined }>)[] = [
    () => runGit(clone, ['init', '--quiet', '--', into]),
    () => tar(clone, ['-xf', '-'], { stdin: file.fd }, GIVE_TIMEOUT_MS),
    ...[
      ['url', repository],
      ['fetch', '+refs/heads/*:refs/remotes/origin/*'],
      ['promisor', 'true'],
      ['partialclonefilter', 'blob:none'],
    ].map(
      ([key = '', value = '']) =>
        () =>
          within(clone, ['config', '--local', `remote.origin.${key}`, value]),
    ),
    // Whoever may not read it any more gets nothing of it.
    () =>
      within(clone, [
        'fetch',
        '--progress',
        '--prune',
        '--prune-tags',
        '--tags',
        '--force',
        ...NO_GC,
        'origin',
      ]),
  ];
  try {
    for (const step of steps) {
      clone.signal?.throwIfAborted();
      if ((await step()).code !== 0) {
        await rm(path, { force: true });
        return false;
      }
    }
    // An empty one has none.
    await within({ ...clone, onLine: () => {} }, ['remote', 'set-head', 'origin', '--auto']);
    return true;
  } finally {
    await file.close();
  }
}

const NO_GC = ['--no-auto-maintenance'];

const within = (clone: Cloning, args: string[]) => runGit({ ...clone, cwd: clone.into }, args);

// --- into it ------------------------------------------------------------------------------------------------------

async function pack(folder: string, workspace: string, clone: Cloning): Promise<void> {
  const path = join(folder, KEPT);
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Infinity,
  );
  if (age < NEW_ENOUGH_MS || !(await isPartial(clone)) || !(await hasRoom(folder))) return;
  const made = unfinished(folder, workspace);
  const file = await open(made, 'w', 0o600);
  try {
    const names = ['objects', 'packed-refs', 'refs/remotes', 'refs/tags'];
    const { code } = await tar(clone, ['-cf', '-', ...names], { stdout: file.fd }, KEEP_TIMEOUT_MS);
    if (code === 0) await rename(made, path);
  } finally {
    await file.close();
    await rm(made, { force: true });
  }
}

/** What `unpack` says that it is. */
const isPartial = (clone: Cloning): Promise<boolean> =>
  ask(clone, clone.into, ['config', '--local', 'remote.origin.promisor']).then(
    (said) => said === 'true',
    () => false,
  );

async function hasRoom(folder: string): Promise<boolean> {
  const { bavail, blocks } = await statfs(folder);
  return bavail > blocks * MIN_FREE;
}

/** As the workspace's user, which enters its folder by itself, and has no way to the file but this one. */
const tar = (
  { into, user, signal, mark }: Cloning,
  args: string[],
  files: { stdin?: number; stdout?: number },
  timeoutMs: number,
) =>
  run('tar', args, {
    cwd: join(into, '.git'),
    env: { ...passedFrom(process.env, { isOther: user !== undefined }), ...mark, LC_ALL: 'C' },
    user,
    signal,
    timeoutMs,
    files,
  });
