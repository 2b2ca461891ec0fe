// What the parser is told and what it gives back: a front reads these and never a word of the text. Reads nothing itself.
import type { ParseCodes, Said } from '../../codes.ts';
import type { RepositoryTarget } from '../../forges/forge.ts';
import type { CommandSpec, FrontTraits } from '../command.ts';

export type ParseContext = {
  /** Of the front, whose commands are offered. */
  traits: FrontTraits;
  /** What of the text is markup: `markdown` has code and quotes, which say nothing; `mrkdwn` is Slack's. */
  markup: 'markdown' | 'mrkdwn' | 'none';
  /** What a command line begins with, in any case. Slack's mention is `<@U…>`. */
  triggers: readonly string[];
  /** A line without a trigger is a command too: the console, and the text of a slash command. */
  triggerOptional: boolean;
  /** No text at all is the trigger alone: it was said before the text. */
  emptyIsTrigger?: boolean;
  commands: readonly CommandSpec[];
  /** The hosts whose repositories are taken: the first is where `owner/name` is, and its pages are read. `github.com` if absent. */
  hosts?: readonly string[];
  /** Whether a path of this machine can be a target. */
  allowPaths: boolean;
  /** Whether a repository of any other host can be a target. */
  allowUrls: boolean;
};

/** What a command is about. Well-formed, not known to exist; names are lower case, owners and refs as typed. */
export type Target = { kind: 'name'; name: string } | { kind: 'number'; number: number } | RepositoryTarget;

/** A span in ms, or a time of day `HH:MM`; without a zone (an IANA name or an offset) it is the speaker's. */
export type Duration = { ms: number } | { until: string; zone?: string };

export type Size = 'small' | 'medium' | 'large';

export type Flags = Record<string, string | number | true | Duration>;

export type ParsedCommand = {
  kind: 'command';
  /** The command's name, never an alias. */
  verb: string;
  target?: Target;
  flags: Flags;
  /** The plain words of a command that takes `names`; else empty. */
  words: string[];
  /** Somebody, as typed: `@login`, or as a chat writes people (`<@U1>`). */
  person?: string;
  /** What a coding agent is asked, as it was typed. */
  prompt?: string;
  /** The question that is answered. */
  question?: number;
  /** Of a workspace: 1 to 65535. */
  port?: number;
  /** The new name of `target name`, the duration of `target duration`. */
  value?: string | Duration;
  /** What was typed after the trigger, its quotes, dashes and spaces made plain. To show one, take formatCommand. */
  line: string;
  /** At most ten further command lines of the same text, which do not run; shortened, without credentials. */
  ignored: string[];
  /** User names that stood in addresses, and are of no use: Sam clones as itself. */
  dropped?: string[];
};

/** `usage`: how the command is written, without a trigger. */
export type ParseFailure = Said<ParseCodes> & { kind: 'error'; usage?: string };

export type ParseResult =
  | ParsedCommand
  | { kind: 'help'; topic?: string; ignored?: string[] }
  /** The trigger alone: the status of the thread's workspace, or help where there is none. */
  | { kind: 'status'; ignored?: string[] }
  | ParseFailure
  | { kind: 'ignore'; why: string };

/** Why a line is no command. Thrown by the parser's parts and caught in parse.ts: it never leaves the folder. */
export class Refusal<Code extends keyof ParseCodes = keyof ParseCodes> extends Error {
  override readonly name = 'Refusal';
  readonly code: Code;
  readonly details: ParseCodes[Code];
  readonly usage: string | undefined;
  constructor(code: Code, details: ParseCodes[Code], usage?: string) {
    super(code);
    this.code = code;
    this.details = details;
    this.usage = usage;
  }
  get failure(): ParseFailure {
    const said = { code: this.code, details: this.details } as Said<ParseCodes>;
    return { kind: 'error', ...said, ...(this.usage === undefined ? {} : { usage: this.usage }) };
  }
}
