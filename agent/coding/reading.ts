// Command lines that only look at what is in the workspace, for coding agents that read by those alone. Strict: what is not known to
// change nothing is not known. Pure.

/** What a line of them comes to, for the policy. */
export type Reading = 'read' | 'search';

interface Reader {
  is: Reading;
  /** Of its words each has to be so; absent: any that stays in the workspace. */
  words?: RegExp;
  /** None of its words is so. */
  never?: RegExp;
}

const READS: Reader = { is: 'read' };
const SEARCHES: Reader = { is: 'search' };

/** Without a way to write, or to start another program, but for what is named. Git is not here: its configuration starts programs. */
const READERS = new Map<string, Reader>([
  ...['cat', 'cut', 'du', 'echo', 'head', 'ls', 'nl', 'pwd', 'stat', 'tail', 'tr', 'true', 'wc'].map(
    (name) => [name, READS] as const,
  ),
  ...['egrep', 'fgrep', 'grep'].map((name) => [name, SEARCHES] as const),
  ['find', { is: 'search', never: /^-(?:exec|ok|delete|fls|fprint)/ }],
  ['rg', { is: 'search', never: /^(?:--pre|--hostname-bin|--search-zip|-[a-zA-Z]*z)/ }],
  ['sort', { is: 'read', words: /^-[bdfghinruV]+$/ }],
  ['uniq', { is: 'read', words: /^-[cdiu]+$/ }],
]);

/** `sed -n 1,20p FILE…`: whatever else it is told may write, or run something. */
const PRINTED_LINES = /^\d+(?:,(?:\d+|\$))?p$/;

/**
 * Undefined: it may do more, or look at more. `folder`: the checkout; `cwd`: where it is to run; both as the coding agent sees them.
 */
export function readingOf(line: string, cwd: string, folder: string): Reading | undefined {
  if (!isWithin(cwd, folder)) return undefined;
  const commands = parse(line);
  if (!commands) return undefined;
  const kinds = commands.map(([name = '', ...words]) => kindOf(name, words, folder));
  if (kinds.includes(undefined)) return undefined;
  return kinds.includes('read') ? 'read' : 'search';
}

export const isWithin = (path: string, folder: string): boolean =>
  !path.split('/').includes('..') && (path === folder || path.startsWith(`${folder}/`));

function kindOf(name: string, words: string[], folder: string): Reading | undefined {
  const reader = READERS.get(name);
  if (!words.every((word) => staysWithin(word, folder))) return undefined;
  if (name === 'sed') {
    const [quiet, script = '', ...files] = words;
    const isPlain = quiet === '-n' && PRINTED_LINES.test(script) && !files.some((one) => one.startsWith('-'));
    return isPlain ? 'read' : undefined;
  }
  if (!reader || words.some((word) => reader.never?.test(word) ?? false)) return undefined;
  return words.every((word) => reader.words?.test(word) ?? true) ? reader.is : undefined;
}

/** As far as its text says: an option's value may be a path, too. */
function staysWithin(word: string, folder: string): boolean {
  if (word.startsWith('/')) return isWithin(word, folder);
  if (word.startsWith('-')) return !word.includes('/') && !word.includes('~');
  return !word.startsWith('~') && !word.split('/').includes('..');
}

// No variable, no substitution, no redirection, no brace, no newline; of quotes those that mean what they say.
const TOKEN = /[ \t]+|(&&|\|\||[|;])|((?:[\w@%+=:,./*?[\]^-]|'[^'\n]*'|"[^"$`\\!\n]*")+)/y;

/** Each command as its words, quotes taken off; undefined: it is written in more of the shell's language than that. */
function parse(line: string): string[][] | undefined {
  const commands: string[][] = [[]];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < line.length) {
    const found = TOKEN.exec(line);
    if (!found) return undefined;
    const [, operator, word] = found;
    if (operator !== undefined) commands.push([]);
    if (word !== undefined) commands.at(-1)?.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  }
  return commands.every((one) => one.length > 0) ? commands : undefined;
}
