// Clones from real repositories, over files and over HTTP: what comes out, what is refused, and what people are told.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { findHead, isValidRef, protocolOf, repositoryName } from '../../../agent/git/git.ts';
import { countWork } from '../../../agent/git/counting.ts';
import { cloneRepository } from '../../../agent/git/clone.ts';
import type { WorkspaceError } from '../../../agent/failure.ts';
import { explainGit } from '../../../agent/git/failures.ts';
import { redact } from '../../../agent/redact.ts';
import { serveGit } from './server.ts';
import { git, makeRepository } from '../../testers/node.ts';
import { failureText } from '../../words.ts';

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sam-git-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function clone(repository: string, ref?: string) {
  const into = join(makeFolder(), 'clone');
  const lines: string[] = [];
  const asked = { repository, ref, into, mark: {}, onLine: (line: string) => void lines.push(line) };
  await cloneRepository(asked);
  return { into, lines, head: await findHead(asked, into), work: () => countWork(asked, into, {}) };
}

const shown = ({ failure }: WorkspaceError): string => `${failure.class}: ${failureText(failure)}`;

const failure = (repository: string, ref?: string) =>
  clone(repository, ref).then(
    () => 'no failure',
    (error: WorkspaceError) => shown(error),
  );

test('a branch, a tag, a commit, a short commit and a full name are checked out; a branch can be pushed from', async () => {
  const repository = makeRepository(join(makeFolder(), 'api.git'));
  const second = repository.commit({ 'b.txt': '2' }, 'feature/x');
  git(repository.path, 'tag', 'v1', repository.first);
  git(repository.path, 'update-ref', 'refs/pull/7/head', second);
  expect((await clone(repository.url)).head).toBe(repository.first);
  const branch = await clone(repository.url, 'feature/x');
  expect(branch.head).toBe(second);
  expect(git(branch.into, 'status', '-sb')).toContain('## feature/x...origin/feature/x');
  expect(git(branch.into, 'branch', '-r')).toContain('origin/main');
  for (const [ref, commit] of [
    ['v1', repository.first],
    [second, second],
    [second.slice(0, 10), second],
    ['refs/pull/7/head', second],
  ] as const) {
    expect((await clone(repository.url, ref)).head).toBe(commit);
  }
});

test('over http the clone is partial, whole to look at, and clean', async () => {
  const root = makeFolder();
  const repository = makeRepository(join(root, 'acme', 'api.git'));
  repository.commit({ 'README.md': 'newer\n' });
  const server = await serveGit(root);
  const { into, work, lines } = await clone(server.url('acme/api.git'), 'main');
  expect(readFileSync(join(into, 'README.md'), 'utf8')).toBe('newer\n');
  expect(git(into, 'config', 'remote.origin.partialclonefilter').trim()).toBe('blob:none');
  expect(git(into, 'rev-list', '--objects', '--all', '--missing=print')).toMatch(/^\?/m);
  expect(await work()).toEqual({ changed: 0, untracked: 0, unpushed: 0 });
  expect(lines.some((line) => line.startsWith('Cloning into'))).toBe(true);
});

test('a commit comes over http by its id', async () => {
  const root = makeFolder();
  const repository = makeRepository(join(root, 'api.git'));
  const second = repository.commit({ 'a.txt': '1' }, 'gone');
  git(repository.path, 'update-ref', 'refs/pull/1/head', second);
  git(repository.path, 'branch', '-D', 'gone');
  const server = await serveGit(root);
  expect((await clone(server.url('api.git'), second)).head).toBe(second);
});

test('a server that knows no partial clones gives a whole one', async () => {
  const root = makeFolder();
  const repository = makeRepository(join(root, 'api.git'));
  git(repository.path, 'config', 'uploadpack.allowFilter', 'false');
  const server = await serveGit(root);
  const { into } = await clone(server.url('api.git'));
  expect(git(into, 'rev-list', '--objects', '--all', '--missing=print')).not.toMatch(/^\?/m);
});

