// What `npm start -- --help` and the like say without a start, and the words of the shell as one line. Pure.
import { commands } from './commands/index.ts';
import { atTerminal } from './chat/console/render.ts';
import { TERMINAL } from './chat/wording.ts';
import { renderHelp } from './chat/wording/help.ts';

/** What a person wants to read before anything starts; undefined: they want Sam. */
export function answerAtOnce(words: string[], version: string): string | undefined {
  const [word, ...more] = words;
  if (more.length > 0) return undefined;
  if (word === '--version' || word === '-V') return `Sam ${version}`;
  return word === '--help' || word === '-h' ? describe(version) : undefined;
}

const describe = (version: string): string => `Sam ${version}

npm start                runs Sam; in a terminal, with a prompt
npm start -- up .        the same, and makes a workspace of the repository you stand in
npm start -- LINE        the same with any line of these

${renderHelp({ commands, traits: atTerminal }, TERMINAL.say)}

Settings are environment variables, or lines of a file \`.env\` in Sam's folder; .env.example lists them all.`;

/** A word with spaces, as the shell gave it, is one word again for the parser. */
export const joinWords = (words: string[]): string => words.map(quote).join(' ');

const quote = (word: string): string =>
  /^[^\s"'\\]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
