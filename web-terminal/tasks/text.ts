// What a coding agent wrote, as elements: its words stay text, with a little of Markdown for the eye; links lead to the web alone.
import { createElement } from '../dom.ts';
import { parseLink } from '../session/links.ts';

/** Paragraphs, fences, headings, `code`, **bold** and addresses. Whatever else stands there is shown as it is. */
export function createProse(text: string): Node[] {
  return text.split(/^```.*\n?/m).flatMap((part, at) => {
    const shown = part.replace(/^\n+|\s+$/g, '');
    if (shown === '') return [];
    if (at % 2) return [createElement('pre', {}, createElement('code', { text: shown }))];
    return shown.split(/\n{2,}/).map(createParagraph);
  });
}

function createParagraph(text: string): HTMLElement {
  const heading = /^#{1,6} (.+)$/.exec(text)?.[1];
  const spans = createSpans(heading ?? text);
  return heading === undefined
    ? createElement('p', {}, ...spans)
    : createElement('p', { class: 'heading' }, ...spans);
}

/** What stands between backticks or stars, or is an address, and all between them. */
const SPAN = /(`[^`\n]+`|\*\*[^*\n]+\*\*|https?:\/\/[^\s<>"'`*]+)/;

export function createSpans(text: string): Node[] {
  return text.split(SPAN).flatMap((part, at) => {
    if (part === '') return [];
    if (at % 2 === 0) return [document.createTextNode(part)];
    if (part.startsWith('`')) return [createElement('code', { text: part.slice(1, -1) })];
    if (part.startsWith('**')) return [createElement('strong', { text: part.slice(2, -2) })];
    return createLink(part);
  });
}

/** What ends a sentence is no part of it. */
function createLink(text: string): Node[] {
  const address = text.replace(/[.,:;!?)\]}]+$/, '');
  const url = parseLink(address);
  if (!url) return [document.createTextNode(text)];
  const link = createElement('a', {
    text: address,
    attributes: { target: '_blank', rel: 'noopener noreferrer nofollow' },
  });
  link.href = url.href;
  return [link, document.createTextNode(text.slice(address.length))];
}
