// That the fake GitHub's git is as strict as GitHub's: the real git clones and pushes with real tokens.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { openContext } from './github/context.ts';

const run = promisify(execFile);

async function setFolder() {
  const context = await openContext();
  const home = await mkdtemp(join(tmpdir(), 'git-user-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const identity = {
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@x',
    GIT_COMMITTER_NAME: 'A',
    GIT_COMMITTER_EMAIL: 'a@x',
  };
  const env = { PATH: process.env['PATH'], HOME: home, GIT_TERMINAL_PROMPT: '0', ...identity };

  /** Git with a token that a credential helper knows; 'fine', or what git said at last. */
  async function git(args: string[], token = '') {
    const helper = `!f() { echo username=x-access-token; echo "password=${token}"; }; f`;
    const credentials = ['-c', `credential.helper=${token ? helper : ''}`];
    try {
      await run('git', [...credentials, ...args], { cwd: home, env });
      return 'fine';
    } catch (error) {
      return (error as { stderr: string }).stderr.trim().split('\n').at(-1) ?? '';
    }
  }

  const url = (fullName: string) => `${context.github.url}/${fullName}.git`;
  const clone = (fullName: string, token?: string, to = 'work') =>
    git(['clone', '-q', url(fullName), to], token);
  async function commit(file: string, folder = 'work') {
    await writeFile(join(home, folder, file), 'new\n');
    await git(['-C', folder, 'add', '.']);
    await git(['-C', folder, 'commit', '-qm', file]);
  }
  const head = async (folder = 'work') =>
    (await run('git', ['-C', join(home, folder), 'rev-parse', 'HEAD'], { env })).stdout.trim();
  return { ...context, home, git, url, clone, commit, head };
}

test('a private repository is cloned with a token that covers it, and with no other', async () => {
  const { github, clone, mintToken, api, site, home } = await setFolder();
  expect(await clone('acme/api')).toContain('could not read Username');
  expect(await clone('acme/api', 'ghs_wrong')).toContain('Authentication failed');
  const other = await mintToken({ repository_ids: [site.id] });
  expect(await clone('acme/api', other)).toContain('not found');
  const without = await mintToken({ permissions: { issues: 'write' } });
  expect(await clone('acme/api', without)).toContain('not found');
  const token = await mintToken({ repository_ids: [api.id], permissions: { contents: 'read' } });
  expect(await clone('acme/api', token)).toBe('fine');
  expect(await readFile(join(home, 'work', 'README.md'), 'utf8')).toBe('# api\n');
  expect(github.log.filter((one) => one.path.startsWith('/acme/api.git')).at(-1)?.auth).toBe('installation');
  await github.stop();
});

test('a public repository is cloned without a token, but not pushed to', async () => {
  const { clone, git, commit } = await setFolder();
  expect(await clone('acme/site')).toBe('fine');
  await commit('new.txt');
  expect(await git(['-C', 'work', 'push', '-q', 'origin', 'main'])).toContain('could not read Username');
});

test('a push wants contents: write, and open pull requests follow it', async () => {
  const { github, clone, git, commit, head, mintToken, pr, api, call } = await setFolder();
  const reader = await mintToken({ repository_ids: [api.id], permissions: { contents: 'read' } });
  const writer = await mintToken({ repository_ids: [api.id], permissions: { contents: 'write' } });
  await clone('acme/api', reader);
  await git(['-C', 'work', 'checkout', '-q', 'feature']);
  await commit('new.txt');
  expect(await git(['-C', 'work', 'push', '-q', 'origin', 'feature'], reader)).toContain('403');
  expect(await git(['-C', 'work', 'push', '-q', 'origin', 'feature'], writer)).toBe('fine');
  expect(pr.head!.sha).toBe(await head());
  const shown = await call('GET', `/repos/acme/api/pulls/${pr.number}`, undefined, writer);
  expect(shown.status).toBe(403);
  expect(await git(['-C', 'work', 'push', '-q', 'origin', 'HEAD:refs/sam/ws-1'], writer)).toBe('fine');
  expect(await github.git.resolve(api.id, 'refs/sam/ws-1')).toBe(await head());
  await github.stop();
});

test('the head of a pull request, from a fork too, is fetched by its number, and nobody writes there', async () => {
  const { github, clone, git, commit, head, mintToken } = await setFolder();
  await github.addRepository('stan/site', { forkOf: 'acme/site' });
  const pr = await github.addPullRequest('acme/site', { by: 'stan', from: 'stan/site', branch: 'patch' });
  await clone('acme/site');
  const ref = `refs/pull/${pr.number}/head`;
  expect(await git(['-C', 'work', 'fetch', '-q', 'origin', ref])).toBe('fine');
  expect(await git(['-C', 'work', 'checkout', '-q', 'FETCH_HEAD'])).toBe('fine');
  expect(await head()).toBe(pr.head!.sha);
  const before = pr.head!.sha;
  await github.push(pr, 'stan');
  expect(pr.head!.sha).not.toBe(before);
  expect(await git(['-C', 'work', 'fetch', '-q', 'origin', pr.head!.sha])).toBe('fine');
  await commit('evil.txt');
  await git(['-C', 'work', 'push', '-q', 'origin', `+HEAD:${ref}`], await mintToken());
  expect(await github.git.resolve(github.repository('acme/site').id, ref)).toBe(pr.head!.sha);
});

test('a renamed repository is found by git under its old name', async () => {
  const { github, clone, api, mintToken } = await setFolder();
  const token = await mintToken({ repository_ids: [api.id] });
  await github.rename(api, 'alice', 'core');
  expect(await clone('acme/api', token, 'old')).toBe('fine');
  expect(await clone('acme/core', token, 'new')).toBe('fine');
  expect(await clone('acme/gone', token, 'gone')).toContain('not found');
});

test('an archived repository takes no push, and an ended installation no clone', async () => {
  const { github, clone, git, commit, api, mintToken, installation } = await setFolder();
  const token = await mintToken();
  await clone('acme/api', token);
  await commit('new.txt');
  api.archived = true;
  expect(await git(['-C', 'work', 'push', '-q', 'origin', 'main'], token)).toContain('403');
  await github.suspend(installation, 'alice');
  expect(await clone('acme/api', token, 'again')).toContain('Authentication failed');
});

test('a person pushes with their own right', async () => {
  const { github, clone, git, commit, api } = await setFolder();
  const sign = (login: string) => github.userToken(login);
  await clone('acme/api', sign('tom'));
  await commit('new.txt');
  expect(await git(['-C', 'work', 'push', '-q', 'origin', 'main'], sign('tom'))).toContain('403');
  expect(await git(['-C', 'work', 'push', '-q', 'origin', 'main'], sign('alice'))).toBe('fine');
  expect(await clone('acme/api', sign('stan'), 'stan')).toContain('not found');
  expect((await github.git.branches(api.id)).map((one) => one.name)).toEqual(['feature', 'main']);
});
