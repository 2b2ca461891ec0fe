// Makes commits of what a checkout holds, beside it: its index, files and configuration stay as they are. Pushes nothing.
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { environment, findHead, look, SETTINGS, type Git } from './git.ts';
import { run } from '../system/run.ts';

export interface Saving extends Git {
  /** The workspace's. */
  id: string;
  name: string;
  checkout: string;
  /** The commit that Sam checked out. */
  base: string | undefined;
  /** A bare repository for the time of the saving; made here. */
  scratch: string;
}

/** What no commit may hold: files in submodules that changed, and new files that lie in a stash. */
export interface Unsaveable {
  changed: number;
  untracked: number;
}

const WRITE_TIMEOUT_MS = 5 * 60_000;
const SAM = { name: 'Sam', email: 'sam@sam.invalid' };

/**
 * The commit from which everything can be reached that a delete would lose, but for files that git does not track: they
 * may be secrets. It is HEAD with all changes to tracked files on top (the index as a second parent where it differs).
 * With more that is unpushed it is a merge of that and the tips of branches and stashes, whose message names them all.
 * Throws when git fails.
 *
 * Nothing of the checkout's own configuration runs. The commits are made in a repository of their own that borrows the
 * objects: no hook, filter or file system monitor that is configured there is started. So a large file that Git
 * LFS keeps elsewhere is saved as itself where it was changed.
 */
export async function commitWork(saving: Saving): Promise<{ commit: string; left: Unsaveable }> {
  await makeScratch(saving);
  const head = await findHead(saving, saving.checkout);
  const submodules = await countSubmodules(saving, head);
  const state = await commitState(saving, head);
  const branches = await findUnpushedBranches(saving, head);
  const stashes = await commitStashes(saving);
  const others = [...branches, ...stashes.tips].filter(({ commit }) => commit !== state);
  const left = { changed: submodules, untracked: stashes.untracked };
  if (others.length === 0) return { commit: state, left };
  const commits = [...new Set([state, ...others.map(({ commit }) => commit)])];
  const named = commits.map((commit, index) => {
    const names = others.filter((tip) => tip.commit === commit).map((tip) => tip.what);
    return `- FETCH_HEAD^${index + 1}: ${index === 0 ? 'what was checked out, with its changes' : names.join(', ')}`;
  });
  const message = `Everything unpushed of ${saving.name}\n\nSam saved this before it deleted ${saving.id}:\n${named.join('\n')}`;
  return { commit: await commitTree(saving, `${state}^{tree}`, commits, message), left };
}

/** Borrows the objects, copies the index; takes of the configuration only what says how files become blobs. */
async function makeScratch(saving: Saving): Promise<void> {
  const { checkout, scratch } = saving;
  const [format = '', objects = '', gitDir = ''] = (
    await read(saving, ['rev-parse', '--show-object-format', '--git-path', 'objects', '--absolute-git-dir'])
  ).split('\n');
  const init = ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, scratch];
  await write(saving, init, { isNew: true });
  const alternates = join(scratch, 'objects', 'info', 'alternates');
  await runAs(saving, 'sh', [
    '-c',
    'printf "%s\\n" "$1" >"$2"',
    'sam',
    resolve(checkout, objects),
    alternates,
  ]);
  const names = (await readdir(gitDir)).filter((name) => /^(index|shallow|sharedindex\..*)$/.test(name));
  // With its times: the index's age tells a file that was changed in the very moment in which it was written.
  const files = names.map((name) => join(gitDir, name));
  if (files.length > 0) await runAs(saving, 'cp', ['--preserve=timestamps', '--', ...files, scratch]);
}

/**
 * By the workspace's own user, who says where its git folder is and may put links into the scratch repository: nothing
 * comes along that this user may not read, and nothing is written that they may not write.
 */
async function runAs({ user, signal }: Saving, file: string, args: string[]): Promise<void> {
  const { code, stderr } = await run(file, args, {
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    timeoutMs: WRITE_TIMEOUT_MS,
    signal,
    user,
  });
  if (code !== 0) throw new Error(`${file}: ${stderr.trim() || 'no answer in time'}`);
}

