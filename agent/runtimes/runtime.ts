// The contract of a runtime: where the programs of a workspace run. test/agent/runtime-contract.ts holds every runtime to it.
// Knows no socket and no git.
import type { Duplex } from 'node:stream';
import type { CodingPrograms } from '../coding/programs.ts';
import type { Log } from '../log.ts';
import type {
  AgentFailure,
  DesiredWorkspace,
  Environment,
  EnvironmentSettings,
  Limits,
  PrepareStep,
} from '../protocol.ts';
import type { SpawnSpec } from '../sessions/pty.ts';
import type { User, Users } from '../system/users.ts';

export interface RuntimeOptions {
  /** The agent's own. */
  env: NodeJS.ProcessEnv;
  users: Users;
  /** The node's id. */
  node: string;
  /** Where the agent keeps its things. */
  dir: string;
  /** What whoever runs Sam says; asked each time. */
  settings: () => EnvironmentSettings;
  log: Log;
  /** What the node has for coding. */
  programs?: CodingPrograms;
  /** The same for places whose C library is musl. */
  muslPrograms?: CodingPrograms;
}

/** What a runtime is told of a workspace. */
export interface WorkspaceSpec {
  id: string;
  /** What people type. */
  name: string;
  /** The checkout, absolute. */
  dir: string;
  /** What its programs need beside the runtime's own. Its token for models may be among it: nobody else is to see that. */
  env: Record<string, string>;
  /** Whom its programs run as; absent: the agent's own user. */
  user?: User | undefined;
  /** Which of its configurations was asked for, by name; absent: nobody said. */
  configuration?: string | undefined;
  /** Its programs may use what the agent has for its owner; absent: they get nothing of it, as a fork's. */
  isTrusted?: boolean;
  /** How much of the node it may take; absent: nobody said. */
  size?: DesiredWorkspace['size'];
}

/** A program that lies on the node. */
export interface NodeCommand {
  file: string;
  args: string[];
  env: Record<string, string>;
}

/** Where a workspace's programs find what the agent has for them, of a runtime in which they do not see the node. */
export interface Reach {
  /** On the node: in a folder that this workspace's programs alone get into, once it is there. */
  sockets: { git: string; models: string };
  /** Makes that folder. Repeatable. */
  makeFolder: () => Promise<void>;
  /** As git runs it there. */
  helper: string;
  /** What Claude Code remembers, as they see it. */
  claude: string;
  /** The address that leads to the socket. */
  models: string;
  /** Runs a short command there, as their user. After `start`. False: it failed. */
  run: (words: string[]) => Promise<boolean>;
}

/** What came of a preparation; it is kept, and given to the next one. */
export interface Prepared {
  environment: Omit<Environment, 'runtime' | 'steps'>;
  /** Of what it was made from. */
  fingerprint?: string | undefined;
  /** Why it is not as it should be, though sessions can be opened. */
  failure?: AgentFailure | undefined;
}

export interface Preparing {
  signal: AbortSignal;
  log: (line: string) => void;
  /** A step begins, for this time of so many. */
  enter: (step: PrepareStep, attempt?: { number: number; of: number }) => void;
  before?: Prepared | undefined;
  /** What has changed may be made anew: people asked for a new beginning. */
  mayRebuild: boolean;
}

export type Waiting = Pick<Preparing, 'signal' | 'log' | 'enter'>;