test('an empty repository is cloned; it has no commit yet', async () => {
  const path = join(makeFolder(), 'empty.git');
  git(tmpdir(), 'init', '-q', '--bare', '-b', 'main', path);
  const { head, work } = await clone(path);
  expect(head).toBeUndefined();
  expect(await work()).toEqual({ changed: 0, untracked: 0, unpushed: 0 });
});

test('large files that stand elsewhere are told of where the node has nothing to fetch them with', async () => {
  const folder = makeFolder();
  const repository = makeRepository(join(folder, 'api.git'));
  const told = async (ref: string) => (await clone(repository.url, ref)).lines.join('\n');
  expect(await told('main')).not.toContain('LFS');
  repository.commit({ '.gitattributes': '*.bin filter=lfs\n' }, 'large');
  const home = process.env['HOME'];
  process.env['HOME'] = folder;
  onTestFinished(() => void (process.env['HOME'] = home));
  // The machine itself may have it.
  const filter = execFileSync('git', ['config', '--system', '--default', '', 'filter.lfs.smudge']);
  if (filter.toString().trim() === '')
    expect(await told('large')).toContain(
      'this node has no git-lfs. Where the workspace has it: git lfs pull',
    );
  writeFileSync(join(folder, '.gitconfig'), '[filter "lfs"]\nsmudge = git-lfs smudge -- %f\n');
  expect(await told('large')).not.toContain('LFS');
});

test('hooks of the template and of the user do not run, and submodules stay away', async () => {
  const folder = makeFolder();
  const canary = join(folder, 'canary');
  const hooks = join(folder, 'hooks');
  mkdirSync(hooks);
  writeFileSync(join(hooks, 'post-checkout'), `#!/bin/sh\ntouch ${canary}\n`, { mode: 0o755 });
  writeFileSync(join(folder, '.gitconfig'), `[core]\nhooksPath = ${hooks}\n`);
  const repository = makeRepository(join(folder, 'api.git'));
  const home = process.env['HOME'];
  process.env['HOME'] = folder;
  try {
    await clone(repository.url, 'main');
  } finally {
    process.env['HOME'] = home;
  }
  expect(existsSync(canary)).toBe(false);
});

test('names that git would take for something else never reach it', async () => {
  const folder = makeFolder();
  const canary = join(folder, 'canary');
  const repository = makeRepository(join(folder, 'api.git'));
  const bad = [
    `--upload-pack=touch ${canary}`,
    '-x',
    'a..b',
    `$(touch ${canary})`,
    'HEAD',
    '@',
    'a.lock',
    '/a',
    'a/',
    'a@{1}',
  ];
  for (const ref of bad) {
    expect(await failure(repository.url, ref)).toMatch(/is not a name that git knows|There is no branch/);
  }
  const urls = [
    `ext::sh -c touch% ${canary}`,
    `--upload-pack=touch ${canary}`,
    'git@host:a/b',
    'ssh://h/a',
    'a/b',
    '',
    'https://',
    'http://a b',
  ];
  for (const url of urls) expect(await failure(url)).toContain('must be an https URL');
  expect(existsSync(canary)).toBe(false);
});

test('any ref that is let through is one for git, too, and not an option', () => {
  const folder = makeFolder();
  git(folder, 'init', '-q');
  const piece = fc.constantFrom(
    '-',
    '.',
    '..',
    '/',
    '@',
    '{',
    '~',
    '^',
    ':',
    ' ',
    '\\',
    '*',
    '?',
    '[',
    '.lock',
    'a',
    'B',
    '7',
    '\n',
    '\x7f',
    'é',
  );
  const ref = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.array(piece, { maxLength: 7 }).map((parts) => parts.join('')),
  );
  const isRef = (name: string) => {
    try {
      git(folder, 'check-ref-format', `refs/heads/${name}`);
      return true;
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(ref, (name) => {
      fc.pre(isValidRef(name));
      expect(name.startsWith('-')).toBe(false);
      expect(isRef(name)).toBe(true);
    }),
    { numRuns: 150 },
  );
  for (const name of ['main', 'feature/x', 'v1.2.3', 'a-b', 'refs/pull/7/head', 'user@work', 'ä'])
    expect(isValidRef(name)).toBe(true);
});

