// The runtimes, one line each, the better ones first. A workspace has one for life, by its name.
import { createDevcontainerRuntime } from './devcontainer/devcontainer.ts';
import { createHostRuntime } from './host.ts';
import type { Runtime, RuntimeOptions } from './runtime.ts';

const RUNTIMES = {
  devcontainer: createDevcontainerRuntime,
  host: createHostRuntime,
} satisfies Record<string, (options: RuntimeOptions) => Runtime>;

export type RuntimeName = keyof typeof RUNTIMES;
export type Runtimes = Record<RuntimeName, Runtime>;

export const RUNTIME_NAMES = Object.keys(RUNTIMES) as RuntimeName[];

export function createRuntimes(options: RuntimeOptions): Runtimes {
  const made = RUNTIME_NAMES.map((name) => [name, RUNTIMES[name](options)]);
  return Object.fromEntries(made) as Runtimes;
}

/** For a new workspace: the first that the node can have. */
export async function chooseRuntime(runtimes: Runtimes): Promise<RuntimeName> {
  for (const name of RUNTIME_NAMES) if (await runtimes[name].isAvailable()) return name;
  return 'host';
}
