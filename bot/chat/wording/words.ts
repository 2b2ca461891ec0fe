// What a sentence to people is made of. Knows no code and no front.
import type { Details, Side } from '../../codes.ts';

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
