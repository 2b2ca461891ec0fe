// Finds every repository and worktree that goes with a checkout: linked worktrees, submodules, clones in ignored folders,
// and what lies beside it. Reads only; knows no workspace and counts nothing.
import { lstat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ask, look, type Git } from './git.ts';
import { run } from '../system/run.ts';
import { HOME_FOLDER } from '../system/users.ts';

export interface Tree {
  /** Absolute. */
  dir: string;
  /** `dir`, as seen from the checkout; `.` is the checkout. */
  where: string;
  kind: 'checkout' | 'worktree' | 'submodule' | 'repository';
  gitDir: string;
  /** Of trees that share it, one has all refs and stashes: the first. */
  commonDir: string;
  /** Commits that came from a remote even where no branch of it holds them. */
  known: string[];
  /** A submodule of which only the git folder is left. */
  isBare?: boolean;
  /** There is something of git's that git cannot read. */
  isBroken?: boolean;
}

/** Some have a million files. */
const FIND_TIMEOUT_MS = 2 * 60_000;
/** Whatever else: nobody reads more. */
const MAX_TREES = 500;

/**
 * The checkout first, whatever lies in another after it. `known` are commits that came with the clone. What is ignored or
 * locked is found like the rest, but for other clones in `node_modules` and in the home folder. Throws if the checkout
 * itself cannot be read.
 */
export async function findTrees(git: Git, checkout: string, known: string[]): Promise<Tree[]> {
  const { dirs, bare } = await findGitFolders(git, checkout);
  const first = await readTree(git, checkout, checkout);
  if (first === undefined || first.isBroken === true) throw new Error('git: the checkout cannot be read');
  const trees: Tree[] = [{ ...first, kind: 'checkout', known }];
  const linked = await findLinked(git, checkout);
  for (const dir of [...new Set([...dirs, ...linked])].toSorted(byDepth)) {
    if (dir === checkout) continue;
    const tree = await readTree(git, checkout, dir);
    if (tree) trees.push(await classify(git, trees, tree));
  }
  const seen = new Set(trees.flatMap((tree) => [tree.gitDir, tree.commonDir]));
  for (const dir of bare.filter((path) => !seen.has(path)))
    trees.push({ ...placeOf(checkout, dir), kind: 'submodule', known: [], isBare: true });
  if (trees.length > MAX_TREES) throw new Error(`git: there are ${trees.length} repositories in one`);
  return trees;
}

const byDepth = (a: string, b: string): number =>
  a.split('/').length - b.split('/').length || (a < b ? -1 : 1);

const placeOf = (checkout: string, dir: string) => ({
  dir,
  where: relative(checkout, dir).replace(/^\.git\/modules\//, '') || '.',
  gitDir: dir,
  commonDir: dir,
});

/** What lies below the checkout and beside it, with a `.git`; and the git folders of submodules. */
async function findGitFolders(git: Git, checkout: string): Promise<{ dirs: string[]; bare: string[] }> {
  const root = dirname(checkout);
  const skipped = [HOME_FOLDER, '.clone', '.saving*'].flatMap((name) => ['-path', `${root}/${name}`, '-o']);
  // prettier-ignore
  const args = [
    '-P', root, '(', ...skipped, '-name', 'node_modules', '-o', '-path', '*/.git/objects', ')', '-prune',
    '-o', '-path', '*/.git/*', '-name', 'objects', '-print0', '-prune', '-o', '-name', '.git', '-print0',
  ];
  const outcome = await run('find', args, {
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    timeoutMs: FIND_TIMEOUT_MS,
    user: git.user,
    signal: git.signal,
  });
  // 1: there are folders that this user may not read. Nothing of theirs lies there.
  if (outcome.code === undefined || outcome.code > 1)
    throw new Error(`find: ${outcome.stderr.trim() || 'no answer in time'}`);
  const paths = outcome.stdout.split('\0').filter((path) => path !== '');
  return {
    dirs: paths.filter((path) => path.endsWith('/.git')).map((path) => dirname(path)),
    bare: paths
      .filter((path) => path.endsWith('/objects'))
      .map((path) => dirname(path))
      .filter((path) => path.includes('/modules/')),
  };
}

/** Worktrees of the checkout that lie with it where nobody looked. */
async function findLinked(git: Git, checkout: string): Promise<string[]> {
  const list = await ask(git, checkout, ['worktree', 'list', '--porcelain']);
  const paths = [...list.matchAll(/^worktree (.+)$/gm)].map(([, path = '']) => path);
  const found: string[] = [];
  for (const path of paths)
    if (path.startsWith(`${dirname(checkout)}/`) && (await exists(join(path, '.git')))) found.push(path);
  return found;
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** Undefined for what only has the name. */
async function readTree(git: Git, checkout: string, dir: string): Promise<Omit<Tree, 'kind'> | undefined> {
  const args = ['rev-parse', '--absolute-git-dir', '--git-common-dir'];
  const { code, stdout } = await look(git, dir, args);
  const place = { ...placeOf(checkout, dir), known: [] };
  const [gitDir = '', common = ''] = stdout.split('\n');
  if (code === 0) return { ...place, gitDir, commonDir: common.startsWith('/') ? common : join(dir, common) };
  const isLink = (await lstat(join(dir, '.git')).catch(() => undefined))?.isFile() ?? false;
  return isLink || (await exists(join(dir, '.git', 'objects'))) ? { ...place, isBroken: true } : undefined;
}

async function classify(git: Git, trees: Tree[], tree: Omit<Tree, 'kind'>): Promise<Tree> {
  const sibling = trees.find(({ commonDir }) => commonDir === tree.commonDir);
  if (sibling) {
    const kind = sibling.kind === 'checkout' ? 'worktree' : sibling.kind;
    return { ...tree, kind, known: sibling.known };
  }
  const parent = trees.findLast(({ dir, isBroken }) => isBroken !== true && tree.dir.startsWith(`${dir}/`));
  if (!parent) return { ...tree, kind: 'repository' };
  const path = relative(parent.dir, tree.dir);
  const entry = await look(git, parent.dir, ['ls-files', '--stage', '--', `:(literal)${path}`]);
  if (!entry.stdout.startsWith('160000 ')) return { ...tree, kind: 'repository' };
  const links = await Promise.all(
    parent.known.map((commit) => look(git, parent.dir, ['rev-parse', '--verify', '-q', `${commit}:${path}`])),
  );
  const known = links.map(({ stdout }) => stdout.trim()).filter((id) => id !== '');
  return { ...tree, kind: 'submodule', known };
}
