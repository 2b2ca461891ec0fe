// Which lines of a comment GitHub shows as plain text: those of paragraphs, at the top or in a list. Knows no trigger. A parser of
// CommonMark and GitHub's tables says what is what, and whatever is not understood is not plain.
import createMarkdown, { type Token } from 'markdown-it';
import { readTags, type OpenTags } from './html-tags.ts';

/** What is shown apart from the text around it. */
const APART = new Set(['blockquote', 'table']);

/** `at`: which line of the text it is, from 0. */
export type PlainLine = { text: string; at: number };

type Line = PlainLine & { isHidden: boolean };

type Walk = {
  lines: Line[];
  open: OpenTags;
  /** What may hide the lines since: how many there were when it began, by its sign. `$$` may go on in another paragraph. */
  begun: Map<string, number>;
};

/** Where in a paragraph's text there are ends of lines and beginnings of comments, by its tokens. */
const places = new WeakMap<Token[], number[]>();

const markdown = createMarkdown({ html: true, maxNesting: 40 })
  // Emphasis hides nothing. What was escaped has to be told from what was not.
  .disable(['emphasis', 'text_join']);

// Reads nothing: its tokens do not say where they were.
markdown.inline.ruler.before('newline', 'place', ({ src, pos, tokens }, silent) => {
  const isPlace = src[pos] === '\n' || src.startsWith('\\\n', pos) || src.startsWith('<!--', pos);
  if (isPlace && !silent)
    places
      .set(tokens, places.get(tokens) ?? [])
      .get(tokens)
      ?.push(pos);
  return false;
});

/** A definition of one, which would be that of a link. */
const FOOTNOTE = /^((?:[ \t>*+-]|\d{1,9}[.)])*)\[(?=\^[^\]\s]{1,999}\]:)/gm;

/** As they were typed, without comments. One that is a code span as a whole is among them: that is how hints are pasted. */
export function plainLines(text: string): PlainLine[] {
  const walk: Walk = { lines: [], open: new Map(), begun: new Map() };
  let apart = 0;
  let isParagraph = false;
  for (const token of markdown.parse(text.replace(/^\uFEFF/, '').replaceAll(FOOTNOTE, '$1\\['), {})) {
    if (APART.has(token.tag)) apart += token.nesting;
    else if (apart > 0) continue;
    else if (token.type === 'html_block') readTags(walk.open, token.content);
    else if (token.type === 'inline' && isParagraph) readParagraph(walk, token);
    isParagraph = token.type === 'paragraph_open';
  }
  return walk.lines.filter(({ isHidden }) => !isHidden);
}

function readParagraph(walk: Walk, { content, children, map }: Token): void {
  const tokens = children ?? [];
  const { breaks, comments } = placesOf(content, tokens);
  const typed = readLines(content, breaks, comments);
  const first = walk.lines.length;
  let depth = 0;
  addLine();
  for (const token of tokens) {
    depth += token.nesting;
    if (token.type === 'html_inline') readTags(walk.open, token.content);
    if (token.type === 'text' && depth === 0) pairSigns(walk, token.content);
    if (isBreak(token)) addLine();
  }
  hideUnknown(walk.lines.slice(first));
  for (const sign of ONE_PARAGRAPH) walk.begun.delete(sign);

  function addLine(): void {
    const { text, below } = typed[walk.lines.length - first] ?? { text: '', below: 0 };
    walk.lines.push({ text, at: (map?.[0] ?? 0) + below, isHidden: depth > 0 || walk.open.size > 0 });
  }
}

/** What somebody wrote, without what they quote and what nobody sees: code and all other markup stay as they are. */
export function withoutAsides(text: string): string {
  const lines: (string | undefined)[] = text.split('\n');
  for (const { type, map } of markdown.parse(text, {})) {
    if (!map) continue;
    const isQuote = type === 'blockquote_open';
    if (isQuote) lines.fill(undefined, map[0], map[1]);
    // A quote's own parts are gone already.
    if ((type === 'html_block' || type === 'inline') && lines[map[0]] !== undefined)
      lines.splice(map[0], map[1] - map[0], ...withoutComments(lines.slice(map[0], map[1]).join('\n'), map));
  }
  return lines.filter((line) => line !== undefined).join('\n');
}

