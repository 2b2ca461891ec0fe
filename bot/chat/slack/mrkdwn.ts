// Words as Slack's mrkdwn: escaped, without secrets, cut to size. Pure. Knows no card and no button.
import { plain } from '../../commands/parser/format.ts';
import { redact } from '../../../agent/redact.ts';

/** Slack takes 3,000 characters a section. */
export const MAX_SECTION = 2_900;
const MAX_SECTIONS = 12;

/** Slack's three. Done to everything, in code spans too: `<!channel>` works there as well. */
export const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** One line without a code span's ends, within one. */
export const code = (text: string): string =>
  `\`${escape(redact(plain(text.replaceAll(/\s+/g, ' '), 120))) || '?'}\``;

/** One line in which nothing is markup. */
export const escapeText = (text: string, most: number): string =>
  cut(escape(redact(text.replaceAll(/\s+/g, ' ').replaceAll(/[`*_~]/g, ''))), most);

/** Our small Markdown (code spans, fences, `**bold**`) as Slack's; everything else is plain. */
export function toMrkdwn(text: string): string {
  return escape(redact(text))
    .split(/(```[^]*?```|`[^`\n]*`)/)
    .map((part, index) =>
      index % 2 === 1 ? part : part.replaceAll('`', "'").replaceAll(/\*\*([^*\n]+)\*\*/g, '*$1*'),
    )
    .join('');
}

/** Columns, in as many fences as it takes; of too many lines the last are shown. */
export function fences(text: string): string[] {
  const lines = escape(redact(text).replaceAll('```', "'''"))
    .split('\n')
    .map((line) => cut(line, MAX_SECTION - 10));
  const pieces = pack(lines, MAX_SECTION - 10);
  const shown = pieces.slice(-MAX_SECTIONS);
  return shown.map((piece) => `\`\`\`\n${piece}\n\`\`\``);
}

export function split(text: string): string[] {
  const lines = text.split('\n').map((line) => cut(line, MAX_SECTION));
  return pack(lines, MAX_SECTION).slice(0, MAX_SECTIONS);
}

/** As many lines together as fit. */
function pack(lines: string[], most: number): string[] {
  const pieces: string[] = [];
  for (const line of lines) {
    const last = pieces.at(-1);
    if (last !== undefined && last.length + 1 + line.length <= most)
      pieces[pieces.length - 1] = `${last}\n${line}`;
    else pieces.push(line);
  }
  return pieces;
}

/** At most so long, with no half character and no half entity at its end. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text
    .slice(0, most - 1)
    .toWellFormed()
    .replace(/&[a-z]{0,3}$/, '')}…`;
}
