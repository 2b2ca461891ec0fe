// Where agents bring coding agents from: what is named, else what npm says, which is asked once.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPackages } from '../../bot/nodes/packages.ts';
import { eventually } from '../testers/watch.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sam-npm-'));
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** An npm that says this, and writes down what it was asked. */
function placeNpm(answer: string): void {
  const file = join(folder, 'npm');
  writeFileSync(file, `#!/bin/sh\necho "$@" >>"${folder}/asked"\n${answer}\n`);
  chmodSync(file, 0o755);
}

const find = (named?: string) => {
  const log = { warn: vi.fn() };
  return { ask: createPackages(named, log), log };
};

test('without a name it is what npm uses here, without what stands for a person, and npm is asked once', async () => {
  placeNpm('echo https://ada:secret@packages.example.com/npm/');
  const { ask, log } = find();
  expect(await Promise.all([ask(), ask()])).toEqual(Array(2).fill('https://packages.example.com/npm'));
  expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe('config get registry\n');
  expect(log.warn).not.toHaveBeenCalled();
});

test('npm is asked before any agent is there', async () => {
  placeNpm('echo https://packages.example.com');
  find();
  await eventually(() => existsSync(join(folder, 'asked')), 'the question');
});

test('an npm that says nothing of use is asked again by whoever asks next', async () => {
  placeNpm('exit 1');
  const { ask } = find();
  expect(await ask()).toBeUndefined();
  placeNpm('echo https://packages.example.com');
  expect(await ask()).toBe('https://packages.example.com');
});

test('one that is named is taken as it is, and npm is not asked', async () => {
  placeNpm('exit 1');
  expect(await find('https://named.example.com').ask()).toBe('https://named.example.com');
  expect(existsSync(join(folder, 'asked'))).toBe(false);
});

test.each(['exit 1', 'echo undefined', 'echo file:///etc'])(
  'an npm that does `%s` names none, and is told of',
  async (answer) => {
    placeNpm(answer);
    const { ask, log } = find();
    expect(await ask()).toBeUndefined();
    expect(log.warn).toHaveBeenCalledOnce();
  },
);
