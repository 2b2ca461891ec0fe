// What a sentence to people is made of. Knows no code and no front.
import type { Side } from '../../codes.ts';

/** Prints a command line as the front shows it: in a code span, with the front's own trigger. */
export type Say = (line: string) => string;

/** One thing that is said: what happened, whose side it is on, and the one line to type next, without a trigger. */
export interface Words {
  text: string;
  side?: Side;
  next?: string;
}

/** A sentence for each code: one that is new does not compile without it. */
export type Wording<Codes> = { [Code in keyof Codes]: (details: Codes[Code], say: Say) => Words };
