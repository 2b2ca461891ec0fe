// Everything that Sam says to people, as codes and what each has to be filled in with. Types alone: rows, the wire and errors
// carry these; the sentences are in chat/wording.ts.
import type { ErrorClass } from '../agent/protocol.ts';

/** What a sentence is filled in with. Plain data: it goes into rows. */
export type Details = Readonly<Record<string, unknown>>;

/** A code and its details, as rows and errors carry them. */
export type Said<Codes, Code extends keyof Codes = keyof Codes> = {
  [K in Code]: { code: K; details: Codes[K] };
}[Code];

/** Whose side something is on. */
export type Side = ErrorClass;
