// What came of a turn in its checkout: compared with its beginning, whoever committed what, and running nothing of the checkout's.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { rememberFiles } from '../../../agent/coding/changes.ts';
import { git } from '../../testers/node.ts';
import { createTester } from './tasks.ts';

const write = (folder: string, name: string, text: string): void => writeFileSync(join(folder, name), text);

test('commits, changes, and new files count; what was changed before the turn does not', async () => {
  const { checkout, git: own } = createTester();
  write(checkout, 'before.txt', 'a person was here\n');
  appendFileSync(join(checkout, 'README.md'), 'and here\n');
  const beginning = await rememberFiles(own, checkout);
  git(checkout, 'checkout', '-q', '-b', 'fix');
  write(checkout, 'committed.txt', 'one\ntwo\n');
  git(checkout, 'add', 'committed.txt');
  git(checkout, 'commit', '-q', '-m', 'fix');
  write(checkout, 'new file.txt', 'one\n');
  appendFileSync(join(checkout, 'before.txt'), 'and a program\n');
  const staged = git(checkout, 'diff', '--cached', '--name-only');
  expect(await beginning.compare()).toEqual({
    branch: 'fix',
    files: [
      { path: 'before.txt', added: 1, removed: 0 },
      { path: 'committed.txt', added: 2, removed: 0 },
      { path: 'new file.txt', added: 1, removed: 0 },
    ],
    count: 3,
  });
  // Nothing of it shows in the checkout.
  expect(git(checkout, 'diff', '--cached', '--name-only')).toBe(staged);
  await beginning.close();
  expect(readdirSync(dirname(checkout))).toEqual(['api']);
});

test('what went away counts, and what is ignored does not', async () => {
  const { checkout, git: own } = createTester();
  write(checkout, '.gitignore', 'out/\n');
  write(checkout, 'gone.txt', 'one\n');
  const beginning = await rememberFiles(own, checkout);
  rmSync(join(checkout, 'README.md'));
  rmSync(join(checkout, 'gone.txt'));
  mkdirSync(join(checkout, 'out'));
  write(checkout, 'out/x', 'x');
  expect(await beginning.compare()).toEqual({
    branch: 'main',
    files: [
      { path: 'README.md', added: 0, removed: 1 },
      { path: 'gone.txt', added: 0, removed: 1 },
    ],
    count: 2,
  });
  await beginning.close();
});

test('of many files a hundred are named, and all are counted', async () => {
  const { checkout, git: own } = createTester();
  const beginning = await rememberFiles(own, checkout);
  for (let index = 0; index < 120; index++) write(checkout, `file-${index}`, 'x\n');
  const { files, count } = await beginning.compare();
  expect([files.length, count]).toEqual([100, 120]);
  await beginning.close();
});

test('a new file that is large is not copied, and counts where it is another one', async () => {
  const { checkout, git: own } = createTester();
  write(checkout, 'same.bin', '');
  truncateSync(join(checkout, 'same.bin'), 8 << 20);
  const beginning = await rememberFiles(own, checkout);
  write(checkout, 'large.bin', '');
  truncateSync(join(checkout, 'large.bin'), 8 << 20);
  expect(await beginning.compare()).toMatchObject({
    files: [{ path: 'large.bin', added: 0, removed: 0 }],
    count: 1,
  });
  await beginning.close();
});

test('no filter and no hook of the checkout runs', async () => {
  const { checkout, git: own, folder } = createTester();
  const trap = join(folder, 'trap');
  write(checkout, '.gitattributes', '* filter=evil diff=evil\n');
  git(checkout, 'config', 'filter.evil.clean', `touch ${trap}`);
  git(checkout, 'config', 'diff.evil.textconv', `touch ${trap}`);
  git(checkout, 'config', 'diff.external', `touch ${trap}`);
  git(checkout, 'config', 'core.fsmonitor', `touch ${trap}`);
  const beginning = await rememberFiles(own, checkout);
  appendFileSync(join(checkout, 'README.md'), 'more\n');
  expect(await beginning.compare()).toMatchObject({ files: [{ path: 'README.md', added: 1 }] });
  await beginning.close();
  expect(existsSync(trap)).toBe(false);
});
