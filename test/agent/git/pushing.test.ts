// Work that somebody wants on a branch: what is committed, as whose, what is pushed, and what never is. Over real git.
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cloneRepository } from '../../../agent/git/clone.ts';
import { pushWork } from '../../../agent/git/pushing.ts';
import { git, makeRepository } from '../../testers/node.ts';
import { serveGit } from './server.ts';

const BRANCH = 'sam/api-1';
const BOB = { name: 'Bob', email: '7+bob@users.noreply.github.com' };
const CLAUDE = 'Claude <noreply@anthropic.com>';

async function openCheckout({ token }: { token?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-pushing-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const remote = makeRepository(join(folder, 'served', 'acme', 'api.git'));
  git(remote.path, 'config', 'http.receivepack', 'true');
  remote.commit({ 'a.txt': 'a\n', 'b.txt': 'b\n', '.gitignore': 'ignored.txt\n' });
  const dir = join(folder, 'api');
  await cloneRepository({ repository: remote.url, mark: {}, into: dir, onLine: () => {} });
  const repository = token
    ? (await serveGit(join(folder, 'served'), { token })).url('acme/api.git')
    : remote.url;
  return {
    folder,
    dir,
    remote,
    write: (name: string, text: string) => writeFileSync(join(dir, name), text),
    git: (...args: string[]) => git(dir, ...args).trim(),
    at: (...args: string[]) => git(remote.path, ...args).trim(),
    push: () =>
      pushWork({
        git: { repository, mark: {}, ...(token && { helper: '' }) },
        checkout: dir,
        branch: BRANCH,
        subject: 'fix the clock',
        author: BOB,
        coAuthor: CLAUDE,
      }),
  };
}

test('what nobody committed is one commit by the person with the coding agent beside them, on the branch at the remote and here', async () => {
  const here = await openCheckout();
  here.write('a.txt', 'changed\n');
  here.write('new file.txt', 'new\n');
  here.write('ignored.txt', 'secret\n');
  here.git('rm', '-q', 'b.txt');
  const result = await here.push();
  const commit = here.at('rev-parse', `refs/heads/${BRANCH}`);
  expect(result).toEqual({ commit, subject: 'fix the clock' });
  expect(here.at('log', '-1', '--format=%an <%ae>%n%cn%n%B', BRANCH)).toBe(
    `Bob <${BOB.email}>\nSam\nfix the clock\n\nCo-authored-by: ${CLAUDE}`,
  );
  expect(here.at('ls-tree', '--name-only', BRANCH).split('\n')).toEqual([
    '.gitignore',
    'README.md',
    'a.txt',
    'new file.txt',
  ]);
  expect(here.git('status', '--porcelain=v1', '--branch')).toBe(`## ${BRANCH}`);
  expect(here.git('rev-parse', 'main')).toBe(here.at('rev-parse', 'main'));
});

test('commits that are there keep their author; asked again with nothing new the same commit is the answer', async () => {
  const here = await openCheckout();
  here.write('a.txt', 'changed\n');
  here.git('-c', 'user.name=Agent', '-c', 'user.email=a@b.c', 'commit', '-qam', 'its own');
  const first = await here.push();
  expect(first).toEqual({ commit: here.at('rev-parse', BRANCH), subject: 'its own' });
  expect(here.at('log', '-1', '--format=%an', BRANCH)).toBe('Agent');
  here.git('fetch', '-q');
  expect(await here.push()).toEqual(first);
  here.write('b.txt', 'more\n');
  const more = await here.push();
  expect(more).toEqual({ commit: here.at('rev-parse', BRANCH), subject: 'fix the clock' });
  expect(first).toMatchObject({ commit: here.at('rev-parse', `${BRANCH}^`) });
});

test('a push that died after its commit is mended by the next one', async () => {
  const here = await openCheckout();
  here.write('a.txt', 'changed\n');
  const index = here.git('rev-parse', '--git-path', 'index');
  await here.push();
  const before = here.git('rev-parse', 'HEAD');
  here.git('read-tree', 'main');
  expect(existsSync(join(here.dir, index))).toBe(true);
  expect(await here.push()).toMatchObject({ commit: before });
  expect(here.git('status', '--porcelain')).toBe('');
});

test('no hook, filter or file system monitor of the checkout runs', async () => {
  const here = await openCheckout();
  const mark = join(here.folder, 'ran');
  const program = join(here.folder, 'program');
  writeFileSync(program, `#!/bin/sh\necho "$0 $@" >>${mark}\ncat\n`);
  chmodSync(program, 0o755);
  for (const hook of [
    'pre-commit',
    'commit-msg',
    'reference-transaction',
    'pre-push',
    'post-index-change',
    'post-checkout',
  ])
    writeFileSync(join(here.dir, '.git/hooks', hook), `#!/bin/sh\necho ${hook} >>${mark}\n`, { mode: 0o755 });
  here.git('config', 'core.fsmonitor', program);
  here.git('config', 'filter.evil.clean', program);
  here.git('config', 'commit.gpgsign', 'true');
  here.git('config', 'gpg.program', program);
  here.git('config', 'url.ext::evil.insteadOf', here.remote.url);
  here.git('config', 'remote.origin.receivepack', program);
  here.write('a.txt', 'changed\n');
  expect(await here.push()).toMatchObject({ commit: here.at('rev-parse', BRANCH) });
  expect(existsSync(mark)).toBe(false);
});

test('a changed file that a filter would convert is not pushed as something else', async () => {
  const here = await openCheckout();
  here.write('.gitattributes', '*.bin filter=lfs\n');
  here.write('large.bin', 'large\n');
  expect(await here.push()).toEqual({ failure: { code: 'filtered', said: 'large.bin' } });
  expect(here.git('branch', '--show-current')).toBe('main');
});

test('with nothing that the repository lacks, or a merge in the middle, nothing is pushed', async () => {
  const here = await openCheckout();
  expect(await here.push()).toEqual({ failure: { code: 'nothing-changed' } });
  here.git('switch', '-qc', 'other');
  here.write('a.txt', 'theirs\n');
  here.git('commit', '-qam', 'theirs');
  here.git('switch', '-q', 'main');
  here.write('a.txt', 'ours\n');
  here.git('commit', '-qam', 'ours');
  expect(() => here.git('merge', '-q', 'other')).toThrow();
  expect(await here.push()).toEqual({ failure: { code: 'unfinished' } });
  expect(here.at('for-each-ref', 'refs/heads')).not.toContain(BRANCH);
});

test("somebody else's commits on the branch are not overwritten, at the remote or here", async () => {
  const here = await openCheckout();
  here.remote.commit({ 'theirs.txt': 'x\n' });
  here.at('branch', BRANCH, 'main');
  const theirs = here.at('rev-parse', BRANCH);
  here.write('a.txt', 'changed\n');
  expect(await here.push()).toMatchObject({ failure: { code: 'diverged' } });
  expect(here.at('rev-parse', BRANCH)).toBe(theirs);
  here.git('switch', '-qC', 'main', 'origin/main');
  here.write('b.txt', 'changed\n');
  const local = here.git('rev-parse', BRANCH);
  expect(await here.push()).toMatchObject({ failure: { code: 'diverged' } });
  expect(here.git('rev-parse', BRANCH)).toBe(local);
});

test('a rule of the repository, and a password that there is not, are told apart', async () => {
  const here = await openCheckout();
  here.write('a.txt', 'changed\n');
  writeFileSync(
    join(here.remote.path, 'hooks/pre-receive'),
    '#!/bin/sh\necho "error: GH006: Protected branch update failed for refs/heads/sam/api-1." >&2\nexit 1\n',
    { mode: 0o755 },
  );
  expect(await here.push()).toEqual({
    failure: { code: 'protected', said: 'GH006: Protected branch update failed for refs/heads/sam/api-1.' },
  });
  const closed = await openCheckout({ token: 'secret' });
  closed.write('a.txt', 'changed\n');
  expect(await closed.push()).toMatchObject({ failure: { code: 'denied' } });
});
