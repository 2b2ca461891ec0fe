// The second clone of a repository on a node: what it takes from the first, what it asks the remote for, and what it must not have.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cloneRepository } from '../../../agent/git/clone.ts';
import { findHead } from '../../../agent/git/git.ts';
import { createMirrors } from '../../../agent/git/mirrors.ts';
import { git, makeRepository } from '../../testers/node.ts';
import { serveGit } from './server.ts';

interface Asked {
  ref?: string;
  commit?: string;
  isGuarded?: boolean;
}

/** A repository at a server, and a node that clones it for one workspace after another. */
async function createNode({ token }: { token?: string } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'sam-mirror-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const repository = makeRepository(join(root, 'acme', 'api.git'));
  const server = await serveGit(root, { ...(token !== undefined && { token }) });
  const dir = join(root, 'node');
  const mirrors = createMirrors(dir);
  const url = server.url('acme/api.git');
  let count = 0;
  const clone = async (asked: Asked = {}, { password = '' } = {}) => {
    const into = join(root, `clone-${(count += 1)}`);
    const helper = password && `!f() { echo username=x-access-token; echo password=${password}; }; f`;
    const lines: string[] = [];
    const options = {
      repository: url,
      mark: {},
      helper,
      into,
      onLine: (line: string) => void lines.push(line),
    };
    const mirror = mirrors.of(url, `ws-${count}`);
    const before = server.sent();
    await cloneRepository({ ...options, ...asked, mirror });
    const isFromMirror = lines.some((line) => line.startsWith('Cloning from what this node has'));
    return { into, isFromMirror, bytes: server.sent() - before, head: await findHead(options, into) };
  };
  const kept = join(dir, 'mirrors', createHash('sha256').update(url).digest('hex').slice(0, 32));
  return { root, dir, repository, url, mirrors, clone, kept: join(kept, 'clone.tar'), folder: kept };
}

const refs = (dir: string) => git(dir, 'for-each-ref', '--format=%(refname) %(objectname)');
const settings = (dir: string) =>
  git(dir, 'config', '--local', '--list')
    .split('\n')
    .filter((line) => !line.startsWith('core.') && line !== 'extensions.partialclone=origin')
    .toSorted();

test('the second workspace of a repository gets a clone like the first, and next to nothing comes from the remote', async () => {
  const { repository, clone } = await createNode();
  const files = Array.from({ length: 40 }, (_, at) => [`${at}.bin`, randomBytes(48_000).toString('base64')]);
  repository.commit(Object.fromEntries(files) as Record<string, string>);
  const head = repository.commit({ 'a.txt': 'a' }, 'feature');
  const first = await clone();
  expect(first.bytes).toBeGreaterThan(1_000_000);
  const second = await clone();
  expect(second).toMatchObject({ isFromMirror: true, head: first.head });
  expect(second.bytes).toBeLessThan(first.bytes / 50);
  expect(refs(second.into)).toBe(refs(first.into));
  expect(settings(second.into)).toEqual(settings(first.into));
  expect(git(second.into, 'status', '-sb').trim()).toBe('## main...origin/main');
  git(second.into, 'fsck', '--connectivity-only');
  const third = await clone({ ref: 'feature' });
  expect([third.isFromMirror, third.head]).toEqual([true, head]);
  expect(git(third.into, 'branch', '--format=%(refname:short)').trim()).toBe('feature');
});

test('what moved at the remote meanwhile is as the remote has it: commits, branches that went, tags, its main branch', async () => {
  const { repository, clone } = await createNode();
  repository.commit({ 'old.txt': '1' }, 'old');
  git(repository.path, 'tag', 'v1', repository.first);
  await clone();
  const newest = repository.commit({ 'b.txt': '2' });
  git(repository.path, 'branch', '-D', 'old');
  git(repository.path, 'tag', '-f', 'v1', newest);
  git(repository.path, 'branch', 'trunk', 'main');
  git(repository.path, 'symbolic-ref', 'HEAD', 'refs/heads/trunk');
  const second = await clone();
  expect([second.isFromMirror, second.head]).toEqual([true, newest]);
  expect(git(second.into, 'for-each-ref', '--format=%(refname)').trim().split('\n')).toEqual([
    'refs/heads/trunk',
    'refs/remotes/origin/HEAD',
    'refs/remotes/origin/main',
    'refs/remotes/origin/trunk',
    'refs/tags/v1',
  ]);
  expect(git(second.into, 'rev-parse', 'v1').trim()).toBe(newest);
});

