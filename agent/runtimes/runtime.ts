// The contract of a runtime: where the programs of a workspace run. Knows no socket and no git.

import type { User } from '../system/users.ts';

export interface Place {
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

/** What a pty starts. `env` is the whole environment. */
export interface Command {
  file: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
}

export interface Runtime {
  /** Makes the place ready for sessions; repeatable. Throws `WorkspaceError`. */
  prepare: (place: Place, tools: { signal: AbortSignal; log(line: string): void }) => Promise<void>;
  /** What a new session of `profile` starts; absent: a login shell. Throws `ProfileError`. */
  shell: (place: Place, profile: string | undefined) => Command;
  /** Ends what the runtime itself keeps; the marked processes are ended by others. Repeatable. */
  end: (place: Place) => Promise<void>;
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
