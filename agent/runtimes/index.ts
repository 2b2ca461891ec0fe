// The runtimes, one line each. A workspace has one for life, by its name.
import type { CodingPrograms } from '../coding/programs.ts';
import type { Users } from '../system/users.ts';
import { createHostRuntime } from './host.ts';
import type { Runtime } from './runtime.ts';

export interface RuntimeOptions {
  /** The agent's own. */
  env: NodeJS.ProcessEnv;
  users: Users;
  /** What the node has for coding. */
  programs?: CodingPrograms;
}

const RUNTIMES = {
  host: createHostRuntime,
} satisfies Record<string, (options: RuntimeOptions) => Runtime>;

export type RuntimeName = keyof typeof RUNTIMES;
export type Runtimes = Record<RuntimeName, Runtime>;

export const RUNTIME_NAMES = Object.keys(RUNTIMES) as RuntimeName[];

export function createRuntimes(options: RuntimeOptions): Runtimes {
  const made = RUNTIME_NAMES.map((name) => [name, RUNTIMES[name](options)]);
  return Object.fromEntries(made) as Runtimes;
}
