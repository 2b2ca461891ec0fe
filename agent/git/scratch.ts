// A bare repository beside a checkout, for a short time: it borrows its objects and has a copy of its index. What is asked
// of it knows nobody's configuration: no hook, filter or monitor runs, and no flag says what to overlook. Knows no workspace.
import { lstat, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ask, BLIND, environment, readConfiguration, SETTINGS, type Git } from './git.ts';
import { run } from '../system/run.ts';
import { removeTree } from '../system/trees.ts';

const TIMEOUT_MS = 5 * 60_000;
/** A command line has an end. */
const PATHS_AT_ONCE = 500;
const SAM = { name: 'Sam', email: 'sam@sam.invalid' };

export interface Scratch {
  path: string;
  /** Git on the checkout's files, with the copy of its index; throws where it fails. */
  git: (args: string[], variables?: Record<string, string>) => Promise<string>;
}

/**
 * `path` does not exist yet, and is for the caller to remove; best on the checkout's own disk, whose ways with file modes
 * git finds out there. Objects are written to `written`. Throws when git fails.
 */
export async function openScratch(
  git: Git,
  dir: string,
  path: string,
  written: string = join(path, 'objects'),
): Promise<Scratch> {
  const places = ['--git-path', 'objects', '--git-path', 'info/exclude', '--absolute-git-dir'];
  const [format = '', objects = '', exclude = '', gitDir = ''] = (
    await ask(git, dir, ['rev-parse', '--show-object-format', ...places])
  ).split('\n');
  const init = ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, path];
  await runGitIn(git, dir, {}, init);
  const names = (await readdir(gitDir)).filter((name) => /^(index|shallow|sharedindex\..*)$/.test(name));
  const files = names.map((name) => join(gitDir, name));
  await runAs(git, 'sh', ['-c', FILL, 'sam', path, resolve(dir, objects), resolve(dir, exclude), ...files]);
  const settings = await findConversions(git, dir);
  const variables = {
    GIT_DIR: path,
    GIT_WORK_TREE: dir,
    GIT_INDEX_FILE: join(path, 'index'),
    GIT_OBJECT_DIRECTORY: written,
  };
  const scratch: Scratch = {
    path,
    git: (args, more) => runGitIn(git, dir, { ...variables, ...more }, [...settings, ...args]),
  };
  await showEverything(scratch, dir);
  return scratch;
}

// The index with its times: its age tells a file that was changed in the very moment in which it was written.
const FILL = `set -e; to=$1 objects=$2 exclude=$3; shift 3
printf '%s\\n' "$objects" >"$to/objects/info/alternates"
if [ -f "$exclude" ]; then mkdir -p "$to/info"; cp -- "$exclude" "$to/info/exclude"; fi
if [ $# -gt 0 ]; then cp --preserve=timestamps -- "$@" "$to"; fi`;

/** Opens one for as long as `use` takes. */
export async function withScratch<T>(
  git: Git,
  dir: string,
  path: string,
  use: (scratch: Scratch) => Promise<T>,
  written?: string,
): Promise<T> {
  try {
    return await use(await openScratch(git, dir, path, written));
  } finally {
    await removeTree(path);
  }
}

/** Files that git does not know, and is not told to ignore; no repositories. */
export async function listNew({ git }: Scratch): Promise<string[]> {
  const listed = await git(['ls-files', '--others', '--exclude-standard', '-z']);
  return listed.split('\0').filter((name) => name !== '' && !name.endsWith('/'));
}

/** Into the copy of the index. */
export async function addFiles({ git }: Scratch, names: string[], options: string[] = []): Promise<void> {
  for (const paths of inParts(names)) await git(['--literal-pathspecs', 'add', ...options, '--', ...paths]);
}

/**
 * By the workspace's own user, who says where its git folder is and may put links into the scratch repository: nothing
 * comes along that this user may not read, and nothing is written that they may not write.
 */
export async function runAs({ user, signal }: Git, file: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, {
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    timeoutMs: TIMEOUT_MS,
    signal,
    user,
  });
  if (code !== 0) throw new Error(`${file}: ${stderr.trim() || 'no answer in time'}`);
  return stdout;
}

async function runGitIn(
  git: Git,
  dir: string,
  variables: Record<string, string>,
  args: string[],
): Promise<string> {
  const outcome = await run('git', [...SETTINGS, ...args], {
    cwd: dir,
    env: { ...environment(git), ...BLIND, ...IDENTITY, ...variables },
    timeoutMs: TIMEOUT_MS,
    signal: git.signal,
    user: git.user,
  });
  if (outcome.code !== 0) throw new Error(`git: ${args[0]}: ${outcome.stderr.trim() || 'no answer in time'}`);
  return outcome.stdout.trimEnd();
}

const IDENTITY = {
  GIT_AUTHOR_NAME: SAM.name,
  GIT_AUTHOR_EMAIL: SAM.email,
  GIT_COMMITTER_NAME: SAM.name,
  GIT_COMMITTER_EMAIL: SAM.email,
};

const CONVERSIONS = '^core\\.(autocrlf|eol|excludesfile)$';

/** Without them every file could look changed, or new. They run nothing, and hide no more than the ends of lines. */
async function findConversions(git: Git, dir: string): Promise<string[]> {
  const { stdout } = await readConfiguration(git, dir, ['-z', '--get-regexp', CONVERSIONS]);
  return stdout
    .split('\0')
    .filter((entry) => /^core\.[a-z]+\n./.test(entry))
    .flatMap((entry) => ['-c', entry.replace('\n', '=')]);
}

/** What people told git to overlook is looked at all the same; of a sparse checkout what is there. */
async function showEverything(scratch: Scratch, dir: string): Promise<void> {
  const flagged = (await scratch.git(['ls-files', '-v', '-z']))
    .split('\0')
    .filter((entry) => /^[a-zS] /.test(entry))
    .map((entry) => ({ tag: entry.slice(0, 1), path: entry.slice(2) }));
  const unwatched = flagged.filter(({ tag }) => tag !== 'S').map(({ path }) => path);
  const skipped = flagged.filter(({ tag }) => tag.toUpperCase() === 'S').map(({ path }) => path);
  for (const paths of inParts(unwatched))
    await scratch.git(['update-index', '--no-assume-unchanged', '--', ...paths]);
  for (const paths of inParts(skipped)) {
    const found = await Promise.all(paths.map((path) => lstat(join(dir, path)).catch(() => undefined)));
    const present = paths.filter((_, index) => found[index] !== undefined);
    if (present.length > 0) await scratch.git(['update-index', '--no-skip-worktree', '--', ...present]);
  }
}

/** For command lines, which have an end. */
export const inParts = (paths: string[]): string[][] =>
  Array.from({ length: Math.ceil(paths.length / PATHS_AT_ONCE) }, (_, part) =>
    paths.slice(part * PATHS_AT_ONCE, (part + 1) * PATHS_AT_ONCE),
  );