/** As many lines as it had. */
function withoutComments(text: string, [from, to]: [number, number]): string[] {
  const kept = text.replaceAll(/<!--[^]*?(?:-->|$)/g, '').split('\n');
  return Array.from({ length: to - from }, (_, place) => kept[place] ?? '');
}

const isBreak = ({ type }: Token): boolean => type === 'softbreak' || type === 'hardbreak';

const COMMENT = '<!--';

type Places = { breaks: number[]; comments: { from: number; to: number }[] };

function placesOf(content: string, tokens: Token[]): Places {
  const known = places.get(tokens) ?? [];
  const starts = known.filter((at) => content.startsWith(COMMENT, at));
  const comments: Places['comments'] = [];
  for (const token of tokens) {
    if (token.type !== 'html_inline' || !token.content.startsWith(COMMENT)) continue;
    // One that begins nothing is never the same as one that does.
    while (starts[0] !== undefined && !content.startsWith(token.content, starts[0])) starts.shift();
    const from = starts.shift();
    if (from !== undefined) comments.push({ from, to: from + token.content.length });
  }
  return { breaks: known.filter((at) => !content.startsWith(COMMENT, at)), comments };
}

/** What begins at the start and behind each break, to the end of its line, and how many lines that is below the first. */
function readLines(
  content: string,
  breaks: number[],
  comments: Places['comments'],
): { text: string; below: number }[] {
  let next = 0;
  let below = 0;
  let counted = 0;
  return [0, ...breaks.map((at) => content.indexOf('\n', at) + 1)].map((start, place) => {
    const end = content.indexOf('\n', start);
    for (let line = content.indexOf('\n', counted); line >= 0 && line < start; below += 1) {
      counted = line + 1;
      line = content.indexOf('\n', counted);
    }
    const to = breaks[place] === end - 1 ? end - 1 : end < 0 ? content.length : end;
    let line = '';
    let at = start;
    for (let cut = comments[next]; cut && cut.from < to; cut = comments[(next += 1)]) {
      line += content.slice(at, Math.max(at, cut.from));
      at = Math.max(at, cut.to);
    }
    return { text: line + content.slice(at, Math.max(at, to)), below };
  });
}

// --- what the parser does not know ---------------------------------------------------------------------------------

/** A box to tick; a footnote; the second line of a table whose first has no bars. */
const UNKNOWN = /^(?:\[[ \txX]\]\s|\\\[\^)/;
const DELIMITERS = /^[\s|:-]*\|[\s|:-]*$/;

/** All that follows belongs to it. */
function hideUnknown(lines: Line[]): void {
  const start = lines.findIndex(
    ({ text }, place) => UNKNOWN.test(text) || isTable(lines[place + 1]?.text ?? ''),
  );
  if (start >= 0) for (const line of lines.slice(start)) line.isHidden = true;
}

const isTable = (line: string): boolean => line.includes('-') && DELIMITERS.test(line);

/** Mathematics in a line, and what is struck out with one sign. */
const ONE_PARAGRAPH = ['$', '~'];

/** Hides the lines between two signs that belong together. A lone one is what it is: `$5`, `~3`. */
function pairSigns({ lines, begun }: Walk, text: string): void {
  for (const { 0: run, index } of text.matchAll(/\$+|~/g)) {
    const sign = run.startsWith('$$') ? '$$' : run;
    const [before, after] = [text.charAt(index - 1), text.charAt(index + run.length)];
    const since = begun.get(sign);
    const closes = since !== undefined && (sign === '$$' || (/\S/.test(before) && !/\w/.test(after)));
    if (closes) {
      for (const line of lines.slice(since)) line.isHidden = true;
      begun.delete(sign);
    } else if (sign === '$$' || (/\S/.test(after) && !/\w/.test(before)))
      begun.set(sign, since ?? lines.length);
  }
}
