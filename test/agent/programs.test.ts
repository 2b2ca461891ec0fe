// Claude Code as a node brings it: what is seen to beside the download, and how whoever waits for it hears that it failed.
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createCodingPrograms, type CodingPrograms } from '../../agent/coding/programs.ts';
import { createHostRuntime } from '../../agent/runtimes/host.ts';
import { createUsers } from '../../agent/system/users.ts';

let dir: string;
let root: string;
let programs: CodingPrograms;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sam-programs-'));
  root = join(dir, 'programs');
  onTestFinished(() => rmSync(dir, { recursive: true }));
  programs = create();
});

const log = { info: () => {}, warn: () => {}, error: () => {} };
const create = () => createCodingPrograms({ dir, log, env: { PATH: '/nowhere' }, target: 'linux-x64' });

/** One that has nothing. */
async function serveNothing(): Promise<() => number> {
  let asked = 0;
  const server = createServer((_, res) => {
    asked++;
    res.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  programs.serve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return () => asked;
}

/** As an agent leaves it that ends between two steps. */
function place(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '#!/bin/sh\necho "I am Claude"\n', { mode: 0o755 });
}

async function findFile(): Promise<string> {
  await serveNothing();
  return programs.claude()!.file;
}

test('what is there is on a PATH whatever happened to the link, and no registry is asked', async () => {
  place(await findFile());
  programs = create();
  await programs.bringIfMissing();
  const link = join(programs.bin, 'claude');
  expect(readlinkSync(link)).toBe(programs.claude()!.file);
  expect(spawnSync(link, { encoding: 'utf8' }).stdout).toBe('I am Claude\n');
  rmSync(link);
  await programs.bring();
  expect(readlinkSync(link)).toBe(programs.claude()!.file);
});

test('the versions before go when this one is there, and nothing else does', async () => {
  const file = await findFile();
  for (const old of ['claude-code-2.0.1', 'claude-code-2.1.0.new', 'other-1.0.0'])
    place(join(root, old, 'claude'));
  writeFileSync(join(root, 'claude-code-2.0.1.failed'), 'x\n');
  await programs.bring();
  expect(readdirSync(root)).toContain('claude-code-2.0.1');
  place(file);
  programs = create();
  await programs.bring();
  expect(readdirSync(root).toSorted()).toEqual(['bin', file.split('/').at(-2), 'other-1.0.0']);
});

test('what failed says why, is not tried again at once, and is nobody’s end', async () => {
  const asked = await serveNothing();
  const { failure } = programs.claude()!;
  await programs.bring();
  await programs.bring();
  expect(readFileSync(failure, 'utf8')).toContain('the registry answered 404');
  expect(asked()).toBe(1);
  programs = create();
  await serveNothing();
  rmSync(failure);
  mkdirSync(failure);
  await expect(programs.bring()).resolves.toBeUndefined();
});

/** What a terminal of the profile shows that waits for it. `folder`: of programs before all others. */
function wait(folder = '/nowhere') {
  const { file, failure } = programs.claude()!;
  const coming: CodingPrograms = { ...programs, claude: () => ({ file, failure, isThere: false }) };
  const users = createUsers('/nowhere');
  const runtime = createHostRuntime({ env: { PATH: '/nowhere', HOME: dir }, users, programs: coming });
  const { args } = runtime.session({ id: 'ws-abcdefghijkl', name: 'api-1', dir: '/', env: {} }, 'claude');
  const words = args.slice(args.lastIndexOf('/bin/sh'));
  const env = { PATH: `${folder}:/usr/bin:/bin` };
  return spawnSync(words[0]!, words.slice(1), { env, encoding: 'utf8', timeout: 40_000 });
}

test('a terminal that waits starts it, or gives up when it failed, also where the reason could not be written', async () => {
  await serveNothing();
  await programs.bring();
  expect(wait()).toMatchObject({ status: 1, stdout: expect.stringContaining('answered 404') as string });
  writeFileSync(programs.claude()!.failure, '');
  expect(wait()).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('could not be brought') as string,
  });
  place(programs.claude()!.file);
  expect(wait()).toMatchObject({ status: 0, stdout: expect.stringContaining('I am Claude') as string });
});

test('a terminal that nobody tells anything waits for an end', async () => {
  await serveNothing();
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'sleep'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  expect(wait(bin)).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('nobody said why') as string,
  });
});
