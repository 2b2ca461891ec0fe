// The runtimes of the agent, each held to the contract; that of containers in test/machines, where there is an engine.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
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
