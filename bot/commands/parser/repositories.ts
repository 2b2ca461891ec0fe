// Reads repositories: `owner/name@ref#N`, and addresses of our forges, of the first with its pages, and of others. Asks nobody whether
// they exist.
import { plain } from './format.ts';
import { isValidOwner, isValidRef, isValidRepositoryName } from './names.ts';
import { Refusal, type ParseContext, type Target } from './parsed.ts';

/** What a word is read with: the front's settings, and the command that it is for. */
export type Scope = Pick<ParseContext, 'allowPaths' | 'allowUrls'> & {
  hosts: readonly string[];
  command: string;
};

/** What a refusal says of a word. */
type What = { what: 'page' | 'address' } | { what: 'word'; typed: string };
type Parts = {
  shown: What;
  owner: string;
  name: string;
  ref?: string | undefined;
  number?: number | undefined;
};

/** Throws Refusal. */
export function readRepository(word: string, scope: Scope): Target {
  const [, digits] = /#(\d{1,9})$/.exec(word) ?? [];
  const beforeNumber = digits ? word.slice(0, word.lastIndexOf('#')) : word;
  const { path, ref } = splitRef(beforeNumber);
  const [owner = '', name = '', ...more] = path.split('/');
  const shown = { what: 'word', typed: word } as const;
  if (more.length > 0) throw badTarget(shown, scope);
  return checkRepository({ shown, owner, name, ref, number: digits ? Number(digits) : undefined }, scope);
}

function splitRef(text: string): { path: string; ref?: string } {
  const at = text.indexOf('@');
  return at < 0 ? { path: text } : { path: text.slice(0, at), ref: text.slice(at + 1) };
}

/** The target, if GitHub allows such names. Throws Refusal. */
function checkRepository({ shown, owner, name: typed, ref, number }: Parts, scope: Scope): Target {
  const name = typed.replace(/\.git$/i, '');
  if (!isValidOwner(owner) || !isValidRepositoryName(name) || number === 0) {
    throw badTarget(shown, scope);
  }
  return {
    kind: 'repository',
    owner,
    name,
    ...(ref === undefined ? {} : { ref: readRef(ref, scope) }),
    ...(number ? { number } : {}),
  };
}

/** Throws Refusal. */
export function readRef(ref: string, { command }: Pick<Scope, 'command'>): string {
  if (isValidRef(ref)) return ref;
  throw new Refusal('bad-ref', { typed: plain(ref), command });
}

export function badTarget(shown: What, { command }: Scope): Refusal {
  const typed = shown.what === 'word' ? { typed: plain(shown.typed) } : {};
  return new Refusal('bad-target', { what: shown.what, ...typed, command });
}

const ADDRESS = /^(https?:\/\/([^/?#]*))([^?#]*)/i;
/** What a repository's page offers for cloning: `git@github.com:acme/api.git`. */
export const SECURE_SHELL = /^[\w.-]+@([\w.-]+):(.*)$/;
const HOST = /^(?:[a-z\d](?:[a-z\d.-]*)|\[[\da-f:]+\])(?::\d{1,5})?$/i;
/** Everything in here reads back as it is written, from every front. */
const PLAIN_REF = /^[\p{L}\p{N}._/+@=,%#!-]+$/u;

/** Throws Refusal. */
export function readAddress(word: string, scope: Scope): Target {
  const [, origin, host = '', path = ''] = ADDRESS.exec(word) ?? [];
  if (!origin) throw onlyHttp(scope);
  if (!HOST.test(host) || !URL.canParse(origin)) throw badTarget({ what: 'address' }, scope);
  const url = new URL(origin);
  if (url.host === scope.hosts[0]) return readPage(path, scope);
  if (!scope.allowUrls && !scope.hosts.includes(url.host)) {
    throw new Refusal('no-urls-here', { hosts: scope.hosts, command: scope.command });
  }
  return readForeign(url.origin, path, scope);
}

/** A repository's page, or one of a pull request, issue, branch or commit, with whatever follows. */
function readPage(path: string, scope: Scope): Target {
  const shown = { what: 'page' } as const;
  const [, owner = '', name = '', page = '', item = '', ...rest] = trimSlashes(path).split('/');
  if (page === '' || name.includes('@')) {
    const { path: plainName, ref } = splitRef(trimSlashes(path).slice(owner.length + 2));
    return checkRepository({ shown, owner, name: plainName, ref }, scope);
  }
  if (/^(?:pull|issues)$/.test(page) && /^\d{1,9}$/.test(item)) {
    return checkRepository({ shown, owner, name, number: Number(item) }, scope);
  }
  if (page === 'commit') return checkRepository({ shown, owner, name, ref: item }, scope);
  if (page === 'tree')
    return checkRepository({ shown, owner, name, ref: decodeRef([item, ...rest], scope) }, scope);
  throw badTarget(shown, scope);
}

function decodeRef(segments: string[], scope: Scope): string {
  const ref = decode(trimSlashes(segments.join('/')));
  // `acme/api@fix#12` is pull request 12, so a branch of that name can only be said as a flag.
  if (PLAIN_REF.test(ref) && !/#\d{1,9}$/.test(ref)) return ref;
  throw new Refusal('bad-ref', { command: scope.command });
}

/** By hand: a regular expression for this takes quadratic time. */
function trimSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '/') end -= 1;
  return text.slice(0, end);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** `.git` stays as typed: some hosts serve a repository only with it, some only without. */
function readForeign(origin: string, path: string, scope: Scope): Target {
  const { path: repositoryPath, ref } = splitRef(trimSlashes(path));
  const segments = repositoryPath.split('/').slice(1);
  const isRepository =
    segments.length >= 2 &&
    segments.length <= 8 &&
    segments.every((segment) => /^[\w.][\w.-]{0,99}$/.test(segment) && !/^\.{1,2}$/.test(segment));
  if (!isRepository) throw badTarget({ what: 'address' }, scope);
  const url = `${origin}/${segments.join('/')}`;
  return { kind: 'url', url, ...(ref === undefined ? {} : { ref: readRef(ref, scope) }) };
}

/** Says how to write it instead, whole if it is a repository that we can reach. */
export function refuseSecureShell(word: string, scope: Scope): Refusal {
  const [, host = '', path = ''] = SECURE_SHELL.exec(word) ?? [];
  const [owner = '', typed = '', ...more] = path.split('/');
  const name = typed.replace(/\.git$/i, '');
  const isOurs = host.toLowerCase() === scope.hosts[0] && more.length === 0;
  if (!isOurs || !isValidOwner(owner) || !isValidRepositoryName(name)) return onlyHttp(scope);
  return new Refusal('bad-target', { what: 'ssh', suggestion: `${scope.command} ${owner}/${name}` });
}

function onlyHttp({ command, allowUrls }: Scope): Refusal {
  return new Refusal('bad-target', { what: 'scheme', canBeForeign: allowUrls, command });
}
