// The runtimes of the agent, each held to the contract.
import { expect, test } from 'vitest';
import { createRuntimes, RUNTIME_NAMES } from '../../agent/runtimes/index.ts';
import { ownUser } from '../../agent/system/users.ts';
import { describeRuntime } from './runtime-contract.ts';

const env = { ...process.env, SAM_BOOTSTRAP_TOKEN: 'keep-me-secret' };

describeRuntime('host', { create: () => createRuntimes({ env, users: ownUser }).host });

test('no runtime goes without the contract', () => {
  expect(RUNTIME_NAMES).toEqual(['host']);
});
