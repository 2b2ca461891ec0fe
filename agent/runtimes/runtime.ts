// The contract of a runtime: where the programs of a workspace run. test/agent/runtime-contract.ts holds every runtime to it.
// Knows no socket and no git.
import type { Limits } from '../protocol.ts';
import type { SpawnSpec } from '../sessions/pty.ts';
import type { User } from '../system/users.ts';

/** What a runtime is told of a workspace. */
export interface WorkspaceSpec {
  id: string;
  /** What people type. */
  name: string;
  /** The checkout, absolute. */
  dir: string;
  /** What its programs need beside the runtime's own. Nothing secret. */
  env: Record<string, string>;
  /** Whom its programs run as; absent: the agent's own user. */
  user?: User | undefined;
}

export interface Runtime {
  /** Makes what `start` needs and may take long, with progress in `log`. The checkout is there. Repeatable. Throws `WorkspaceError`. */
  prepare: (
    workspace: WorkspaceSpec,
    tools: { signal: AbortSignal; log(line: string): void },
  ) => Promise<void>;
  /** From here on sessions can be opened. Leaves alone what runs already. Repeatable. Throws `WorkspaceError`. */
  start: (workspace: WorkspaceSpec) => Promise<void>;
  /** What a new session of `profile` starts; absent: a login shell. Throws `ProfileError`. */
  session: (workspace: WorkspaceSpec, profile: string | undefined) => SpawnSpec;
  /** What holds the programs of a running workspace, and what they ran against. Undefined: nothing does. */
  limits: (workspace: string) => Limits | undefined;
  /**
   * Ends everything that runs in the workspace, daemons included. `endSessions` closes its terminals: the runtime calls it
   * once it has seen what runs there. Files stay. Repeatable; within ten seconds, whatever resists. How many live on: what
   * hangs in the kernel, and what cannot be held.
   */
  stop: (workspace: WorkspaceSpec, endSessions: () => Promise<void>) => Promise<number>;
  /** Forgets what it keeps beside the workspace's folder, which is gone by now. After `stop`. Repeatable. */
  remove: (workspace: WorkspaceSpec) => Promise<void>;
}

/** The session cannot be opened: a viewer is told `code` and `message`. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError';
  readonly code: 'unknown-profile' | 'not-installed';
  constructor(code: ProfileError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
