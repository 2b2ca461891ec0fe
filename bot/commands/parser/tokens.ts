// A line as words: what phones and mail programs did to it is undone, then quotes, backslashes and backticks are read. Runs no
// shell, expands nothing, knows no verbs.

const UNUSUAL_SPACE = /[\p{Zs}\t\v\f]/gu;
/** Zero-width and direction marks, soft hyphens. */
const INVISIBLE = /\p{Cf}/gu;
const DOUBLE_QUOTE = /[“”„‟«»＂]/gu;
const SINGLE_QUOTE = /[‘’‚‛＇]/gu;
const HYPHEN = /[‐‑−]/gu;
/** Autocorrect makes `—size` of `--size`. Inside a word a dash was meant. */
const DASH_BEFORE_WORD = /(^|[ "'])-*[‒–—―][-‒–—―]*/gu;

/** One line with plain quotes, dashes and spaces, trimmed. Doing it twice changes nothing. */
export function normaliseLine(line: string): string {
  // Most lines; the rest of this costs ten times as much.
  if (/^[ -~]*$/.test(line)) return line.trim();
  return line
    .replaceAll(INVISIBLE, '')
    .replaceAll(UNUSUAL_SPACE, ' ')
    .replaceAll(DOUBLE_QUOTE, '"')
    .replaceAll(SINGLE_QUOTE, "'")
    .replaceAll(HYPHEN, '-')
    .replaceAll(DASH_BEFORE_WORD, '$1--')
    .trim();
}

/** `at`: where it begins in the line. A word that begins with a quote is never a flag. */
export type Token = { text: string; at: number; quoted: boolean };

export type Tokens = { tokens: Token[]; unclosed?: { at: number; quote: string } };

type Read = { text: string; end: number };

/**
 * Quotes open at the start of a word or after `=`, so that "don't" is one plain word. A backslash keeps the next
 * character, within double quotes only `"` and `\`. Backticks around a word are dropped.
 */
export function readTokens(line: string): Tokens {
  const tokens: Token[] = [];
  let at = skipSpaces(line, 0);
  while (at < line.length) {
    const quoted = isQuote(line[at]);
    const word = readWord(line, at);
    if (word.unclosed !== undefined) {
      return { tokens, unclosed: { at: word.unclosed, quote: line.charAt(word.unclosed) } };
    }
    const text = quoted ? word.text : stripTicks(word.text);
    if (quoted || text !== '') tokens.push({ text, at, quoted });
    at = skipSpaces(line, word.end);
  }
  return { tokens };
}

function skipSpaces(line: string, from: number): number {
  let at = from;
  while (line[at] === ' ') at += 1;
  return at;
}

function isQuote(character: string | undefined): boolean {
  return character === '"' || character === "'";
}

function stripTicks(text: string): string {
  let start = 0;
  let end = text.length;
  while (text[start] === '`') start += 1;
  while (end > start && text[end - 1] === '`') end -= 1;
  return text.slice(start, end);
}

function readWord(line: string, from: number): Read & { unclosed?: number } {
  let text = '';
  let at = from;
  let canOpen = true;
  while (at < line.length && line[at] !== ' ') {
    if (canOpen && isQuote(line[at])) {
      const quote = readQuote(line, at);
      if (!quote) return { text, end: line.length, unclosed: at };
      text += quote.text;
      at = quote.end;
      canOpen = false;
      continue;
    }
    if (line[at] === '\\' && at + 1 < line.length) at += 1;
    text += line.charAt(at);
    canOpen = line[at] === '=';
    at += 1;
  }
  return { text, end: at };
}

/** The text within the quotes that open at `from`; undefined if they never close. */
function readQuote(line: string, from: number): Read | undefined {
  const quote = line[from];
  let text = '';
  for (let at = from + 1; at < line.length; at += 1) {
    if (line[at] === quote) return { text, end: at + 1 };
    const escapes = quote === '"' && line[at] === '\\' && (line[at + 1] === '"' || line[at + 1] === '\\');
    if (escapes) at += 1;
    text += line.charAt(at);
  }
  return undefined;
}