test('whoever may not read it any more gets nothing of it, and is told as ever', async () => {
  const { root, clone } = await createNode({ token: 'right' });
  await clone({}, { password: 'right' });
  expect((await clone({}, { password: 'right' })).isFromMirror).toBe(true);
  await expect(clone({}, { password: 'wrong' })).rejects.toMatchObject({
    failure: { code: 'no-password' },
  });
  expect(existsSync(join(root, 'clone-3'))).toBe(false);
});

test('one that is broken is thrown away, and an ordinary clone is made', async () => {
  const { clone, kept, repository } = await createNode();
  await clone();
  writeFileSync(kept, 'broken');
  const second = await clone();
  expect(second.head).toBe(repository.first);
  expect(statSync(kept).size).toBeGreaterThan(6);
});

test('a commit that lies on no branch any more is had by its short name as little as without a mirror', async () => {
  const { repository, clone } = await createNode();
  const gone = repository.commit({ 'x.txt': '1' }, 'gone');
  expect((await clone({ ref: gone.slice(0, 10), isGuarded: true })).head).toBe(gone);
  git(repository.path, 'branch', '-D', 'gone');
  await expect(clone({ ref: gone.slice(0, 10), isGuarded: true })).rejects.toMatchObject({
    failure: { code: 'loose-commit' },
  });
});

test('it lies where no workspace may look, is written anew after a day, and goes with the last workspace', async () => {
  const { clone, kept, folder, mirrors, dir } = await createNode();
  await clone();
  await clone();
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir, 'mirrors')).mode & 0o777).toBe(0o700);
  const yesterday = new Date(Date.now() - 25 * 3_600_000);
  utimesSync(kept, yesterday, yesterday);
  await clone();
  expect(statSync(kept).mtimeMs).toBeGreaterThan(yesterday.getTime());
  expect(readdirSync(folder).toSorted()).toEqual(['clone.tar', 'shares']);
  for (const one of ['ws-1', 'ws-2']) await mirrors.release(one);
  expect(existsSync(kept)).toBe(true);
  await mirrors.release('ws-3');
  expect(existsSync(folder)).toBe(false);
  await mirrors.release('ws-3');
});

test('what an agent that was killed left half made goes with its workspace', async () => {
  const { clone, kept, folder, mirrors } = await createNode();
  await clone();
  await clone();
  writeFileSync(`${kept}.ws-1`, 'half of it');
  await mirrors.release('ws-1');
  expect(readdirSync(folder).toSorted()).toEqual(['clone.tar', 'shares']);
});

test('whoever begins to share while the last one leaves has a share', async () => {
  const { mirrors, url, root, folder } = await createNode();
  const clone = { repository: url, mark: {}, into: join(root, 'none'), onLine: () => {} };
  for (let round = 0; round < 100; round++) {
    const leaving = mirrors.release(`ws-${round}`);
    for (let wait = 0; wait < round % 10; wait++) await new Promise((done) => setImmediate(done));
    await Promise.all([leaving, mirrors.of(url, `ws-${round + 1}`)!.give(clone)]);
    expect(readdirSync(join(folder, 'shares'))).toEqual([`ws-${round + 1}`]);
  }
});

test('a folder of the node has none: it is copied as fast', async () => {
  const { mirrors, repository } = await createNode();
  expect(mirrors.of(repository.path, 'ws-1')).toBeUndefined();
});
