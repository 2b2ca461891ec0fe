// Makes commits of what a checkout and its worktrees hold, beside them: their index, files and configuration stay as they
// are. Pushes nothing.
import { join } from 'node:path';
import { findRemote, NO_WORK, type Counted } from './counting.ts';
import { ask, type Git } from './git.ts';
import { openScratch, type Scratch } from './scratch.ts';
import type { Tree } from './trees.ts';

export interface Saving extends Git {
  /** The workspace's. */
  id: string;
  name: string;
  checkout: string;
  /** The commit that Sam checked out. */
  base: string | undefined;
  /** Commits of tags that came with the clone; undefined: all tags did. */
  tags?: string[] | undefined;
  /** A bare repository for the time of the saving; made here. */
  scratch: string;
}

interface Tip {
  commit: string;
  what: string;
}

/**
 * The commit from which everything can be reached that a delete would lose of the repository, but for files that git does
 * not track: they may be secrets. It is HEAD with all changes to tracked files on top (the index as a second parent where
 * it differs). With more that is unpushed it is a merge of that and of worktrees, refs and stashes, whose message names
 * them all. `untracked`: new files that lie in a stash. Throws when git fails.
 *
 * Nothing of the checkout's own configuration runs. The commits are made in a repository of their own that borrows the
 * objects: no hook, filter or file system monitor that somebody configured there is started. So a large file that Git
 * LFS keeps elsewhere is saved as itself where it was changed.
 */
export async function commitWork(
  saving: Saving,
  counted: Counted[],
): Promise<{ commit: string; untracked: number }> {
  const scratch = await openScratch(saving, saving.checkout, saving.scratch);
  const [first, ...others] = counted.filter(({ tree }) => isSaved(tree));
  if (!first) throw new Error('git: there is no checkout to save');
  const state = await commitState(saving, scratch, first);
  const tips = await commitWorktrees(saving, others);
  const refs = await findUnpushed(saving, first, counted);
  const stashes = await commitStashes(saving, scratch, counted);
  const all = [...tips, ...refs, ...stashes.tips].filter(({ commit }) => commit !== state);
  if (all.length === 0) return { commit: state, untracked: stashes.untracked };
  const commits = [...new Set([state, ...all.map(({ commit }) => commit)])];
  const named = commits.map((commit, index) => {
    const names = all.filter((tip) => tip.commit === commit).map((tip) => tip.what);
    return `- FETCH_HEAD^${index + 1}: ${index === 0 ? 'what was checked out, with its changes' : names.join(', ')}`;
  });
  const message = `Everything unpushed of ${saving.name}\n\nSam saved this before it deleted ${saving.id}:\n${named.join('\n')}`;
  const commit = await commitTree(scratch, `${state}^{tree}`, commits, message);
  return { commit, untracked: stashes.untracked };
}

/** What lies in another repository has its own remote, which is not ours to push to. */
export const isSaved = ({ kind, isBroken }: Tree): boolean =>
  isBroken !== true && (kind === 'checkout' || kind === 'worktree');

/** HEAD itself if nothing is changed. */
async function commitState(saving: Saving, scratch: Scratch, { tips: { head } }: Counted): Promise<string> {
  const parents = head === undefined ? [] : [head];
  const before = head && (await scratch.git(['rev-parse', `${head}^{tree}`]));
  // Unresolved conflicts make no tree; the files with their marks do.
  const staged = await scratch.git(['write-tree', '--missing-ok']).catch(() => undefined);
  await scratch.git(['add', '--update', '--', '.']);
  const tree = await scratch.git(['write-tree', '--missing-ok']);
  if (staged !== undefined && staged !== before && staged !== tree)
    parents.push(await commitTree(scratch, staged, parents.slice(), `The index of ${saving.name}`));
  if (head !== undefined && tree === before && parents.length === 1) return head;
  const message = `Uncommitted changes of ${saving.name}\n\nSam saved this before it deleted ${saving.id}.`;
  return commitTree(scratch, tree, parents, message);
}