test('a folder of a repository is one name, whatever the repository is called', () => {
  expect(repositoryName('https://github.com/acme/api.git')).toBe('api');
  expect(repositoryName('/home/me/.dotfiles/')).toBe('dotfiles');
  expect(repositoryName('/proj/.bare')).toBe('proj');
  expect(repositoryName('/')).toBe('repository');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(repositoryName(text)).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/);
    }),
  );
});

test('only https, http and files of the node are cloned from', () => {
  expect(protocolOf('https://h/a.git')).toBe('https');
  expect(protocolOf('/a')).toBe('file');
  expect(protocolOf('file:///a')).toBe('file');
  expect(protocolOf('ext::sh')).toBeUndefined();
});

test('people are told what is wrong with the repository, and what to do', async () => {
  const root = makeFolder();
  const repository = makeRepository(join(root, 'api.git'));
  const open = await serveGit(root);
  const locked = await serveGit(root, { token: 'secret-token' });
  const broken = await serveGit(root, { status: 503 });
  const plain = join(root, 'plain');
  mkdirSync(plain);
  const closed = await findClosedPort();
  expect(await failure(open.url('nothing.git'))).toBe(
    `configuration: ${open.url('nothing.git')} does not exist, or Sam may not see it. Check the name.`,
  );
  expect(await failure(locked.url('api.git'))).toContain(
    `configuration: ${locked.url('api.git')} needs a password, or does not exist.`,
  );
  expect(await failure(repository.url, 'nowhere')).toBe(
    `configuration: There is no branch, tag or commit \`nowhere\` in ${repository.url}. Push it, or name another one with \`--ref\`.`,
  );
  expect(await failure(open.url('api.git'), '1'.repeat(40))).toContain('There is no branch, tag or commit');
  expect(await failure(open.url('api.git'), 'refs/pull/9/head')).toContain(
    'There is no branch, tag or commit',
  );
  expect(await failure(plain)).toContain('configuration: ');
  expect(await failure(`${root}/missing`)).toContain('does not exist');
  expect(await failure(broken.url('api.git'))).toBe(
    `transient: The connection to ${new URL(broken.url('')).host} broke.`,
  );
  expect(await failure(`http://127.0.0.1:${closed}/api.git`)).toMatch(/^transient: The connection to/);
  expect(await failure('http://nowhere.invalid/api.git')).toMatch(
    /^transient: The machine found no address for nowhere.invalid/,
  );
});

test('what git writes at other failures is understood', () => {
  const explain = (stderr: string) => explainGit({ repository: 'https://h.test/a/b.git' }, { stderr });
  const cases: [string, string, RegExp][] = [
    ['error: unable to write file x\nfatal: No space left on device', 'configuration', /disk is full/],
    [
      'fatal: unable to access: SSL certificate problem: self-signed certificate',
      'configuration',
      /certificate of h.test/,
    ],
    ['error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec', 'transient', /sent nothing/],
    ['fatal: early EOF', 'transient', /connection to h.test broke/],
    ["fatal: detected dubious ownership in repository at '/x'", 'configuration', /safe\.directory/],
    ['fatal: something new', 'internal', /something new\.$/],
  ];
  for (const [stderr, errorClass, message] of cases) {
    expect(explain(stderr).failure.class).toBe(errorClass);
    expect(failureText(explain(stderr).failure)).toMatch(message);
  }
  expect(shown(explainGit({ repository: 'x' }, { stderr: '', startError: 'ENOENT' }))).toContain(
    'not installed',
  );
  expect(shown(explainGit({ repository: 'https://h.test/x' }, { stderr: '', isTimeout: true }))).toMatch(
    /^transient: h.test sent nothing/,
  );
});

test('a server that stalls is given up', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  onTestFinished(() => void server.close());
  process.env['GIT_HTTP_LOW_SPEED_TIME'] = '1';
  try {
    expect(await failure(`http://127.0.0.1:${port}/api.git`)).toMatch(
      /^transient: 127.0.0.1:\d+ sent nothing/,
    );
  } finally {
    delete process.env['GIT_HTTP_LOW_SPEED_TIME'];
  }
});

