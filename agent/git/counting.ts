// Counts what would be lost with a checkout, in every tree that goes with it, whatever people told git to overlook. Changes
// nothing; knows no workspace.
import { dirname, join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { Work, WorkPlace } from '../protocol.ts';
import { ask, look, readConfiguration, type Git } from './git.ts';
import { runAs, withScratch, type Scratch } from './scratch.ts';
import { findTrees, type Tree } from './trees.ts';

/** What came with the clone though no branch of the remote holds it. */
export interface Origin {
  /** The commit that Sam checked out. */
  base?: string | undefined;
  /** Those of tags. Undefined: nobody wrote them down, so any tag counts as the remote's. */
  tags?: string[] | undefined;
}

export interface Counted {
  tree: Tree;
  tips: Tips;
  changed: number;
  untracked: number;
  unpushed: number;
}

const MAX_PLACES = 50;
const NOTHING = { changed: 0, untracked: 0, unpushed: 0 };

/**
 * What would be lost with the checkout: in it, in its worktrees and submodules, in clones below and beside it. Throws when
 * git cannot say: nobody may take that for "nothing".
 */
export async function countWork(git: Git, dir: string, origin: Origin): Promise<Work> {
  return sum(await countTrees(git, dir, origin));
}

export function sum(counted: readonly Omit<Counted, 'tips'>[]): Work {
  const total = (key: keyof typeof NOTHING) => counted.reduce((all, one) => all + one[key], 0);
  const places = counted.flatMap(({ tree, changed, untracked, unpushed }): WorkPlace[] =>
    tree.kind === 'checkout' || changed + untracked + unpushed === 0
      ? []
      : [{ where: shown(tree.where), kind: tree.kind, changed, untracked, unpushed }],
  );
  return {
    changed: total('changed'),
    untracked: total('untracked'),
    unpushed: total('unpushed'),
    ...(places.length > 0 && { places: places.slice(0, MAX_PLACES) }),
  };
}

/** It is shown to people, among other words. */
const shown = (path: string): string => path.replace(/[^\p{L}\p{N}\w./+ -]/gu, '?').slice(-200);

/** Of each tree what is not counted in an earlier one. */
export async function countTrees(git: Git, dir: string, { base, tags }: Origin): Promise<Counted[]> {
  const known = [base, ...(tags ?? [])].filter((commit) => commit !== undefined);
  const trees = await findTrees(git, dir, known);
  const scratch = join(dirname(dir), `.saving-${randomBytes(6).toString('hex')}`);
  const counted: Counted[] = [];
  for (const tree of trees) {
    const tips = await findTips(git, tree);
    const files =
      tree.isBare === true || tree.isBroken === true ? NOTHING : await countFiles(git, tree, scratch);
    const isLost = tree.isBroken === true || (tips.isUnfinished && files.changed === 0);
    // What is half done, or cannot be read, is work even if no file shows it.
    counted.push({
      tree,
      tips,
      ...files,
      changed: files.changed || Number(isLost),
      unpushed: tips.autostashes.length,
    });
  }
  for (const commonDir of new Set(trees.map((tree) => tree.commonDir)))
    // Of a worktree whose repository lies elsewhere only the files go.
    if (commonDir.startsWith(`${dirname(dir)}/`))
      await countCommits(
        git,
        counted.filter(({ tree }) => tree.commonDir === commonDir),
        dir,
        tags !== undefined,
      );
  return counted;
}

async function countFiles(git: Git, { dir }: Tree, path: string): Promise<typeof NOTHING> {
  const status = await withScratch(git, dir, path, (scratch) => readStatus(git, dir, scratch));
  const untracked = status.filter((entry) => entry.startsWith('? ')).length;
  return { changed: status.length - untracked, untracked, unpushed: 0 };
}

/** Of submodules only which commit is checked out: they are trees of their own. */
async function readStatus(git: Git, dir: string, scratch: Scratch): Promise<string[]> {
  const head = await look(git, dir, ['rev-parse', '--verify', '-q', 'HEAD^{commit}']);
  if (head.code === 0) await scratch.git(['update-ref', '--no-deref', 'HEAD', head.stdout.trim()]);
  const how = ['--porcelain=v2', '-z', '--no-renames', '--ignore-submodules=dirty', '--untracked-files=all'];
  return (await scratch.git(['status', ...how])).split('\0').filter((entry) => entry !== '');
}

/** What of a tree's commits no branch needs to hold. */
export interface Tips {
  head: string | undefined;
  /** Of a merge, rebase, cherry-pick or bisect in the middle, and other refs of this tree alone. */
  commits: string[];
  /** Changes that a merge or rebase put aside, as a stash does. */
  autostashes: string[];
  isUnfinished: boolean;
}

const COMMITS =
  'MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD REBASE_HEAD BISECT_HEAD rebase-merge/orig-head rebase-merge/stopped-sha rebase-apply/orig-head sequencer/head';
const AUTOSTASHES = 'MERGE_AUTOSTASH rebase-merge/autostash rebase-apply/autostash';
const UNFINISHED = 'MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD BISECT_LOG rebase-merge rebase-apply sequencer';

/** `c` and `a` with the ids that stand in files of git's own, `u` for what is unfinished. */
const READ = `cd -- "$1" || exit
for name in ${COMMITS}; do [ -f "$name" ] && echo "c $(head -c 4096 -- "$name" | tr '\\n' ' ')"; done
for name in ${AUTOSTASHES}; do [ -f "$name" ] && echo "a $(head -c 4096 -- "$name" | tr '\\n' ' ')"; done
for name in ${UNFINISHED}; do [ -e "$name" ] && echo u; done
true`;

async function findTips(git: Git, { dir, gitDir, isBroken }: Tree): Promise<Tips> {
  const nothing = { head: undefined, commits: [], autostashes: [], isUnfinished: false };
  if (isBroken === true) return nothing;
  const head = await look(git, dir, ['rev-parse', '--verify', '-q', 'HEAD^{commit}'], gitDir);
  const lines = (await runAs(git, 'sh', ['-c', READ, 'sam', gitDir])).split('\n');
  const idsAfter = (letter: string) =>
    lines
      .filter((line) => line.startsWith(letter))
      .flatMap((line) => line.match(/\b[0-9a-f]{40}(?:[0-9a-f]{24})?\b/g) ?? []);
  const own = ['--format=%(objectname)', 'refs/bisect', 'refs/worktree', 'refs/rewritten'];
  const refs = await ask(git, dir, ['for-each-ref', ...own], gitDir);
  return {
    head: head.code === 0 ? head.stdout.trim() : undefined,
    commits: [...idsAfter('c '), ...refs.split('\n').filter(Boolean)],
    autostashes: idsAfter('a '),
    isUnfinished: lines.includes('u'),
  };
}

async function countStashes(git: Git, dir: string, gitDir: string): Promise<number> {
  const isThere = await look(git, dir, ['rev-parse', '--verify', '-q', 'refs/stash'], gitDir);
  if (isThere.code !== 0) return 0;
  // Without its log there is the last one all the same.
  return Math.max(1, Number(await ask(git, dir, ['rev-list', '-g', '--count', 'refs/stash', '--'], gitDir)));
}

/** Of trees that share their commits. Adds to each what is in its own tips alone, and to the first everything else. */
async function countCommits(git: Git, counted: Counted[], checkout: string, hasTags: boolean): Promise<void> {
  const [first, ...others] = counted;
  if (!first || first.tree.isBroken === true) return;
  const { tree } = first;
  const not = await findRemote(git, tree, checkout, hasTags && tree.kind === 'checkout');
  const earlier = [first.tips.head].filter((head) => head !== undefined);
  let shared = 0;
  for (const one of others) {
    const ids = idsOf(one);
    const own = await countReachable(git, tree, ids, [...not, ...earlier]);
    one.unpushed += own;
    shared += own;
    earlier.push(...ids);
  }
  const tags = hasTags && tree.kind === 'checkout' ? [] : ['--exclude=refs/tags/*'];
  const all = [...NO_WORK.map((refs) => `--exclude=${refs}`), ...tags, '--all', ...counted.flatMap(idsOf)];
  first.unpushed += (await countReachable(git, tree, all, not)) - shared;
  first.unpushed += await countStashes(git, tree.dir, tree.gitDir);
}

/** Of all refs those that say what a remote has, and stashes, which are counted as such. */
export const NO_WORK = ['refs/remotes/*', 'refs/prefetch/*', 'refs/stash'];

const idsOf = ({ tips }: Counted): string[] =>
  [tips.head, ...tips.commits].filter((commit) => commit !== undefined);

async function countReachable(
  git: Git,
  { dir, gitDir }: Tree,
  tips: string[],
  not: string[],
): Promise<number> {
  const args = ['rev-list', '--count', '--ignore-missing', ...tips, '--not', ...not];
  return Number(await ask(git, dir, args, gitDir));
}

/** What a remote has, as arguments of `rev-list` behind `--not`. A remote that lies in the checkout goes with it. */
export async function findRemote(
  git: Git,
  tree: Tree,
  checkout: string,
  hasTags: boolean,
): Promise<string[]> {
  const { dir, gitDir, known } = tree;
  const { stdout } = await readConfiguration(git, dir, ['-z', '--get-regexp', '^remote\\..*\\.url$'], gitDir);
  const near = stdout.split('\0').flatMap((entry) => {
    const [, name = '', url = ''] = /^remote\.(.*)\.url\n(.*)$/s.exec(entry) ?? [];
    const path = URL.canParse(url) ? url.replace(/^file:\/\//, '') : resolve(dir, url);
    return path.startsWith(`${checkout}/`) ? [`--exclude=${name}/*`] : [];
  });
  const tags = hasTags ? [] : ['--tags'];
  return [...near, '--remotes', '--glob=refs/prefetch/*', ...tags, ...known];
}
