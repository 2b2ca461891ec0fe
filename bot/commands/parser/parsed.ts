// What the parser is told and what it gives back. Types only: a front reads these and never a word of the text.
import type { RepositoryTarget } from '../../forges/forge.ts';
import type { CommandSpec, Front } from '../command.ts';

export type ParseContext = {
  front: Front;
  /** What a command line begins with, in any case; the first is the one that replies print. Slack's mention is `<@U…>`. */
  triggers: readonly string[];
  /** A line without a trigger is a command too: the console, and the text of a slash command. */
  triggerOptional: boolean;
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
  /** The plain words of a command that takes `words`; else empty. */
  words: string[];
  /** The new name of `target name`, the duration of `target duration`. */
  value?: string | Duration;
  /** What was typed after the trigger, its quotes, dashes and spaces made plain. To show one, take formatCommand. */
  line: string;
  /** At most ten further command lines of the same text, which do not run; shortened, without credentials. */
  ignored: string[];
};

export type ErrorCode =
  | 'too-long'
  | 'unclosed-quote'
  | 'unknown-verb'
  | 'prose'
  | 'wrong-front'
  | 'unknown-flag'
  | 'repeated-flag'
  | 'contradiction'
  | 'missing-value'
  | 'bad-value'
  | 'bad-target'
  | 'bad-ref'
  | 'bad-duration'
  | 'bad-name'
  | 'credentials'
  | 'no-paths-here'
  | 'no-urls-here'
  | 'too-many-words';

export type ParseFailure = {
  kind: 'error';
  code: ErrorCode;
  /** Finished sentences for a chat: what happened, then one command to copy, in backticks. */
  message: string;
  /** A finished line for below the message: "Usage: `/sam up …`". */
  usage?: string;
  /** A line without trigger that is probably meant. It parses; it is for a button, never run unasked. */
  suggestion?: string;
  /** Two lines for a fixed-width font: what was typed, and a `^` below the place. */
  caret?: string;
};

export type ParseResult =
  | ParsedCommand
  | { kind: 'help'; topic?: string; ignored?: string[] }
  /** The trigger alone: the status of the thread's workspace, or help where there is none. */
  | { kind: 'status'; ignored?: string[] }
  | ParseFailure
  | { kind: 'ignore'; why: string };
