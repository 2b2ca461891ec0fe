// Which elements of HTML are open at a place of a comment, as far as GitHub shows them: what stands between their tags is not
// plain text, whatever Markdown makes of it. Knows no Markdown.

/** How often, by name. */
export type OpenTags = Map<string, number>;

/** Those that GitHub shows, but for what is empty, and what ends where its parent or the paragraph does. */
const SHOWN: ReadonlySet<string> = new Set(
  `h1 h2 h3 h4 h5 h6 h7 h8 b i strong em a pre code tt div ins del sup sub picture ol ul table blockquote dl kbd q samp var ruby s
  strike summary details figure figcaption abbr bdo cite dfn mark small span time`.split(/\s+/),
);

/** What is no element. */
const OTHERS = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<!', '>'],
  ['<?', '?>'],
] as const;
const NAME = /<(\/?)([a-z][^\s/>]*)/iy;
/** Each alternative begins with another character, or this would take long. */
const ATTRIBUTES = /(?:=\s*(?:"[^"]*"|'[^']*')|=(?!\s*["'])|[^=>])*>/y;

/** Moves on over a piece of HTML. What GitHub does not know is text: `List<String>` opens nothing. */
export function readTags(open: OpenTags, html: string): void {
  let at = html.indexOf('<');
  while (at >= 0) {
    const end = readTag(open, html, at);
    // Something in it never ends, and hides the rest.
    if (end === undefined) open.set('', 1);
    at = end === undefined ? -1 : html.indexOf('<', end);
  }
}

/** Where it ends; undefined: nowhere. */
function readTag(open: OpenTags, html: string, at: number): number | undefined {
  const other = OTHERS.find(([start]) => html.startsWith(start, at))?.[1];
  // `<!-->` is a whole comment.
  if (other !== undefined) return endOf(html, other, at + 2);
  NAME.lastIndex = at;
  const [whole = '', slash, name = ''] = NAME.exec(html) ?? [];
  if (whole === '') return at + 1;
  ATTRIBUTES.lastIndex = at + whole.length;
  if (!ATTRIBUTES.test(html)) return undefined;
  if (SHOWN.has(name.toLowerCase())) count(open, name.toLowerCase(), slash ? -1 : 1);
  return ATTRIBUTES.lastIndex;
}

function endOf(html: string, mark: string, from: number): number | undefined {
  const end = html.indexOf(mark, from);
  return end < 0 ? undefined : end + mark.length;
}

function count(open: OpenTags, name: string, change: number): void {
  const left = (open.get(name) ?? 0) + change;
  if (left > 0) open.set(name, left);
  else open.delete(name);
}
