// Finds the command lines of a text: which lines begin with the trigger, and what follows it. Reads no verbs.
import { findCommand } from '../command.ts';
import { ownLines, splitLines } from './markdown.ts';
import { normaliseLine, unwrapSlack } from './normalise.ts';
import type { ParseContext } from './parsed.ts';
import { plain } from '../say.ts';

const BULLET = /^[-*+•] +/;
const IGNORED = 10;

/** The first command line after its trigger (`''`: the trigger alone), and further ones, to be named and not run. */
export function findLines(text: string, context: ParseContext): { first?: string; ignored: string[] } {
  const lines = readLines(text, context)
    .filter((line) => line !== '')
    .map((line) => stripDecoration(normaliseLine(line)))
    .filter((line) => line !== '');
  const rests = lines.map((line) => afterTrigger(line, context.triggers));
  const start = context.triggerOptional ? 0 : rests.findIndex((rest) => rest !== undefined);
  const first = rests[start] ?? (context.triggerOptional ? lines[0] : undefined);
  if (first === undefined) return { ignored: [] };
  const further = lines
    .map(
      (line, place) => rests[place] ?? (context.triggerOptional && startsWithVerb(line, context) ? line : ''),
    )
    .filter((line, place) => place > start && line !== '');
  return { first, ignored: further.slice(0, IGNORED).map((line) => plain(line)) };
}

function readLines(text: string, { front }: ParseContext): string[] {
  switch (front) {
    case 'github':
      return ownLines(text);
    case 'slack':
      return splitLines(unwrapSlack(text));
    case 'console':
    case 'api':
      return splitLines(text);
    default:
      return front satisfies never;
  }
}

/** Without a list bullet, and without the backticks if they enclose the whole line: people paste our own hints. */
function stripDecoration(line: string): string {
  const text = line.replace(BULLET, '');
  const [ticks = ''] = /^`*/.exec(text) ?? [];
  if (ticks === '') return text;
  const inner = text.slice(ticks.length, -ticks.length);
  const isWhole = text.endsWith(ticks) && inner !== '' && !inner.includes(ticks);
  return isWhole ? inner.trim() : text;
}

/** What follows the trigger, or undefined if the line does not begin with one as a word of its own. */
function afterTrigger(line: string, triggers: readonly string[]): string | undefined {
  const trigger = triggers.find(
    (word) =>
      line.slice(0, word.length).toLowerCase() === word.toLowerCase() &&
      (line.length === word.length || line[word.length] === ' '),
  );
  return trigger === undefined ? undefined : line.slice(trigger.length).trim();
}

function startsWithVerb(line: string, { commands }: ParseContext): boolean {
  const end = line.indexOf(' ');
  return findCommand(commands, end < 0 ? line : line.slice(0, end)) !== undefined;
}
