// What a command is told beside its words: who, where, when, and the one transaction it may write in. Knows no front.
import type { CodingAgent } from '../../agent/protocol.ts';
import type { Answer, Budget, Executor, FrontName, User } from '../database/types.ts';
import type { AskRules, Repository } from '../forges/forge.ts';
import type { CommandSpec, FrontTraits } from './command.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { UserError } from '../errors.ts';
import type { LimitDefaults } from '../workspaces/limits.ts';
import type { Heads } from '../workspaces/fork.ts';

/** Where it was said. */
export interface Place {
  /** The workspace that this thread is about. */
  workspace?: string;
  /** The pull request or issue that this thread is: `acme/api#412`. */
  topic?: string;
  /** The repository that this thread is in: its address. */
  repository?: string;
  /** The piece of a coding agent's work that it is about, or one turn of it; always of that workspace. */
  task?: { id: string; turn?: number };
  /** What may have a repository of its own: a channel. */
  channel?: string;
  /** The line of a change that it answers, as it was when somebody spoke of it. `line`: absent: the whole file. */
  comment?: { path: string; line?: number | undefined; commit: string };
  /** Where cards go. */
  thread: string;
}

/** Durations in ms; 0: no maximum, or never. */
export interface CommandLimits extends LimitDefaults {
  idleTimeoutMs: number;
  /** How long a coding agent may work on one. */
  askMinutes: number;
  /** How long a machine waits for a workspace. */
  nodeWarmMs: number;
  /** What a turn, a conversation, and a person's month may cost; absent: no maximum. */
  budget?: Budget;
}

export interface CommandContext {
  tx: Executor;
  actor: User;
  front: FrontName;
  traits: FrontTraits;
  place: Place;
  /** Who the actor is on this front, where one can be somebody else there: `slack:T1`, `U1`. */
  identity?: { source: string; externalId: string } | undefined;
  /** By which request: of two that are the same one counts. */
  deliveryId: string;
  /** The target's repository, where the words named one. */
  repository: Repository | undefined;
  /** The address of a repository that the actor maintains: what others run on it they may see, stop and delete. */
  maintains?: string | undefined;
  /** The address of a repository that the actor may read: how what others run on it stands they may see. */
  reads?: string | undefined;
  /** Of one on which the actor may ask coding agents: what others asked there they may answer and cancel. */
  asks?: string | undefined;
  /** They run Sam for everybody, and only they read the answer. */
  isAdmin: boolean;
  /** Who does, for those who need one: as the configuration names them. */
  admins: readonly string[];
  /** Whom the words name, where the command lets somebody in: who they are on the repository's forge, and may read it at this moment. */
  guest?: Guest | undefined;
  /** The id of a workspace of somebody else that the words mean, which is shared with the actor: they may read its repository. */
  shared?: string | undefined;
  now: Date;
  limits: CommandLimits;
  /** Who makes machines, as rows have it. */
  provider: string;
  /** Where a port of a workspace is opened, without a slash at the end; absent: nobody can. */
  portAddress?: ((name: { workspace: string; port: number }) => string) | undefined;
}

export interface Guest {
  /** The forge's name. */
  source: string;
  externalId: string;
  login: string;
}

/** What a command is told that starts something: without it there is no way past the gate. */
export interface StartContext extends CommandContext {
  /** Asked a moment ago, of what the words mean. */
  heads: Heads;
  /** What coding agents may do unasked on the repository that is meant, and which one it prefers. */
  policy: AskRules;
  /** Those that the person has left a key for. */
  codingAgents: readonly CodingAgent[];
}

/** What a command gives back: the answer, and the row of what it wrote down. */
export interface Outcome {
  answer: Answer;
  commandId?: number;
  /** Nobody else where it was said may know of the workspace that the answer is about. */
  hasNoCard?: true;
}

/** `run` writes in the context's transaction and calls nobody; what a person can mend it throws as UserError. */
interface Runs<Context> extends CommandSpec {
  run(command: ParsedCommand, context: Context): Promise<Outcome>;
}

/** A verb that may make something run: who may, and where forks stand, is asked before. */
export type StartingCommand = Runs<StartContext> & { starts: true };

/** One verb. */
export type Command = StartingCommand | (Runs<CommandContext> & { starts?: never });

/** Nobody else sees what is anybody's, or what other installations have at the provider. */
export function checkAdmin({ isAdmin, admins, traits: { isPublic } }: CommandContext): void {
  if (!isAdmin) throw new UserError('not-admin', { admins, isPublic });
}
