// What a sentence to people is made of. Knows no code and no front.
import type { CodingAgent, Limits } from '../../../agent/protocol.ts';
import type { Details, Side } from '../../codes.ts';
import { plain } from '../../commands/parser/format.ts';

/** Prints a command line as the front shows it: in a code span, with the front's own trigger. */
export type Say = (line: string) => string;

/** One thing that is said: what happened, whose side it is on, and the one line to type next, without a trigger. */
export interface Words {
  text: string;
  side?: Side;
  next?: string;
  /** `text` is columns or log lines: spaces count. */
  isVerbatim?: true;
  /** The card is wanted as well. */
  isBesideCard?: true;
  /** It is said, too, where the card is the answer. */
  isReply?: true;
  /** Lines for a fixed-width font that belong above the text. */
  above?: string;
}

/** A sentence for each code: one that is new does not compile without it. */
export type Wording<Codes> = { [Code in keyof Codes]: (details: Codes[Code], say: Say) => Words };

/** How a front prints things. */
export interface Voice {
  say: Say;
  /** Lines for a fixed-width font. */
  fence: (text: string) => string;
}

/** What a command begins with where no front says otherwise. */
export const TRIGGER = '/sam';

/** With what commands begin with there; empty where every line is one. */
export const createSay =
  (trigger: string): Say =>
  (line) =>
    `\`${trigger === '' ? line : `${trigger} ${line}`}\``;

/** A chat's, whose small Markdown has code spans and fences. */
export const createVoice = (trigger: string): Voice => ({
  say: createSay(trigger),
  fence: (text) => `\`\`\`\n${text}\n\`\`\``,
});

/** A terminal's: monospaced everywhere, and every line is a command. */
export const TERMINAL: Voice = { say: createSay(''), fence: (text) => text };

/** What was typed, or is called so, in a code span. */
export const shown = (text: string): string => (text === '' ? 'nothing' : `\`${plain(text)}\``);

export const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** As people call them. */
export const AGENT_NAMES: Record<CodingAgent, string> = { claude: 'Claude', codex: 'Codex' };

/** `2.6 GiB of memory and 2,662 processes`. */
export const listLimits = ({ memory, processes }: Limits): string =>
  `${(memory / 2 ** 30).toFixed(1)} GiB of memory and ${processes.toLocaleString('en')} processes`;

/** Undefined: another version wrote it, with a code or details that this one does not know. Never throws. */
export function findWords<Codes>(
  wording: Wording<Codes>,
  { code, details = {} }: { code?: string | undefined; details?: Details | undefined },
  say: Say,
): Words | undefined {
  if (code === undefined || !Object.hasOwn(wording, code)) return undefined;
  try {
    return wording[code as keyof Codes](details as Codes[keyof Codes], say);
  } catch {
    return undefined;
  }
}

/** As the configuration names them; undefined: nobody knows here. */
export function whoRuns(admins: readonly string[] | undefined): string {
  if (admins === undefined) return 'those who run Sam';
  if (admins.length === 0) return 'whoever runs Sam, at its console,';
  return `those who run Sam (${admins.map((name) => `\`${name}\``).join(', ')})`;
}
