// A person's dotfiles: what is installed where, once, and what goes wrong without keeping anybody from working. In a real shell.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { installDotfiles } from '../../agent/workspaces/dotfiles.ts';
import { git, makeRepository } from '../testers/node.ts';
import { serveGit } from './git/server.ts';

async function createHome({ token }: { token?: string } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'sam-dotfiles-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const home = join(root, 'home');
  mkdirSync(home);
  const repository = makeRepository(join(root, 'ada', 'dotfiles.git'));
  const server = await serveGit(root, token === undefined ? {} : { token });
  const said: string[] = [];
  const ended: string[] = [];
  const install = (address = server.url('ada/dotfiles.git'), timeoutMs?: number) =>
    installDotfiles({
      runtime: {
        command: (spec, line) => ({
          file: '/bin/sh',
          args: ['-c', line],
          env: { HOME: home, PATH: process.env['PATH'] ?? '', ...spec.env },
          cwd: spec.dir,
        }),
        endCommand: (_, mark) => Promise.resolve(void ended.push(mark)),
      },
      spec: { id: 'ws-1', name: 'api-1', dir: root, env: {} },
      repository: address,
      signal: new AbortController().signal,
      log: (line) => said.push(line),
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  const read = (name: string) => readFileSync(join(home, name), 'utf8');
  return { home, repository, install, said, ended, read };
}

test('their own script installs them, once; what it writes is in the log', async () => {
  const { repository, install, said, read, ended } = await createHome();
  repository.commit({
    'install.sh': '#!/bin/sh\necho from "$PWD"\necho once >>"$HOME/ran"\n',
    '.vimrc': 'x',
  });
  expect(await install()).toBeUndefined();
  expect(await install()).toBeUndefined();
  expect(read('ran')).toBe('once\n');
  expect(said).toContain('install.sh:');
  expect(said.join('\n')).toMatch(/^from .*\.dotfiles$/m);
  expect(ended).toEqual(['dotfiles', 'dotfiles']);
});

test('without a script what begins with a dot is linked, over files; a folder that is there stays', async () => {
  const { home, repository, install, said, read } = await createHome();
  repository.commit({ '.bashrc': 'alias ll=ls\n', '.config': 'theirs', '.gitignore': 'x' });
  writeFileSync(join(home, '.bashrc'), 'of the image\n');
  mkdirSync(join(home, '.config'));
  expect(await install()).toBeUndefined();
  expect(read('.bashrc')).toBe('alias ll=ls\n');
  expect(readlinkSync(join(home, '.bashrc'))).toBe(join(home, '.dotfiles', '.bashrc'));
  expect(existsSync(join(home, '.gitignore'))).toBe(false);
  expect(said).toContain('.config is a folder there already: it is left as it is.');
});

test('a script that fails is told by its code, and runs again at the next start', async () => {
  const { repository, install, read } = await createHome();
  repository.commit({ 'install.sh': '#!/bin/sh\necho x >>"$HOME/ran"\nexit 3\n' });
  expect(await install()).toEqual({ code: 'install-failed', exit: 3 });
  await install();
  expect(read('ran')).toBe('x\nx\n');
});

test('what takes too long is ended, and that is said', async () => {
  const { repository, install } = await createHome();
  repository.commit({ 'install.sh': '#!/bin/sh\nexec sleep 1000\n' });
  expect(await install(undefined, 1_500)).toEqual({ code: 'late' });
});

test('a repository that wants a password, or is not there, is not cloned; nobody is asked', async () => {
  const { home, install } = await createHome({ token: 'secret' });
  expect(await install()).toEqual({ code: 'clone-failed' });
  expect(existsSync(join(home, '.dotfiles'))).toBe(false);
  expect(await install(`http://127.0.0.1:1/x'; touch ${home}/canary; '`)).toEqual({ code: 'clone-failed' });
  expect(existsSync(join(home, 'canary'))).toBe(false);
});

test('dotfiles that somebody keeps by themselves are left as they are', async () => {
  const { home, install, said, read } = await createHome();
  mkdirSync(join(home, '.dotfiles'));
  writeFileSync(join(home, '.dotfiles', 'mine'), 'mine');
  expect(await install()).toBeUndefined();
  expect(read('.dotfiles/mine')).toBe('mine');
  expect(said.join('\n')).toContain("somebody's own");
  git(home, 'init', '-q', '.dotfiles');
  expect(await install()).toBeUndefined();
});
