// Work is found wherever it lies with a checkout, whatever git was told to overlook; and saved, where it may be: real git.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cloneRepository, findTags } from '../../../agent/git/clone.ts';
import { countWork } from '../../../agent/git/counting.ts';
import { saveWork } from '../../../agent/git/saving.ts';
import { git, makeRepository } from '../../testers/node.ts';

const NOTHING = { changed: 0, untracked: 0, unpushed: 0 };

async function openCheckout() {
  const folder = mkdtempSync(join(tmpdir(), 'sam-counting-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const remote = makeRepository(join(folder, 'remote', 'api.git'));
  const off = remote.commit({ 'released.txt': '1\n' }, 'release');
  git(remote.path, 'tag', '-m', 'one', 'v1', off);
  git(remote.path, 'branch', '-D', 'release');
  remote.commit({ 'a.txt': 'a\n', 'b.txt': 'b\n', '.gitignore': '.worktrees/\nvendor/\n' });
  const dir = join(folder, 'workspace', 'api');
  mkdirSync(join(folder, 'workspace'));
  const asked = { repository: remote.url, mark: {} };
  await cloneRepository({ ...asked, into: dir, onLine: () => {} });
  const base = git(dir, 'rev-parse', 'HEAD').trim();
  const tags = await findTags(asked, dir);
  const at = (where: string) => join(dir, where);
  return {
    folder,
    dir,
    remote,
    at,
    git: (...args: string[]) => git(dir, ...args).trim(),
    in: (where: string, ...args: string[]) => git(at(where), ...args).trim(),
    write: (name: string, text = 'mine\n') => writeFileSync(at(name), text),
    commit(where = '.', name = 'a.txt', text = 'mine\n') {
      writeFileSync(at(join(where, name)), text);
      git(at(where), 'add', name);
      git(at(where), 'commit', '-qm', 'mine');
      return git(at(where), 'rev-parse', 'HEAD').trim();
    },
    addSubmodule(name: string, into = '.') {
      const other = makeRepository(join(folder, 'remote', `${name}.git`));
      git(at(into), '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other.path, name);
      git(at(into), 'commit', '-qm', `add ${name}`);
      git(at(into), 'push', '-q', 'origin', 'HEAD:refs/heads/main');
      return other;
    },
    count: () => countWork(asked, dir, { base, tags }),
    async save() {
      const place = { id: 'ws-abcdefghijkl', name: 'api-1', checkout: dir, base, tags };
      const scratch = join(folder, 'workspace', '.saving');
      const work = await countWork(asked, dir, { base, tags });
      const { saved, left } = await saveWork({ ...asked, ...place, scratch }, work);
      return { commit: saved.commit, left };
    },
  };
}

type Checkout = Awaited<ReturnType<typeof openCheckout>>;

const only = (where: string, kind: string, some: object) => ({
  ...NOTHING,
  ...some,
  places: [{ where, kind, ...NOTHING, ...some }],
});

const cases: [string, (one: Checkout) => unknown, object][] = [
  ['nothing, with a tag that lies on no branch', () => {}, NOTHING],
  [
    'a changed and a new file in a worktree in an ignored folder',
    (one) => {
      one.git('worktree', 'add', '-q', '-b', 'fix', '.worktrees/fix');
      one.write('.worktrees/fix/a.txt');
      one.write('.worktrees/fix/new.txt');
    },
    only('.worktrees/fix', 'worktree', { changed: 1, untracked: 1 }),
  ],
  [
    'a clean worktree in an ignored folder',
    (one) => one.git('worktree', 'add', '-q', '-b', 'fix', '.worktrees/fix'),
    NOTHING,
  ],
  [
    'a commit on no branch in a locked worktree',
    (one) => {
      one.git('worktree', 'add', '-q', '--lock', '--detach', '.worktrees/fix');
      one.commit('.worktrees/fix');
    },
    only('.worktrees/fix', 'worktree', { unpushed: 1 }),
  ],
  [
    'a commit of the checkout and one more on top of it in a worktree',
    (one) => {
      one.commit();
      one.git('worktree', 'add', '-q', '-b', 'fix', '.worktrees/fix');
      one.commit('.worktrees/fix', 'b.txt');
    },
    {
      ...NOTHING,
      unpushed: 2,
      places: [{ where: '.worktrees/fix', kind: 'worktree', ...NOTHING, unpushed: 1 }],
    },
  ],
  [
    'a changed file in a worktree beside the checkout',
    (one) => {
      one.git('worktree', 'add', '-q', '-b', 'fix', '../fix');
      one.write('../fix/a.txt');
    },
    only('../fix', 'worktree', { changed: 1 }),
  ],
  [
    'a commit on no branch in a worktree in the home folder, and one in a worktree that is gone',
    (one) => {
      one.git('worktree', 'add', '-q', '--detach', '../.home/fix');
      one.commit('../.home/fix');
      one.git('worktree', 'add', '-q', '--detach', '../gone');
      one.commit('../gone', 'b.txt');
      rmSync(one.at('../gone'), { recursive: true });
    },
    {
      ...NOTHING,
      unpushed: 2,
      places: [{ where: '../.home/fix', kind: 'worktree', ...NOTHING, unpushed: 1 }],
    },
  ],
  [
    'a commit in a submodule that is to be ignored, on a branch and on none',
    (one) => {
      one.addSubmodule('sub');
      one.git('config', '-f', '.gitmodules', 'submodule.sub.ignore', 'all');
      one.git('commit', '-qam', 'ignore');
      one.git('push', '-q', 'origin', 'HEAD:refs/heads/main');
      one.git('config', 'submodule.sub.ignore', 'all');
      one.git('config', 'diff.ignoreSubmodules', 'all');
      one.commit('sub', 'README.md');
      one.in('sub', 'checkout', '-q', '--detach', 'HEAD~');
      one.commit('sub', 'README.md', 'other\n');
    },
    {
      ...NOTHING,
      changed: 1,
      unpushed: 2,
      places: [{ where: 'sub', kind: 'submodule', ...NOTHING, unpushed: 2 }],
    },
  ],
  [
    'a changed file in a submodule of a submodule, and a commit in one without files',
    (one) => {
      one.addSubmodule('sub');
      one.addSubmodule('deep', 'sub');
      one.git('commit', '-qam', 'deep');
      one.addSubmodule('other');
      one.write('sub/deep/README.md');
      one.commit('other', 'README.md');
      one.git('submodule', '--quiet', 'deinit', '-f', 'other');
    },
    {
      ...NOTHING,
      changed: 1,
      unpushed: 1,
      places: [
        { where: 'sub/deep', kind: 'submodule', ...NOTHING, changed: 1 },
        { where: 'other', kind: 'submodule', ...NOTHING, unpushed: 1 },
      ],
    },
  ],
  [
    'a commit and a stash in a clone of something else in an ignored folder',
    (one) => {
      const other = makeRepository(join(one.folder, 'remote', 'other.git'));
      mkdirSync(one.at('vendor'));
      git(one.dir, 'clone', '-q', other.path, 'vendor/other');
      one.commit('vendor/other', 'README.md');
      one.write('vendor/other/README.md', 'stashed\n');
      one.in('vendor/other', 'stash', '-q');
    },
    only('vendor/other', 'repository', { unpushed: 2 }),
  ],
  [
    'a changed file that is assumed unchanged, one that is skipped, a new one that nobody wants to see, a mode',
    (one) => {
      one.git('update-index', '--assume-unchanged', 'a.txt');
      one.git('update-index', '--skip-worktree', 'b.txt');
      one.git('config', 'status.showUntrackedFiles', 'no');
      one.git('config', 'core.fileMode', 'false');
      one.git('config', 'core.untrackedCache', 'true');
      one.write('a.txt');
      one.write('b.txt');
      one.write('new.txt');
      chmodSync(one.at('README.md'), 0o755);
    },
    { ...NOTHING, changed: 3, untracked: 1 },
  ],
  [
    'a sparse checkout with a file that it leaves out',
    (one) => one.git('sparse-checkout', 'set', '--no-cone', '/a.txt', '/.gitignore'),
    NOTHING,
  ],
  [
    'a commit that only a tag made here holds',
    (one) => {
      one.commit();
      one.git('tag', 'keep');
      one.git('reset', '-q', '--hard', 'HEAD~');
    },
    { ...NOTHING, unpushed: 1 },
  ],
  [
    'a commit that only another ref holds, and notes',
    (one) => {
      one.git('update-ref', 'refs/gitbutler/one', one.commit());
      one.git('reset', '-q', '--hard', 'HEAD~');
      one.git('notes', 'add', '-m', 'note');
    },
    { ...NOTHING, unpushed: 2 },
  ],
  [
    'the tag of the remote that lies on no branch, checked out',
    (one) => one.git('checkout', '-q', 'v1'),
    NOTHING,
  ],
  [
    'a commit that a remote inside the checkout has',
    (one) => {
      git(one.dir, 'clone', '-q', '--bare', '.', 'vendor/copy.git');
      one.git('remote', 'add', 'copy', one.at('vendor/copy.git'));
      one.commit();
      one.git('push', '-q', 'copy', 'main');
    },
    { ...NOTHING, unpushed: 1 },
  ],
  [
    'a rebase that stands in the middle, with what it put aside',
    (one) => {
      one.commit('.', 'c.txt');
      one.commit('.', 'd.txt');
      one.git('checkout', '-q', '--detach');
      one.git('branch', '-qf', 'main', 'origin/main');
      one.write('b.txt');
      const edit = 'sequence.editor=sed -i 1s/pick/edit/';
      one.git('-c', edit, 'rebase', '-q', '-i', '--autostash', 'HEAD~2');
    },
    { ...NOTHING, changed: 1, unpushed: 3 },
  ],
  [
    'a merge without a conflict that nobody has finished, of a commit that no ref holds',
    (one) => {
      const side = one.commit();
      one.git('reset', '-q', '--hard', 'HEAD~');
      one.git('merge', '-q', '--no-ff', '--no-commit', '-s', 'ours', side);
    },
    { ...NOTHING, changed: 1, unpushed: 1 },
  ],
  [
    'a bisect',
    (one) => {
      one.git('bisect', 'start');
      one.git('bisect', 'bad', 'HEAD');
    },
    { ...NOTHING, changed: 1 },
  ],
];

test.each(cases)('%s', async (_what, makeWork, expected) => {
  const one = await openCheckout();
  await makeWork(one);
  const before = one.git('status', '--porcelain=v2', '--untracked-files=all');
  expect(await one.count()).toEqual(expected);
  expect(one.git('status', '--porcelain=v2', '--untracked-files=all')).toBe(before);
  expect(readdirSync(join(one.dir, '..')).filter((name) => name.startsWith('.saving'))).toEqual([]);
});

test('a git folder of a worktree that leads nowhere is work, wherever it lies', async () => {
  const one = await openCheckout();
  one.git('worktree', 'add', '-q', '-b', 'fix', '.worktrees/fix');
  one.write('.worktrees/fix/.git', 'gitdir: /nowhere\n');
  expect(await one.count()).toEqual(only('.worktrees/fix', 'repository', { changed: 1 }));
});

test('worktrees, refs and what is half done are saved; other repositories are what is left', async () => {
  const one = await openCheckout();
  one.addSubmodule('sub');
  const inSub = one.commit('sub', 'README.md');
  one.git('worktree', 'add', '-q', '--detach', '.worktrees/fix');
  const inFix = one.commit('.worktrees/fix');
  one.write('.worktrees/fix/b.txt', 'changed there\n');
  const held = one.commit('.', 'held.txt');
  one.git('tag', 'keep');
  one.git('update-ref', 'refs/other/one', held);
  one.git('reset', '-q', '--hard', 'HEAD~');
  one.git('update-index', '--skip-worktree', 'a.txt');
  one.write('a.txt', 'skipped\n');
  const { commit, left } = await one.save();
  const show = (name: string) => git(one.remote.path, 'show', `${commit}${name}`);
  expect(show('^1:a.txt')).toBe('skipped\n');
  expect(show('^2:b.txt')).toBe('changed there\n');
  expect(git(one.remote.path, 'rev-parse', `${commit}^2^1`, `${commit}^3`).trim().split('\n')).toEqual([
    inFix,
    held,
  ]);
  expect(git(one.remote.path, 'ls-tree', `${commit}^1`, 'sub')).toContain(inSub);
  expect(git(one.remote.path, 'log', '-1', '--format=%B', commit).trim().split('\n').slice(-3)).toEqual([
    '- FETCH_HEAD^1: what was checked out, with its changes',
    '- FETCH_HEAD^2: worktree .worktrees/fix',
    '- FETCH_HEAD^3: refs/other/one, tag keep',
  ]);
  expect(left).toEqual(only('sub', 'submodule', { unpushed: 1 }));
});
