// The agent's own git starts no program that a workspace, or a person, has configured: over real git, with every trap set.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cloneRepository, findTags } from '../../../agent/git/clone.ts';
import { countWork } from '../../../agent/git/counting.ts';
import { findHead, setIdentity } from '../../../agent/git/git.ts';
import { saveWork } from '../../../agent/git/saving.ts';
import { git, makeRepository } from '../../testers/node.ts';

const HOOKS =
  'post-checkout post-index-change reference-transaction pre-push pre-commit post-commit fsmonitor-watchman sendemail-validate pre-auto-gc post-rewrite update push-to-checkout';

/** Every way that git has to start what a configuration names; each leaves its name in `folder`. */
function settings(folder: string): [string, string][] {
  const trap = (what: string) => `touch ${join(folder, `trap-${what}`)}; cat`;
  return [
    ['filter.evil.clean', trap('clean')],
    ['filter.evil.smudge', trap('smudge')],
    ['filter.evil.process', trap('process')],
    ['filter.evil.required', 'true'],
    ['filter.slow.process', trap('slow-process')],
    ['core.fsmonitor', `${join(folder, 'fsmonitor')}`],
    ['core.hooksPath', join(folder, 'hooks')],
    ['diff.evil.textconv', trap('textconv')],
    ['diff.evil.command', trap('diff-command')],
    ['diff.external', trap('external')],
    ['merge.evil.driver', trap('merge')],
    ['core.sshCommand', trap('ssh')],
    ['core.gitProxy', join(folder, 'fsmonitor')],
    ['core.pager', trap('pager')],
    ['pager.status', trap('pager-status')],
    ['pager.stash', trap('pager-stash')],
    ['core.editor', trap('editor')],
    ['core.askPass', join(folder, 'fsmonitor')],
    ['core.alternateRefsCommand', trap('alternates')],
    ['credential.helper', `!${trap('credential')}`],
    ['gpg.program', join(folder, 'fsmonitor')],
    ['log.showSignature', 'true'],
    ['commit.gpgSign', 'true'],
    ['push.gpgSign', 'if-asked'],
    ['core.untrackedCache', 'true'],
    ['include.path', join(folder, 'more')],
    ...'status rev-list rev-parse add push stash for-each-ref'
      .split(' ')
      .map((name): [string, string] => [`alias.${name}`, `!${trap(`alias-${name}`)}`]),
  ];
}

function setTraps(folder: string, dir: string): void {
  for (const [key, value] of settings(folder)) git(dir, 'config', key, value);
  for (const hooks of [
    join(folder, 'hooks'),
    git(dir, 'rev-parse', '--absolute-git-dir').trim() + '/hooks',
  ]) {
    mkdirSync(hooks, { recursive: true });
    for (const hook of HOOKS.split(' ')) makeScript(join(hooks, hook), `touch ${folder}/trap-hook-${hook}`);
  }
}

function makeScript(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\n${line}\n`);
  chmodSync(path, 0o755);
}

async function openTrapped() {
  const folder = mkdtempSync(join(tmpdir(), 'sam-neutral-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  makeScript(join(folder, 'fsmonitor'), `touch ${folder}/trap-program; false`);
  writeFileSync(join(folder, 'more'), `[diff "evil"]\n\tcachetextconv = true\n`);
  const sub = makeRepository(join(folder, 'remote', 'sub.git'));
  sub.commit({ '.gitattributes': 'README.md filter=evil diff=evil\n' });
  const remote = makeRepository(join(folder, 'remote', 'api.git'));
  const attributes = '*.txt filter=evil diff=evil merge=evil\n*.bin filter=slow\n';
  remote.commit({
    'a.txt': 'a\n',
    'b.bin': 'b\n',
    '.gitattributes': attributes,
    '.gitignore': '.worktrees/\n',
  });
  const dir = join(folder, 'workspace', 'api');
  mkdirSync(join(folder, 'workspace'));
  const asked = { repository: remote.url, mark: {} };
  const traps = () => readdirSync(folder).filter((name) => name.startsWith('trap-'));
  return { folder, remote, sub, dir, asked, traps };
}

test('a count and a saving run nothing of the checkout, of its worktrees and its submodules', async () => {
  const { folder, remote, sub, dir, asked, traps } = await openTrapped();
  await cloneRepository({ ...asked, into: dir, onLine: () => {} });
  git(dir, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', sub.path, 'sub');
  git(dir, 'commit', '-qm', 'sub');
  git(dir, 'worktree', 'add', '-q', '--detach', '.worktrees/fix');
  writeFileSync(join(dir, 'a.txt'), 'stashed\n');
  git(dir, 'stash', '-q');
  const base = git(dir, 'rev-parse', 'HEAD').trim();
  for (const at of [dir, join(dir, 'sub'), join(dir, '.worktrees', 'fix')]) setTraps(folder, at);
  // Its content is as it was, but only a filter could say so.
  for (const name of ['b.bin', 'sub/README.md', '.worktrees/fix/b.bin']) utimesSync(join(dir, name), 1, 1);
  for (const name of ['a.txt', 'sub/README.md', '.worktrees/fix/a.txt'])
    writeFileSync(join(dir, name), 'changed\n');
  writeFileSync(join(dir, '.git', 'info', 'attributes'), '* filter=evil\n');
  for (const name of traps()) rmSync(join(folder, name));

  const work = await countWork(asked, dir, { base });
  expect(work).toMatchObject({ changed: 3, untracked: 0, unpushed: 1, places: [{}, {}] });
  expect(await findHead(asked, dir)).toBe(base);
  await setIdentity(asked, dir, { name: 'Me', email: 'me@sam.test' });
  const place = { id: 'ws-abcdefghijkl', name: 'api-1', checkout: dir, base };
  const scratch = join(folder, 'workspace', '.saving');
  const { saved, left } = await saveWork({ ...asked, ...place, scratch }, work);
  expect(git(remote.path, 'show', `${saved.commit}^1:a.txt`)).toBe('changed\n');
  expect(left).toMatchObject({ changed: 1, unpushed: 0, places: [{ where: 'sub' }] });
  expect(traps()).toEqual([]);
  // Any other git falls into them.
  expect(() => git(dir, 'commit', '-qam', 'mine')).toThrow();
  git(join(dir, 'sub'), 'config', '--unset', 'filter.evil.process');
  git(join(dir, 'sub'), 'add', 'README.md');
  expect(traps()).toEqual(expect.arrayContaining(['trap-clean', 'trap-process', 'trap-program']));
});

test('a clone runs nothing that the home folder of its user names', async () => {
  const { folder, dir, asked, traps } = await openTrapped();
  setTraps(folder, join(folder, 'remote', 'api.git'));
  const home = join(folder, 'home');
  mkdirSync(home);
  for (const [key, value] of settings(folder))
    if (!key.startsWith('credential.')) git(home, 'config', '--global', key, value);
  git(home, 'config', '--global', 'core.attributesFile', join(folder, 'attributes'));
  writeFileSync(join(folder, 'attributes'), '* filter=evil\n');
  for (const name of traps()) rmSync(join(folder, name));
  const before = process.env['HOME'];
  process.env['HOME'] = home;
  try {
    await cloneRepository({ ...asked, ref: 'main', into: dir, onLine: () => {} });
    await findTags(asked, dir);
    expect(await countWork(asked, dir, {})).toEqual({ changed: 0, untracked: 0, unpushed: 0 });
  } finally {
    process.env['HOME'] = before;
  }
  expect(traps()).toEqual([]);
});