/** Only those that have something to save. */
async function commitWorktrees(saving: Saving, worktrees: Counted[]): Promise<Tip[]> {
  const tips: Tip[] = [];
  for (const [index, one] of worktrees.entries()) {
    const { dir, where } = one.tree;
    if (one.changed + one.unpushed === 0) continue;
    const written = join(saving.scratch, 'objects');
    const scratch = await openScratch(saving, dir, join(saving.scratch, `tree-${index}`), written);
    tips.push({ commit: await commitState(saving, scratch, one), what: `worktree ${where}` });
  }
  return tips;
}

/** Refs, and what a merge or rebase in the middle knows, as far as no remote has it. */
async function findUnpushed(saving: Saving, { tree }: Counted, counted: Counted[]): Promise<Tip[]> {
  const { checkout, tags } = saving;
  const found: Tip[] = counted
    .filter((one) => isSaved(one.tree))
    .flatMap(({ tips, tree: { where } }) =>
      tips.commits.map((commit) => ({ commit, what: `unfinished in ${where}` })),
    );
  const not = await findRemote(saving, tree, checkout, tags !== undefined);
  const heads = counted.flatMap((one) => (isSaved(one.tree) ? [one.tips.head ?? []].flat() : []));
  const hidden = NO_WORK.map((refs) => `--exclude=${refs}`);
  const all = [...hidden, '--all', ...found.map(({ commit }) => commit)];
  // What is checked out is saved with its changes.
  const args = ['rev-list', '--ignore-missing', ...all, '--not', ...not, ...heads];
  const unpushed = new Set((await ask(saving, checkout, args)).split('\n'));
  const format = '--format=%(refname) %(objectname) %(*objectname)';
  const refs = await ask(saving, checkout, ['for-each-ref', format]);
  for (const line of refs.split('\n').filter((one) => !/^refs\/(remotes|prefetch|stash)\b/.test(one))) {
    const [name = '', id = '', peeled] = line.split(' ');
    const short = name.replace(/^refs\/heads\//, 'branch ').replace(/^refs\/tags\//, 'tag ');
    found.push({ commit: peeled || id, what: short });
  }
  return found.filter(({ commit }) => unpushed.has(commit));
}

/** `stash -u` keeps new files in a third parent: that one is left out. */
async function commitStashes(
  saving: Saving,
  scratch: Scratch,
  counted: Counted[],
): Promise<{ tips: Tip[]; untracked: number }> {
  const list = await ask(saving, saving.checkout, ['stash', 'list', '--format=%H']);
  const last = await ask(saving, saving.checkout, ['for-each-ref', '--format=%(objectname)', 'refs/stash']);
  const stashes = (list === '' ? last : list).split('\n').filter(Boolean);
  const aside = counted.flatMap(({ tree, tips: { autostashes } }) => (isSaved(tree) ? autostashes : []));
  const tips: Tip[] = [];
  let untracked = 0;
  for (const [index, stash] of [...stashes, ...aside].entries()) {
    const what = index < stashes.length ? `stash@{${index}}` : 'autostash';
    const parents = await ask(saving, saving.checkout, ['rev-list', '-1', '--parents', stash, '--']);
    const [, base = '', staged = '', files] = parents.split(' ');
    if (files === undefined) {
      tips.push({ commit: stash, what });
      continue;
    }
    const names = await ask(saving, saving.checkout, ['ls-tree', '-r', '-z', '--name-only', files]);
    untracked += names.split('\0').filter(Boolean).length;
    const message = `${what} of ${saving.name}, without its new files`;
    tips.push({ commit: await commitTree(scratch, `${stash}^{tree}`, [base, staged], message), what });
  }
  return { tips, untracked };
}

function commitTree(scratch: Scratch, tree: string, parents: string[], message: string): Promise<string> {
  const among = parents.flatMap((parent) => ['-p', parent]);
  return scratch.git(['commit-tree', '--no-gpg-sign', tree, ...among, '-m', message]);
}
