// The runtimes of the agent, each held to the contract; that of containers in test/machines, where there is an engine.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createRuntimes, RUNTIME_NAMES } from '../../agent/runtimes/index.ts';
import { createLog } from '../../agent/log.ts';
import { ProfileError, type RuntimeOptions } from '../../agent/runtimes/runtime.ts';
import { ownUser } from '../../agent/system/users.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { describeRuntime } from './runtime-contract.ts';

const env = { ...process.env, SAM_BOOTSTRAP_TOKEN: 'keep-me-secret' };

const options = (): RuntimeOptions => ({
  env,
  users: ownUser,
  node: 'nd-abcdefghijkl',
  dir: '/nowhere',
  settings: () => ({ runtime: 'auto' }),
  log: createLog(() => {}),
});

describeRuntime('host', { create: () => createRuntimes(options()).host });

test('no runtime goes without the contract', () => {
  expect(RUNTIME_NAMES).toEqual(['devcontainer', 'host']);
});

test.each([
  [true, ''],
  [false, '--setting-sources user --strict-mcp-config'],
])(
  'a Claude terminal (own code: %s) takes settings and servers of a checkout from nobody else',
  (isTrusted, flags) => {
    const folder = mkdtempSync(join(tmpdir(), 'sam-claude-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'claude');
    writeFileSync(file, '#!/bin/sh\necho "started: $*"\n', { mode: 0o755 });
    const workspace = { id: newWorkspaceId(), name: 'api-1', dir: tmpdir(), env: {}, isTrusted };
    for (const isThere of [true, false]) {
      const claude = () => ({ file, failure: join(folder, 'failed'), isThere });
      const programs = { claude, bin: '/nowhere', bring: () => Promise.resolve() };
      const { host } = createRuntimes({ ...options(), programs: programs as never });
      const spec = host.session(workspace, 'claude');
      const said = execFileSync(spec.file, spec.args, { env: spec.env, cwd: spec.cwd, encoding: 'utf8' });
      expect(said).toContain(`started: ${flags}\n`);
    }
  },
);

test('where something of a command line lives on, its end says so', async () => {
  const runtime = createRuntimes(options()).host;
  const workspace = { id: newWorkspaceId(), name: 'api-1', dir: tmpdir(), env: {} };
  const { file, args, env: given, cwd } = runtime.command(workspace, 'exec sleep 9877', 'tk-a/4');
  const child = spawn(file, args, { env: given, cwd, stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const kill = process.kill.bind(process);
  // As one that hangs in the kernel: a signal may be sent, and nothing comes of it.
  const spy = vi
    .spyOn(process, 'kill')
    .mockImplementation((pid, signal) => pid === child.pid || kill(pid, signal));
  onTestFinished(() => spy.mockRestore());
  await expect(runtime.endCommand(workspace, 'tk-a/4')).rejects.toThrow('1 programs could not be ended');
  spy.mockRestore();
  await runtime.endCommand(workspace, 'tk-a/4');
});

test('a node that does not run Linux has nothing that would run in a container', () => {
  const runtime = createRuntimes(options()).devcontainer;
  const workspace = { id: newWorkspaceId(), name: 'api-1', dir: '/nowhere', env: {}, isTrusted: true };
  const program = () => runtime.program(workspace, { file: process.execPath, args: [], env: {} });
  expect(program()).toBeUndefined();
  vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin');
  onTestFinished(() => void vi.restoreAllMocks());
  expect(program).toThrow(ProfileError);
});