/** HEAD itself if nothing is changed. */
async function commitState(saving: Saving, head: string | undefined): Promise<string> {
  const parents = head === undefined ? [] : [head];
  const before = head && (await write(saving, ['rev-parse', `${head}^{tree}`]));
  // Unresolved conflicts make no tree; the files with their marks do.
  const staged = await write(saving, ['write-tree', '--missing-ok']).catch(() => undefined);
  await write(saving, [...(await findConversions(saving)), 'add', '--update', '--', '.']);
  const tree = await write(saving, ['write-tree', '--missing-ok']);
  if (staged !== undefined && staged !== before && staged !== tree)
    parents.push(await commitTree(saving, staged, parents.slice(), `The index of ${saving.name}`));
  if (head !== undefined && tree === before && parents.length === 1) return head;
  const message = `Uncommitted changes of ${saving.name}\n\nSam saved this before it deleted ${saving.id}.`;
  return commitTree(saving, tree, parents, message);
}

const CONVERSIONS = '^core\\.(filemode|symlinks|ignorecase|autocrlf|eol)$';

/** Without them every file could look changed. They run nothing. */
async function findConversions(saving: Saving): Promise<string[]> {
  const found = await read(saving, ['config', '-z', '--get-regexp', CONVERSIONS]).catch(() => '');
  return found
    .split('\0')
    .filter((entry) => /^core\.[a-z]+\n\w+$/.test(entry))
    .flatMap((entry) => ['-c', entry.replace('\n', '=')]);
}

interface Tip {
  commit: string;
  what: string;
}

async function findUnpushedBranches(saving: Saving, head: string | undefined): Promise<Tip[]> {
  const known = [saving.base, head].filter((commit) => commit !== undefined);
  const not = ['--not', '--remotes', ...known];
  const unpushed = await read(saving, ['rev-list', '--ignore-missing', '--branches', ...not]);
  const commits = new Set(unpushed.split('\n'));
  const refs = await read(saving, ['for-each-ref', '--format=%(objectname) %(refname:short)', 'refs/heads']);
  return refs
    .split('\n')
    .map((line) => ({ commit: line.split(' ')[0] ?? '', what: `branch ${line.split(' ')[1]}` }))
    .filter(({ commit }) => commits.has(commit));
}

/** `stash -u` keeps new files in a third parent: that one is left out. */
async function commitStashes(saving: Saving): Promise<{ tips: Tip[]; untracked: number }> {
  const list = await read(saving, ['stash', 'list', '--format=%H %P']);
  const tips: Tip[] = [];
  let untracked = 0;
  for (const [index, line] of list.split('\n').filter(Boolean).entries()) {
    const [stash = '', base = '', staged = '', files] = line.split(' ');
    const what = `stash@{${index}}`;
    if (files === undefined) {
      tips.push({ commit: stash, what });
      continue;
    }
    const names = await read(saving, ['ls-tree', '-r', '-z', '--name-only', files]);
    untracked += names.split('\0').filter(Boolean).length;
    const message = `${what} of ${saving.name}, without its new files`;
    tips.push({ commit: await commitTree(saving, `${stash}^{tree}`, [base, staged], message), what });
  }
  return { tips, untracked };
}

/** What changed in a submodule is a repository of its own, of which a commit here holds nothing. */
async function countSubmodules(saving: Saving, head: string | undefined): Promise<number> {
  if (head !== undefined) await write(saving, ['update-ref', '--no-deref', 'HEAD', head]);
  const look = ['status', '--porcelain=v2', '-z', '--untracked-files=no', '--no-renames'];
  const status = await write(saving, [...(await findConversions(saving)), ...look]);
  return status.split('\0').filter((entry) => /^[12u] \S+ S/.test(entry)).length;
}

function commitTree(saving: Saving, tree: string, parents: string[], message: string): Promise<string> {
  const among = parents.flatMap((parent) => ['-p', parent]);
  return write(saving, ['commit-tree', '--no-gpg-sign', tree, ...among, '-m', message]);
}

/** Asks the checkout. */
async function read(saving: Saving, args: string[]): Promise<string> {
  const outcome = await look(saving, saving.checkout, args);
  if (outcome.code !== 0)
    throw new Error(`git: read for saving: ${outcome.stderr.trim() || 'no answer in time'}`);
  return outcome.stdout.trimEnd();
}

/** Writes into the scratch repository, without any user's configuration. */
async function write(saving: Saving, args: string[], { isNew = false } = {}): Promise<string> {
  const { checkout, scratch, signal } = saving;
  const outcome = await run('git', [...SETTINGS, ...args], {
    cwd: checkout,
    env: {
      ...environment(saving),
      ...IDENTITY,
      ...(isNew ? {} : { GIT_DIR: scratch, GIT_WORK_TREE: checkout, GIT_INDEX_FILE: join(scratch, 'index') }),
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_NO_LAZY_FETCH: '1',
    },
    timeoutMs: WRITE_TIMEOUT_MS,
    signal,
    user: saving.user,
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
