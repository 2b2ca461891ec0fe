// The runtimes of the agent, each held to the contract; that of containers in test/machines, where there is an engine.
import { expect, test } from 'vitest';
import { createRuntimes, RUNTIME_NAMES } from '../../agent/runtimes/index.ts';
import { createLog } from '../../agent/log.ts';
import type { RuntimeOptions } from '../../agent/runtimes/runtime.ts';
import { ownUser } from '../../agent/system/users.ts';
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
