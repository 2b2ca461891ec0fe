// How git is told to run the helper. Knows its place on disk and nothing that it says.
import { join } from 'node:path';

/** The value of `credential.helper`; nothing secret is in it. */
export function helperCommand(socket: string): string {
  const program = [process.execPath, join(import.meta.dirname, 'helper.ts'), socket];
  // A person's options for their own programs must not break it.
  return `!NODE_OPTIONS= ${program.map(quote).join(' ')}`;
}

const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;
