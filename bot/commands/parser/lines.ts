// Finds the command lines of a text: what of it was typed to be read as text, by the markup of where it was said, which lines
// begin with the trigger, and what follows it. Reads no verbs.
import { findCommand } from '../command.ts';
import { plain } from './format.ts';
import { plainLines, withoutAsides, type PlainLine } from './markdown.ts';
import type { ParseContext } from './parsed.ts';
import { normaliseLine } from './tokens.ts';

const BULLET = /^[-*+•] +/;
const IGNORED = 10;

export interface Found {
  /** The first command line after its trigger (`''`: the trigger alone). */
  first?: string;
  /** Further ones, to be named and not run. */
  ignored: string[];
  /** The last `words` words of the first line as they were typed, and all that stands below it, without what is quoted there. */
  tail: (words: number) => string;
  /** Of the first line alone the same, for a shell: what a keyboard made of quotes and dashes is undone where nobody quoted by hand. */
  lineTail: (words: number) => string;
}

export function findLines(text: string, context: ParseContext): Found {
  const typed = readLines(text, context).filter((line) => line.text !== '');
  const lines = typed
    .map(({ text: raw, at }) => ({ raw, at, line: stripDecoration(normaliseLine(raw)) }))
    .filter(({ line }) => line !== '');
  const rests = lines.map(({ line }) => afterTrigger(line, context.triggers));
  const start = context.triggerOptional ? 0 : rests.findIndex((rest) => rest !== undefined);
  const found = lines[start];
  const first = rests[start] ?? (context.triggerOptional ? found?.line : undefined);
  if (first === undefined || !found) return { ignored: [], tail: () => '', lineTail: () => '' };
  const further = lines
    .map(
      ({ line }, place) =>
        rests[place] ?? (context.triggerOptional && startsWithVerb(line, context) ? line : ''),
    )
    .filter((line, place) => place > start && line !== '');
  const ignored = further.slice(0, IGNORED).map((line) => plain(line));
  return {
    first,
    ignored,
    tail: (words) => tailOf(text, context, { ...found, words }),
    lineTail: (words) => stripTicks(lastWords(isQuoted(found) ? found.raw.trim() : found.line, words)),
  };
}

/** As it was typed: between quotes every sign may be meant. One that is a hint which was pasted is none. */
const isQuoted = ({ raw, line }: { raw: string; line: string }): boolean =>
  /["'`]/.test(raw) && !isPasted(raw, line);

/** A line that stands in a code span as a whole is what stands in there. */
const stripTicks = (line: string): string => /^`+([^`]+)`+$/.exec(line)?.[1]?.trim() ?? line;

/** What stands between backticks as a whole. */
const isPasted = (raw: string, line: string): boolean =>
  /^(?:[-*+•] +)?`/.test(raw.trim()) && !line.startsWith('`');

/** `raw`: the line, which is the one at `at`; `line`: what it is read as. */
function tailOf(
  text: string,
  { markup }: ParseContext,
  { raw, at, line, words }: { raw: string; at: number; line: string; words: number },
): string {
  const below = splitLines(markup === 'mrkdwn' ? unwrapSlack(text) : text).slice(at + 1);
  const rest = markup === 'markdown' ? withoutAsides(below.join('\n')) : below.join('\n');
  return [lastWords(isPasted(raw, line) ? line : raw.trim(), words), rest].join('\n').trim();
}

/** From the n-th word from the end on. */
function lastWords(line: string, count: number): string {
  const starts = [...line.matchAll(/\S+/gu)].map(({ index }) => index);
  return count === 0 ? '' : line.slice(starts.at(-count) ?? 0);
}

function readLines(text: string, context: ParseContext): PlainLine[] {
  const { markup } = context;
  const all = (lines: string[]): PlainLine[] => lines.map((line, at) => ({ text: line, at }));
  switch (markup) {
    case 'markdown':
      // Reading all of it takes long, and few comments are for us.
      return splitLines(text).some((line) => mayBeCommand(line, context)) ? plainLines(text) : [];
    case 'mrkdwn':
      return all(splitLines(unwrapSlack(text)));
    case 'none':
      return all(splitLines(text));
    default:
      return markup satisfies never;
  }
}

/** What makes a line part of something, which other lines may change. */
const MARKS = /^(?:[\s>•*+-]|\d{1,9}[.)])+/;

/** Whether the line would be a command among some other lines. */
export function mayBeCommand(line: string, { triggers }: ParseContext): boolean {
  const text = stripDecoration(normaliseLine(line).replace(MARKS, ''));
  return afterTrigger(text, triggers) !== undefined;
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

/** As keyboards of some languages write a trigger's first sign. */
const WIDE_SIGNS: Record<string, string> = { '／': '/', '＠': '@' };

/**
 * What follows the trigger, or undefined if the line does not begin with one as a word of its own. Names that are mentioned may have
 * a colon, as people address each other.
 */
function afterTrigger(typed: string, triggers: readonly string[]): string | undefined {
  const line = (WIDE_SIGNS[typed.charAt(0)] ?? typed.charAt(0)) + typed.slice(1);
  for (const trigger of triggers) {
    if (line.slice(0, trigger.length).toLowerCase() !== trigger.toLowerCase()) continue;
    const colon =
      trigger.includes('@') && /^[:：]/.test(line.slice(trigger.length, trigger.length + 1)) ? 1 : 0;
    const end = trigger.length + colon;
    if (line.length === end || line[end] === ' ') return line.slice(end).trim();
  }
  return undefined;
}

function startsWithVerb(line: string, { commands }: ParseContext): boolean {
  const end = line.indexOf(' ');
  return findCommand(commands, end < 0 ? line : line.slice(0, end)) !== undefined;
}

const ENTITIES: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };

/**
 * Slack's text as it was typed: links unwrapped, entities decoded once. People and channels stay tokens, without
 * their labels: `<@U1>`, `<#C1>`.
 */
function unwrapSlack(text: string): string {
  return text
    .replaceAll(/<([^<>|]*)(\|[^<>]*)?>/g, (whole, inner: string, label?: string) =>
      unwrapToken(whole, inner, label?.slice(1) ?? ''),
    )
    .replaceAll(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity] ?? entity);
}

function unwrapToken(whole: string, inner: string, label: string): string {
  if (inner.startsWith('@') || inner.startsWith('#')) return `<${inner}>`;
  if (inner.startsWith('mailto:')) return label || inner.slice('mailto:'.length);
  if (!/^https?:\/\//i.test(inner)) return whole;
  // Slack links a bare `socket.io` by itself; what was typed is the label.
  return inner === `http://${label}` || inner === `http://${label}/` ? label : inner;
}

/** A text's lines; every kind of line end counts. */
function splitLines(text: string): string[] {
  return text.split(/\r\n|[\r\n\u0085\u2028\u2029]/u);
}
