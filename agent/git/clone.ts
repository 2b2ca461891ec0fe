// A clone and what is checked out of it: a branch, a tag, a commit, or one commit as a branch. Knows no workspace.
import { WorkspaceError } from '../failure.ts';
import { explainGit } from './failures.ts';
import type { Mirror } from './mirrors.ts';
import { cloneSubmodules } from './submodules.ts';
import { ask, isValidRef, look, protocolOf, runGit, type Git } from './git.ts';
import type { Outcome } from '../system/run.ts';
import { removeTree } from '../system/trees.ts';

/** The newest by name; what lies before them is reached from them, or counts as work. */
const MAX_TAGS = 1_000;

export interface Clone extends Git {
  ref?: string | undefined;
  /** The commit to check out, whatever `ref` is at by now: as the branch of that name, or by itself. */
  commit?: string | undefined;
  /** A `ref` must lie on a branch or a tag: the commits of anybody's fork can be had by their ids, too. */
  isGuarded?: boolean | undefined;
  /** A folder that does not exist yet. A failure may leave half of it. */
  into: string;
  /** What the node has of it already; absent: nothing, or nothing for this code. */
  mirror?: Mirror | undefined;
  /** Progress, line by line. */
  onLine: (line: string) => void;
}

/**
 * Clones and checks out `commit`, or `ref`: a branch, a tag, a commit, or a full name such as `refs/pull/7/head`. All
 * branches come along; files of other commits are fetched when they are needed, where the host can do that. Submodules come
 * along where that needs no password of theirs. Runs no hooks, never asks anybody for a password but `helper`. Throws `WorkspaceError`.
 */
export async function cloneRepository(clone: Clone): Promise<void> {
  const { repository, ref } = clone;
  const protocol = protocolOf(repository);
  if (protocol === undefined)
    throw new WorkspaceError({ class: 'configuration', code: 'bad-repository', details: {} });
  if (ref !== undefined && !isValidRef(ref))
    throw new WorkspaceError({ class: 'configuration', code: 'bad-ref', details: { ref: shown(ref) } });
  if (clone.mirror && (await clone.mirror.give(clone))) await checkOutFrom(clone, clone.mirror);
  else await cloneAnew(clone, { isPartial: protocol !== 'file' });
  await clone.mirror?.keep(clone);
  await sayLargeFiles(clone);
  await cloneSubmodules(clone);
}

/** Where git-lfs is installed, the checkout has brought them; its filters are all that is kept of anybody's. */
async function sayLargeFiles(clone: Clone): Promise<void> {
  const named = ['grep', '--quiet', '-e', 'filter=lfs', '--', ':(glob)**/.gitattributes'];
  if ((await look(clone, clone.into, named)).code !== 0) return;
  const filter = await inside({ ...clone, onLine: () => {} }, ['config', 'filter.lfs.smudge']);
  if (filter.code === 0) return;
  clone.onLine(
    'Large files (Git LFS) are left as the small files that stand for them: this node has no git-lfs. Where the workspace has it: git lfs pull',
  );
}

async function cloneAnew(clone: Clone, { isPartial }: { isPartial: boolean }): Promise<void> {
  const { repository, ref, commit, into } = clone;
  const args = ['clone', '--progress', '--origin=origin', '--no-single-branch', '--no-recurse-submodules'];
  if (ref !== undefined || commit !== undefined) args.push('--no-checkout');
  const partial = isPartial ? ['--filter=blob:none'] : [];
  const tail = ['--', repository, into];
  let outcome = await runGit(clone, [...args, ...partial, ...tail]);
  if (outcome.code !== 0 && isPartial && /filter|promisor|dumb http/i.test(outcome.stderr)) {
    await removeTree(into);
    outcome = await runGit(clone, [...args, ...tail]);
  }
  if (outcome.code !== 0) throw explainGit(clone, outcome);
  await checkOutWanted(clone);
}

async function checkOutWanted(clone: Clone): Promise<void> {
  const { ref, commit } = clone;
  if (commit !== undefined) await checkOutCommit(clone, commit);
  else if (ref !== undefined) await checkOut(clone, await findTarget(clone, ref));
}