export interface Runtime {
  /** Whether this node can have it now, or will soon; asked once for each workspace. */
  isAvailable: () => Promise<boolean>;
  /**
   * Whether it is the right one for this workspace; asked when its checkout is there and nothing of it has run. Repeatable. It waits
   * for what the node will have soon, where the workspace needs that.
   */
  fits: (workspace: WorkspaceSpec, waiting: Waiting) => Promise<boolean>;
  /** Makes what `start` needs and may take long. The checkout is there. Repeatable. Throws `WorkspaceError`. */
  prepare: (workspace: WorkspaceSpec, preparing: Preparing) => Promise<Prepared>;
  /** From here on sessions can be opened. Leaves alone what runs already. Repeatable. Throws `WorkspaceError`. */
  start: (workspace: WorkspaceSpec) => Promise<void>;
  /** The checkout, as its programs see it; as the node does, where that is not known yet. */
  folder: (workspace: WorkspaceSpec) => string;
  /** What a new session of `profile` starts; absent: a login shell. After `start`. Throws `ProfileError`. */
  session: (workspace: WorkspaceSpec, profile: string | undefined) => SpawnSpec;
  /** A session that `session` marked so is gone: its terminal is, for what it started there too. Absent: that went with it. */
  hangUp?: (workspace: WorkspaceSpec, mark: string) => void;
  /**
   * What starts a program of the node in the workspace, on pipes, as its user and in its environment, which `env` adds to.
   * After `start`. Undefined: nothing of the node's is there. Throws `ProfileError` where the node has nothing that would run there.
   */
  program: (workspace: WorkspaceSpec, command: NodeCommand) => SpawnSpec | undefined;
  /** What there is for coding in the workspace. Absent: what the node has for itself. Undefined: nothing that would run there. */
  codingPrograms?: (workspace: string) => Promise<CodingPrograms | undefined>;
  /** Ends what has this `NAME=value` in its environment, and all that it started. Absent: the agent sees it. Rejects where it lives on. */
  endMarked?: (workspace: string, mark: string) => Promise<void>;
  /**
   * Lines of a POSIX shell, and the words that they take, on pipes in the checkout, as the workspace's user: no login, so that nothing
   * else speaks there. Its input's end is the way to end it. After `start`. Throws `ProfileError`.
   */
  pipe: (workspace: WorkspaceSpec, script: string, words: string[]) => SpawnSpec;
  /**
   * What runs a command line by the login shell there, on pipes, as `program` does. After `start`. `mark` is in its environment,
   * so that `endCommand` finds it. Throws `ProfileError`.
   */
  command: (workspace: WorkspaceSpec, line: string, mark: string) => SpawnSpec;
  /** Ends what carries that mark, with all that it started: politely first. Repeatable. Rejects where something lives on. */
  endCommand: (workspace: WorkspaceSpec, mark: string) => Promise<void>;
  /**
   * How they reach what the agent has for them. Absent: as the agent's own programs do. Undefined: not at all.
   */
  reach?: (workspace: string) => Reach | undefined;
  /** Connects to what its programs listen on at this port, and to nothing else. After `start`. Throws `PortError`. */
  connect: (workspace: WorkspaceSpec, port: number) => Promise<Duplex>;
  /** The ports that its programs listen on, in order; some dozens at most. Never rejects. */
  ports: (workspace: WorkspaceSpec) => Promise<number[]>;
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
  /** Makes ahead what the first workspace would wait for, while nobody waits. Repeatable. Never rejects. */
  warm: () => Promise<void>;
  /** Removes what it keeps for workspaces of this node that `isKnown` does not know, where that is proven; their ids. */
  sweep: (isKnown: (id: string) => boolean) => Promise<string[]>;
}

/** What `session` takes, in each runtime. */
export const PROFILES: readonly string[] = ['shell', 'claude'];

/** The variable that marks a command line, and by inheritance its children. */
export const COMMAND_MARK = 'SAM_COMMAND';

/** The session cannot be opened: a viewer is told `code` and `message`. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError';
  readonly code: 'unknown-profile' | 'not-installed' | 'not-running';
  constructor(code: ProfileError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Nobody is connected: nothing of the workspace listens there, what listens does not answer, or there is no way to it. */
export class PortError extends Error {
  override readonly name = 'PortError';
  readonly code: 'nothing-listens' | 'silent' | 'no-way';
  constructor(code: PortError['code'], options?: ErrorOptions) {
    super(code, options);
    this.code = code;
  }
}
