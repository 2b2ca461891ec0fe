// What a command says about itself: parser, help and did-you-mean read this and know no verb by name. Runs nothing.
import type { FrontNeed, ValueKind } from '../codes.ts';

/** What a front is like, for those who must not know which one it is. */
export interface FrontTraits extends Record<FrontNeed, boolean> {
  /** How sentences call it: `GitHub`, `the console`. */
  title: string;
  /** Everybody reads what is answered: it names no other repository and no ids of people. */
  isPublic: boolean;
  /** Whoever speaks there runs Sam: they see what is anybody's, and what is in doubt. */
  isOperator: boolean;
  /** A place there may have a repository of its own. */
  hasChannels: boolean;
  /** People say there themselves who they are on a forge. */
  hasLinkedAccounts: boolean;
  /** People speak there about lines of what is changed. */
  hasReviews: boolean;
  /** What a command that names nothing is about, where it is about a place. */
  about: 'workspace' | 'topic' | 'channel' | 'nothing';
}

export type FlagSpec = {
  kind: ValueKind;
  /** One letter: `-s`. */
  short?: string;
  /** Half a sentence without a full stop; help shows it beside the flag. */
  summary: string;
  /** The only texts it takes, lower case. */
  values?: readonly string[];
  /** The largest number it takes. */
  max?: number;
  /** Whoever uses it must maintain the repository. */
  needsMaintain?: boolean;
  /** A flag that contradicts this one. */
  excludes?: string;
};

/**
 * How the words that are no flags are read. All of them may be left out but for `name`. `names`: plain words, whatever flags stand
 * among them. `target person`: the person begins with `@`, and stands before or behind the target. `prompt`: all that follows the flags, word for word,
 * the lines below it too. `line`: the same, without the lines below. `question`: the number of one.
 */
export type Takes =
  | 'none'
  | 'target'
  | 'target name'
  | 'target duration'
  | 'target port'
  | 'target person'
  | 'topic'
  | 'names'
  | 'prompt'
  | 'line'
  | 'question';

export type CommandSpec = {
  name: string;
  aliases: readonly string[];
  /** A sentence in the third person: "Stops a workspace; its files stay." */
  summary: string;
  /** The verb and its words, without trigger and flags: `rename [target] NAME`. */
  usage: string;
  /** Whole lines without the trigger, each a command that can be sent as it is. */
  examples: readonly string[];
  /** A sentence: who may say it. */
  who: string;
  flags: Readonly<Record<string, FlagSpec>>;
  takes: Takes;
  /** What a front must have for it; it can be said everywhere if absent. */
  needs?: FrontNeed;
  /** The short help shows it with its summary. */
  common?: boolean;
  /** Where no repository is named it is about the place where it was said. */
  isAboutPlace?: boolean;
  /** In a thread that is about a workspace it is about that one, unless another one is wanted. */
  continuesThread?: boolean;
  /** Whoever says it must be able to write to the repository. */
  needsWrite?: boolean;
  /** It makes something run, which may cost something. */
  starts?: boolean;
  /** It ends what runs: it goes through wherever it is said. */
  ends?: boolean;
  /** Those who maintain a repository may say it of what others have there. */
  isForMaintainers?: boolean;
  /** Those who run Sam may say it of what anybody has. */
  isForAdmins?: boolean;
  /** Whoever may ask coding agents on a repository may say it of what others have asked there. */
  isForAskers?: boolean;
  /** The person whom it names must be able to read the workspace's repository. */
  letsIn?: boolean;
  /** Whom a workspace is shared with may say it there: to look, or to type; `asks`: if they may ask coding agents on its repository. */
  forGuests?: { may: 'view' | 'drive'; asks?: true };
  /** It changes nothing of a workspace: whoever says it again wants its answer again. */
  gives?: boolean;
  /** Those who may read a repository may say it of what others have there. */
  isForReaders?: boolean;
  /** Also for those of whom nobody knows yet who they are. */
  isForAnyone?: boolean;
  /** It takes something away for good: a typo never turns into it while another verb is as near. */
  destructive?: boolean;
};

/** Whether the front offers the command. */
export function isOffered({ needs }: CommandSpec, traits: FrontTraits): boolean {
  return needs === undefined || traits[needs];
}

/** The command that `word` names, by name or alias, in any case. */
export function findCommand<Spec extends CommandSpec>(
  commands: readonly Spec[],
  word: string,
): Spec | undefined {
  const verb = word.toLowerCase();
  return commands.find((spec) => spec.name === verb || spec.aliases.includes(verb));
}