test('no password survives in what people or logs get to see', () => {
  const canary = 's3cr3tcanary';
  const said = explainGit(
    { repository: `https://me:${canary}@h.test/a.git` },
    { stderr: `fatal: could not read from https://x-access-token:${canary}@h.test/a.git` },
  );
  expect(JSON.stringify([said.failure, said.message, (said.cause as Error).message])).not.toContain(canary);
  for (const text of [
    `https://${canary}@h/x`,
    `ghp_${canary}`,
    `Authorization: Basic ${canary}`,
    `bearer ${canary}`,
    `sk-ant-${canary}`,
  ]) {
    expect(redact(text)).not.toContain(canary);
  }
  expect(redact('Receiving objects: 50% (1/2), at https://h/a.git')).toBe(
    'Receiving objects: 50% (1/2), at https://h/a.git',
  );
});

async function findClosedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a commit that was asked for is what one gets, as the head of its branch, wherever that is by now', async () => {
  const { url, first, commit } = makeRepository(join(makeFolder(), 'api.git'));
  const asked = commit({ 'a.txt': 'one\n' }, 'topic');
  commit({ 'b.txt': 'two\n' });
  const at = async (ref: string | undefined, id: string) => {
    const into = join(makeFolder(), 'clone');
    const goal = { repository: url, ref, commit: id, into, mark: {}, onLine: () => {} };
    await cloneRepository(goal);
    const [, branch, upstream] = git(into, 'status', '-b', '--porcelain=v2').split('\n');
    return { head: await findHead(goal, into), branch, upstream };
  };
  expect(await at('topic', asked)).toEqual({
    head: asked,
    branch: '# branch.head topic',
    upstream: '# branch.upstream origin/topic',
  });
  // Main has moved on, and somebody pushed over the topic: what was asked for is still what was asked for.
  expect(await at('main', first)).toMatchObject({ head: first, upstream: '# branch.upstream origin/main' });
  git(url, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  git(url, 'update-ref', 'refs/heads/topic', 'refs/heads/main');
  expect(await at('topic', asked)).toMatchObject({ head: asked, upstream: '# branch.upstream origin/topic' });
  git(url, 'update-ref', '-d', 'refs/heads/topic');
  expect(await at('topic', asked)).toMatchObject({ head: asked, branch: '# branch.head topic' });
  expect(await at(undefined, first)).toMatchObject({ head: first, branch: '# branch.head (detached)' });
});

test('a commit that somebody pushed over says so, and how to go on', async () => {
  const { url } = makeRepository(join(makeFolder(), 'api.git'));
  const gone = 'a'.repeat(40);
  const asked = { repository: url, ref: 'main', commit: gone, into: join(makeFolder(), 'clone') };
  expect(await cloneRepository({ ...asked, mark: {}, onLine: () => {} }).catch(shown)).toBe(
    'configuration: The commit `aaaaaaa` cannot be had any more: somebody has pushed over it. Say `up` again to take the one that is there now.',
  );
});

test('with credentials about, a commit must be on a branch or a tag: others may be of anybody', async () => {
  const { url, first, commit } = makeRepository(join(makeFolder(), 'api.git'));
  const foreign = commit({ 'a.txt': 'evil\n' }, 'evil');
  git(url, 'update-ref', 'refs/pull/7/head', foreign);
  git(url, 'update-ref', '-d', 'refs/heads/evil');
  git(url, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  const take = (ref: string, isGuarded: boolean) =>
    cloneRepository({
      repository: url,
      ref,
      isGuarded,
      into: join(makeFolder(), 'clone'),
      mark: {},
      onLine: () => {},
    });
  for (const ref of [foreign, 'refs/pull/7/head']) {
    expect(await take(ref, true).catch(shown)).toMatch(/is on no branch and no tag of this repository/);
    await expect(take(ref, false)).resolves.toBeUndefined();
  }
  await expect(take(first, true)).resolves.toBeUndefined();
});
