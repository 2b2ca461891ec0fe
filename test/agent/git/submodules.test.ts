// Submodules of a clone, and what a person's own configuration may and may not do to it: real repositories and servers.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cloneRepository } from '../../../agent/git/clone.ts';
import { countWork } from '../../../agent/git/counting.ts';
import { sourceOf } from '../../../agent/git/submodules.ts';
import { serveGit } from './server.ts';
import { git, makeRepository } from '../../testers/node.ts';

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sam-sub-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Adds a submodule with this address to a repository, though it is fetched from `path`. */
function addSubmodule(
  repository: { path: string },
  name: string,
  { path, url }: { path: string; url: string },
) {
  const work = join(makeFolder(), 'work');
  git(tmpdir(), 'clone', '-q', repository.path, work);
  git(work, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', path, name);
  git(work, 'config', '-f', '.gitmodules', `submodule.${name}.url`, url);
  git(work, 'commit', '-qam', 'submodule');
  git(work, 'push', '-q', 'origin', 'main');
}

async function clone(repository: string, more: object = {}) {
  const into = join(makeFolder(), 'clone');
  const lines: string[] = [];
  const asked = { repository, into, mark: {}, onLine: (line: string) => void lines.push(line), ...more };
  await cloneRepository(asked);
  const base = git(into, 'rev-parse', 'HEAD').trim();
  const said = lines.filter((line) => line.startsWith('The submodule'));
  return { into, said, work: () => countWork(asked, into, { base }) };
}

test('submodules of the same host are there, deep ones too; others and those with a password are left out, and said', async () => {
  const root = makeFolder();
  const [api, lib, deep, secret] = ['api', 'lib', 'deep', 'secret'].map((name) =>
    makeRepository(join(root, 'acme', `${name}.git`)),
  );
  const [server, locked] = [await serveGit(root), await serveGit(root, { token: 'secret-token' })];
  addSubmodule(lib!, 'deep', { path: deep!.path, url: '../deep.git' });
  addSubmodule(api!, 'lib', { path: lib!.path, url: '../lib.git' });
  addSubmodule(api!, 'gone', { path: secret!.path, url: '../gone.git' });
  addSubmodule(api!, 'locked', { path: secret!.path, url: locked.url('acme/secret.git') });
  addSubmodule(api!, 'folder', { path: secret!.path, url: secret!.path });
  const { into, said, work } = await clone(server.url('acme/api.git'), { helper: '' });
  expect(readFileSync(join(into, 'lib', 'deep', 'README.md'), 'utf8')).toBe('hello\n');
  const { host } = new URL(locked.url(''));
  expect(said).toEqual([
    'The submodule folder was left out: its address is a folder.',
    'The submodule gone was left out: it needs a password of its own, or does not exist.',
    `The submodule locked was left out: ${host} is neither the repository's own host nor a public one over https.`,
  ]);
  expect(await work()).toEqual({ changed: 0, untracked: 0, unpushed: 0 });
});

test('the token of the repository is not given to a submodule on the same host', async () => {
  const root = makeFolder();
  const api = makeRepository(join(root, 'acme', 'api.git'));
  const lib = makeRepository(join(root, 'acme', 'lib.git'));
  addSubmodule(api, 'lib', { path: lib.path, url: '../lib.git' });
  const server = await serveGit(root, { token: 'secret-token' });
  const asked = join(root, 'asked');
  const helper = `!f() { cat >>${asked}; echo username=x-access-token; echo password=secret-token; }; f`;
  const { into, said } = await clone(server.url('acme/api.git'), { helper });
  expect(said).toEqual([
    'The submodule lib was left out: it needs a password of its own, or does not exist.',
  ]);
  expect(readFileSync(asked, 'utf8')).not.toContain('path=acme/lib.git');
  expect(existsSync(join(into, 'lib', 'README.md'))).toBe(false);
});

test('a submodule beside a folder of the node comes from there', async () => {
  const root = makeFolder();
  const api = makeRepository(join(root, 'api.git'));
  const lib = makeRepository(join(root, 'lib.git'));
  addSubmodule(api, 'lib', { path: lib.path, url: '../lib.git' });
  const { into, said } = await clone(api.path);
  expect(readFileSync(join(into, 'lib', 'README.md'), 'utf8')).toBe('hello\n');
  expect(said).toEqual([]);
});

test('an address is one over https, of the own host or a public one; ssh means the same place', () => {
  const own = 'https://git.acme.test/acme/api.git';
  const at = (url: string) => sourceOf(url, own, own);
  expect(at('../lib.git')).toEqual({ url: 'https://git.acme.test/acme/lib.git' });
  expect(at('git@git.acme.test:acme/lib.git')).toEqual({ url: 'https://git.acme.test/acme/lib.git' });
  expect(at('ssh://git@github.com/other/lib')).toEqual({ url: 'https://github.com/other/lib' });
  for (const [url, why] of [
    ['http://git.acme.test/acme/lib.git', /neither the repository's own host nor a public one/],
    ['https://169.254.169.254/latest', /neither/],
    ['https://me:secret@github.com/acme/lib', /password/],
    ['file:///etc', /folder/],
    ['/etc', /folder/],
    ['ext::sh -c true', /none that Sam clones from/],
    ['--upload-pack=true', /none that Sam clones from/],
  ] as const)
    expect(at(url).why, url).toMatch(why);
});

async function atHome<T>(home: string, settings: [string, string][], use: () => Promise<T>): Promise<T> {
  mkdirSync(home, { recursive: true });
  for (const [key, value] of settings) git(home, 'config', '--global', '--add', key, value);
  const before = process.env['HOME'];
  process.env['HOME'] = home;
  try {
    return await use();
  } finally {
    process.env['HOME'] = before;
  }
}

test("a person's git configuration does not change what is cloned; their passwords count where nobody else has one", async () => {
  const root = makeFolder();
  const { first } = makeRepository(join(root, 'acme', 'api.git'));
  const server = await serveGit(root, { token: 'secret-token' });
  const url = server.url('acme/api.git');
  const settings: [string, string][] = [
    ['url.git@example.test:.insteadOf', server.url('')],
    [`url.git@example.test:x.insteadOf`, url],
    ['clone.defaultRemoteName', 'upstream'],
    ['fetch.prune', 'true'],
    ['transfer.hideRefs', 'refs/heads'],
    ['core.autocrlf', 'true'],
    ['http.userAgent', 'me "and" \\ others'],
    ['credential.helper', '!f() { echo username=x-access-token; echo password=secret-token; }; f'],
  ];
  const home = join(root, 'home');
  const { into } = await atHome(home, settings, () => clone(url));
  expect(git(into, 'rev-parse', 'refs/remotes/origin/main').trim()).toBe(first);
  expect(readFileSync(join(into, 'README.md'), 'utf8')).toBe('hello\n');
  await expect(atHome(home, [], () => clone(url, { helper: '' }))).rejects.toThrow('no-password');
});

test('a bare repository and a folder of worktrees around one are cloned from', async () => {
  const root = makeFolder();
  const { path, first } = makeRepository(join(root, 'api.git'));
  const folder = join(root, 'proj');
  git(root, 'clone', '-q', '--bare', path, 'proj/.bare');
  writeFileSync(join(folder, '.git'), 'gitdir: ./.bare\n');
  git(folder, 'worktree', 'add', '-q', 'main');
  for (const source of [path, folder, join(folder, '.bare'), join(folder, 'main')]) {
    const { into } = await clone(source, { ref: 'main' });
    expect(git(into, 'rev-parse', 'HEAD').trim(), source).toBe(first);
  }
});
