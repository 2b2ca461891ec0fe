// Finds the command lines of a text: what of it was typed to be read as text, by the markup of where it was said, which lines
// begin with the trigger, and what follows it. Reads no verbs.
import { findCommand } from '../command.ts';
import { plain } from './format.ts';
import type { ParseContext } from './parsed.ts';
import { normaliseLine } from './tokens.ts';

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

function readLines(text: string, { markup }: ParseContext): string[] {
  switch (markup) {
    case 'markdown':
      return ownLines(text);
    case 'mrkdwn':
      return splitLines(unwrapSlack(text));
    case 'none':
      return splitLines(text);
    default:
      return markup satisfies never;
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

type Fence = { mark: string; length: number; indent: number };
type State = { fence?: Fence | undefined; inComment: boolean; details: number; lastCommentEnd: number };

const FENCE = /^((?:[-*+]|\d{1,9}[.)]) +)?(`{3,}|~{3,})(.*)$/;
const MARKS = /<!--|-->|<details(?=[\s>]|$)|<\/details *>|`+/gi;

/** A text's lines; every kind of line end counts. */
function splitLines(text: string): string[] {
  return text.split(/\r\n|[\r\n\u0085\u2028\u2029]/u);
}

/**
 * Those that its author wrote as plain text: no code, quote, HTML comment or <details>. One pass; the order of the checks is
 * CommonMark's.
 */
function ownLines(text: string): string[] {
  const lines = splitLines(text);
  const lastCommentEnd = lines.findLastIndex((line) => line.includes('-->'));
  const state: State = { inComment: false, details: 0, lastCommentEnd };
  return lines.map((line, number) => readLine(line, number, state)).filter((line) => line.trim() !== '');
}

/** What of the line is plain text, perhaps nothing; moves the state on. */
function readLine(line: string, number: number, state: State): string {
  if (line === '') return '';
  if (state.fence && !endsFence(line, state)) return '';
  if (state.inComment) return readInline(line, number, state);
  const content = line.trimStart();
  const indent = columns(line.slice(0, line.length - content.length));
  if (indent >= 4) return hideIndented(line, number, state);
  if (content.startsWith('>')) return '';
  state.fence = openFence(content, indent);
  return state.fence ? '' : readInline(line, number, state);
}

/** Indented code says nothing; but inside <details> the closing tag may be indented. */
function hideIndented(line: string, number: number, state: State): string {
  if (state.details > 0) readInline(line, number, state);
  return '';
}

function columns(space: string): number {
  return space.replaceAll('\t', '    ').length;
}

function openFence(content: string, indent: number): Fence | undefined {
  const [, bullet = '', marks, info = ''] = FENCE.exec(content) ?? [];
  if (!marks || (marks.startsWith('`') && info.includes('`'))) return undefined;
  return { mark: marks.charAt(0), length: marks.length, indent: bullet ? indent + bullet.length : 0 };
}

/** Closes the fence if this line ends it. True if the line is outside: its list item is over. */
function endsFence(line: string, state: State): boolean {
  const { mark, length, indent } = state.fence ?? { mark: '', length: 0, indent: 0 };
  const content = line.trim();
  const depth = columns(line.slice(0, line.length - line.trimStart().length));
  const leftItem = content !== '' && depth < indent;
  const closes =
    content.length >= length && depth < indent + 4 && content === mark.repeat(content.length) && !leftItem;
  if (leftItem || closes) state.fence = undefined;
  return leftItem;
}

/** Removes HTML comments and <details> from a line; code spans stay, and hide what looks like a tag. */
function readInline(line: string, number: number, state: State): string {
  const isOpen = state.inComment || state.details > 0;
  if (!isOpen && !line.includes('<')) return line;
  const marks = [...line.matchAll(MARKS)];
  const lastOf = new Map(marks.map((mark, place) => [mark[0], place]));
  let visible = '';
  let startsLine = true;
  let from = 0;
  for (let place = 0; place < marks.length; place += 1) {
    const mark = marks[place];
    if (!mark) break;
    if (!state.inComment && mark[0].startsWith('`')) {
      // Looking only for what exists keeps this linear.
      if ((lastOf.get(mark[0]) ?? 0) > place) place = nextSame(marks, place);
      continue;
    }
    const isHidden = state.inComment || state.details > 0;
    const shown = isHidden ? '' : line.slice(from, mark.index);
    visible += shown;
    startsLine &&= shown.trim() === '';
    const commentEnds = number < state.lastCommentEnd || (lastOf.get('-->') ?? -1) > place;
    move(state, mark[0], startsLine || commentEnds);
    // A mark that hides nothing is text.
    const isText = !isHidden && !state.inComment && state.details === 0;
    from = isText ? mark.index : mark.index + mark[0].length;
  }
  return state.inComment || state.details > 0 ? visible : visible + line.slice(from);
}

function nextSame(marks: RegExpExecArray[], place: number): number {
  let other = place + 1;
  while (other < marks.length && marks[other]?.[0] !== marks[place]?.[0]) other += 1;
  return other;
}

function move(state: State, mark: string, canComment: boolean): void {
  if (mark === '-->') state.inComment = false;
  else if (state.inComment) return;
  else if (mark === '<!--') state.inComment = canComment;
  else if (mark.startsWith('</')) state.details = Math.max(0, state.details - 1);
  else state.details += 1;
}