/** What is broken in it must not stand in the way of the next try. */
async function checkOutFrom(clone: Clone, mirror: Mirror): Promise<void> {
  try {
    if (clone.ref !== undefined || clone.commit !== undefined) return await checkOutWanted(clone);
    const { code, stdout } = await inside(clone, ['rev-parse', '--abbrev-ref', 'refs/remotes/origin/HEAD']);
    // One that is empty has no branch.
    if (code === 0) await checkOut(clone, await findTarget(clone, stdout.trim().replace(/^origin\//, '')));
  } catch (error) {
    await mirror.drop();
    throw error;
  }
}

/** Commits of tags that came with the clone and lie on no branch: they are nobody's work here. */
export async function findTags(git: Git, dir: string): Promise<string[]> {
  const off = new Set((await ask(git, dir, ['rev-list', '--tags', '--not', '--remotes'])).split('\n'));
  const format = '--format=%(objectname) %(*objectname)';
  const tags = (await ask(git, dir, ['for-each-ref', format, 'refs/tags'])).split('\n');
  return [...new Set(tags.map((tag) => tag.trim().split(' ').pop() ?? ''))]
    .filter((commit) => commit !== '' && off.has(commit))
    .slice(-MAX_TAGS);
}

async function checkOut(clone: Clone, target: string[]): Promise<void> {
  const outcome = await inside(clone, ['checkout', '--progress', ...target]);
  if (outcome.code !== 0) throw explainGit(clone, outcome);
}

const inside = (clone: Clone, args: string[]): Promise<Outcome> =>
  runGit({ ...clone, cwd: clone.into }, args);

async function has(clone: Clone, name: string): Promise<boolean> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`];
  return (await inside(clone, args)).code === 0;
}

const isCommitId = (text: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

// --- one commit, pinned -------------------------------------------------------------------------------------------

/** The branch may be elsewhere by now, or gone: what was asked for is this commit. */
async function checkOutCommit(clone: Clone, commit: string): Promise<void> {
  if (!(await has(clone, commit))) await fetchCommit(clone, commit);
  const { ref } = clone;
  if (ref === undefined || isCommitId(ref) || ref.startsWith('refs/'))
    return checkOut(clone, ['--detach', commit]);
  await checkOut(clone, ['-B', ref, '--no-track', commit]);
  if (!(await has(clone, `refs/remotes/origin/${ref}`))) return;
  const outcome = await inside(clone, [
    'branch',
    '--quiet',
    `--set-upstream-to=refs/remotes/origin/${ref}`,
    ref,
  ]);
  if (outcome.code !== 0) throw explainGit(clone, outcome);
}

async function fetchCommit(clone: Clone, commit: string): Promise<void> {
  const outcome = await fetch(clone, commit);
  if (outcome.code === 0) return;
  if (!/not our ref|unadvertised object|couldn't find remote ref/i.test(outcome.stderr))
    throw explainGit(clone, outcome);
  throw new WorkspaceError({ class: 'configuration', code: 'commit-gone', details: { commit } });
}

const fetch = (clone: Clone, name: string): Promise<Outcome> =>
  inside(clone, ['fetch', '--progress', '--no-tags', '--end-of-options', 'origin', name]);

// --- what a name means --------------------------------------------------------------------------------------------

/** The arguments of `git checkout`. What stands in them begins with a letter or a digit: no option comes through. */
async function findTarget(clone: Clone, ref: string): Promise<string[]> {
  if (!isCommitId(ref)) {
    const branch = `refs/remotes/origin/${ref}`;
    if (await has(clone, branch)) return ['-B', ref, '--track', branch];
    if (await has(clone, `refs/tags/${ref}`)) return ['--detach', `refs/tags/${ref}`];
    if (/^[0-9a-f]{7,}$/.test(ref) && (await has(clone, ref))) {
      // A mirror may have what lay on a branch once.
      if (clone.mirror && clone.isGuarded === true) await checkHeld(clone, ref, ref);
      return ['--detach', ref];
    }
  }
  if (isCommitId(ref) || ref.startsWith('refs/')) {
    const outcome = await fetch(clone, ref);
    if (outcome.code !== 0) throw explainGit(clone, outcome);
    if (clone.isGuarded === true) await checkHeld(clone, ref, 'FETCH_HEAD');
    return ['--detach', 'FETCH_HEAD'];
  }
  throw explainGit(clone, { stderr: `fatal: Remote branch ${ref} not found in upstream origin` });
}

/** Throws if the commit lies on no branch and no tag of the repository itself. */
async function checkHeld(clone: Clone, ref: string, commit: string): Promise<void> {
  const args = ['for-each-ref', '--count=1', `--contains=${commit}`, 'refs/remotes/origin', 'refs/tags'];
  const outcome = await inside(clone, args);
  if (outcome.code === 0 && outcome.stdout.trim() !== '') return;
  throw new WorkspaceError({ class: 'configuration', code: 'loose-commit', details: { ref: shown(ref) } });
}

function shown(text: string): string {
  return text.replace(/[^\x21-\x7e]|`/g, '?').slice(0, 80);
}
