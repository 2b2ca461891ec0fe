// What `up /path` means on this machine: checkouts, bare repositories, and folders of worktrees around one.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { locate } from '../../bot/forges/locate.ts';
import { git, makeRepository } from '../testers/node.ts';

test('a bare repository, and a folder of worktrees around one, is one to clone from', async () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'sam-locate-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const { path } = makeRepository(join(root, 'api.git'));
  const at = (folder: string) => locate([], { kind: 'path', path: folder }, root);
  expect(await at('api.git')).toEqual({ url: path, label: 'api', ref: 'main' });
  git(root, 'clone', '-q', '--bare', path, 'proj/.bare');
  expect(await at('proj')).toEqual({ url: join(root, 'proj', '.bare'), label: 'proj', ref: 'main' });
  writeFileSync(join(root, 'proj', '.git'), 'gitdir: ./.bare\n');
  expect(await at('proj')).toEqual({ url: join(root, 'proj'), label: 'proj', ref: 'main' });
  git(join(root, 'proj'), 'worktree', 'add', '-q', '-b', 'fix', 'fix');
  expect(await at('proj/fix')).toEqual({ url: join(root, 'proj', 'fix'), label: 'fix', ref: 'fix' });
  git(root, 'clone', '-q', path, 'work');
  mkdirSync(join(root, 'work', 'deep'));
  expect(await at('work/deep')).toEqual({ url: join(root, 'work'), label: 'work', ref: 'main' });
  await expect(at('.')).rejects.toMatchObject({ code: 'not-a-repository', details: { path: root } });
});
