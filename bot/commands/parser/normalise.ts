// Undoes what phones, mail programs and Slack do to a typed line. Knows no verbs.

const UNUSUAL_SPACE = /[\p{Zs}\t\v\f]/gu;
/** Zero-width and direction marks, soft hyphens. */
const INVISIBLE = /\p{Cf}/gu;
const DOUBLE_QUOTE = /[“”„‟«»＂]/gu;
const SINGLE_QUOTE = /[‘’‚‛＇]/gu;
const HYPHEN = /[‐‑−]/gu;
/** Autocorrect makes `—size` of `--size`. Inside a word a dash was meant. */
const DASH_BEFORE_WORD = /(^|[ "'])-*[‒–—―][-‒–—―]*/gu;

const ENTITIES: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };

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

/**
 * Slack's text as it was typed: links unwrapped, entities decoded once. People and channels stay tokens, without
 * their labels: `<@U1>`, `<#C1>`.
 */
export function unwrapSlack(text: string): string {
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
