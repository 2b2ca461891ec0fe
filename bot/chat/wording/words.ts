// What a sentence to people is made of. Knows no code and no front.
import type { Side } from '../../codes.ts';
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

/** A chat's, whose small Markdown has code spans and fences; `trigger`: what commands begin with there. */
export const createVoice = (trigger: string): Voice => ({
  say: (line) => `\`${trigger} ${line}\``,
  fence: (text) => `\`\`\`\n${text}\n\`\`\``,
});

/** A terminal's: monospaced everywhere, and every line is a command. */
export const TERMINAL: Voice = { say: (line) => `\`${line}\``, fence: (text) => text };

/** What was typed, or is called so, in a code span. */
export const shown = (text: string): string => (text === '' ? 'nothing' : `\`${plain(text)}\``);

export const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
