// Markdown that others wrote, as it is but for what would hide something, call somebody, load something or pretend. Pure; knows no
// card and no command.
import createMarkdown, { type Token } from 'markdown-it';
import { inPieces } from './pieces.ts';

/** What GitHub, or somebody's terminal, takes for the end of a line too. */
const ENDS = /\r\n?|[\v\f\u0085\u2028\u2029]/g;

/** Its markup stays where it is understood to the end; else it is shown as it was typed. */
export function calmMarkdown(text: string): string {
  const lines = text.replaceAll(ENDS, '\n');
  const calm = calmLines(lines);
  return isCalm(calm) ? calm : fence(lines);
}

export const fence = (text: string): string => `\`\`\`text\n${text.replaceAll('```', "'''")}\n\`\`\``;

function calmLines(text: string): string {
  let open = '';
  const lines = text.split('\n').map((line) => {
    const [, signs = ''] = /^ {0,3}(`{3,}|~{3,})/.exec(line) ?? [];
    const isInside = open !== '';
    if (!isInside && signs !== '') open = signs;
    else if (isInside && signs.startsWith(open)) open = '';
    return isInside || signs !== '' ? line : calmLine(line);
  });
  return lines.join('\n');
}

const calmLine = (line: string): string =>
  line
    .split(/(`+[^`]+`+)/)
    .map((part, index) => (index % 2 === 1 ? part : calmTags(part).replaceAll('![', String.raw`!\[`)))
    .join('');

/** What is no markup in HTML either, and no entity that becomes a name. */
export const calmTags = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/([@#])(?=\w)/g, '$1\u2060');

const markdown = createMarkdown({ html: true, maxNesting: 40 });
const BELOW = 'below';

/** As a parser has it, which knows lists and quotes: nothing of it is left, and what stands below it is not in it. */
function isCalm(text: string): boolean {
  const closed = inPieces(text, Number.MAX_SAFE_INTEGER).join('\n');
  const tokens = markdown.parse(`${closed}\n\n${BELOW}`, {});
  const [last] = tokens.slice(-2);
  if (last?.content !== BELOW || last.level !== 1) return false;
  const all = tokens.flatMap((token) => [token, ...(token.children ?? [])]);
  return !all.some((token, index) => isHarmful(token, all[index + 1]));
}

function isHarmful(token: Token, next: Token | undefined): boolean {
  if (token.type === 'text') return /(^|[^\w\u2060])[@#]\w/.test(token.content);
  if (token.type === 'link_open') return isPretending(String(token.attrGet('href')), next?.content ?? '');
  return token.type === 'image' || token.type.startsWith('html_');
}

/** It reads as an address, and leads to another one. */
const isPretending = (target: string, text: string): boolean =>
  /:\/\/|^www\.|^[\w-]+(\.[\w-]+)+(\/|$)/.test(text.trim()) && !target.includes(text.trim());
