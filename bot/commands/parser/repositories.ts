// Reads repositories: `owner/name@ref#N`, and addresses of our forges, of the first with its pages, and of others. Asks nobody whether
// they exist.
import { formatCommand, plain } from './format.ts';
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
/** What a repository's page offers for cloning, `git@github.com:acme/api.git`, and the same as an address. */
export const SECURE_SHELL =
  /^(?:[\w.-]+@([\w.-]+):(?!\/\/)|(?:(?:git\+)?ssh|git):\/\/([^/:?#]+)(?::\d*)?)\/*(.*)$/i;
const HOST = /^(?:[a-z\d](?:[a-z\d.-]*)|\[[\da-f:]+\])(?::\d{1,5})?$/i;
/** Everything in here reads back as it is written, from every front. */
const PLAIN_REF = /^[\p{L}\p{N}._/+@=,%#!-]+$/u;

/** Throws Refusal. */
export function readAddress(word: string, scope: Scope): Target {
  const [, origin, host = '', path = ''] = ADDRESS.exec(word) ?? [];
  if (!origin) throw onlyHttp(scope);
  if (!HOST.test(host) || !URL.canParse(origin)) throw badTarget({ what: 'address' }, scope);
  const url = new URL(origin);
  if (url.host === scope.hosts[0] || url.host === `www.${scope.hosts[0]}`) return readPage(path, scope);
  if (!scope.allowUrls && !scope.hosts.includes(url.host)) {
    throw new Refusal('no-urls-here', { hosts: scope.hosts, command: scope.command });
  }
  return readForeign(url.origin, path, scope);
}

/** Lists of a repository's things: they lead to the repository. */
const LISTS = /^(?:branches|commits|compare|issues|pulls|releases|tags)$/;

/** A repository's page, or one of a pull request, issue, branch, tag, file, comparison or commit, with whatever follows. */
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
  if (item === '' && LISTS.test(page)) return checkRepository({ shown, owner, name }, scope);
  const segments = page === 'releases' && item === 'tag' ? rest : [item, ...rest];
  const isRelease = page !== 'releases' || (item === 'tag' && rest.length > 0);
  const ref = isRelease ? readPageRef(page, segments, scope) : undefined;
  if (ref === undefined) throw badTarget(shown, scope);
  return checkRepository({ shown, owner, name, ref }, scope);
}

/** The ref that a page shows, by what follows the page's name; undefined if it shows none. Throws Refusal. */
function readPageRef(page: string, segments: string[], scope: Scope): string | undefined {
  switch (page) {
    case 'commit':
      return segments[0];
    case 'tree':
    case 'commits':
    case 'releases':
    case 'tags':
      return decodeRef(segments, scope);
    case 'blob':
    case 'raw':
    case 'blame':
      // Where the branch ends and the file begins, only the forge knows: most branches are one segment.
      return decodeRef(
        /^refs\/(?:heads|tags)\//.test(segments.join('/')) ? segments.slice(2, 3) : segments.slice(0, 1),
        scope,
      );
    case 'compare':
      return decodeRef(
        [
          segments
            .join('/')
            .split(/\.{2,3}/)
            .at(-1) ?? '',
        ],
        scope,
      );
    default:
      return undefined;
  }
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

/** What paths of git hosts are made of: `~user`, `@user`, and what else an address may have as it is. */
const SEGMENT = /^@?(?:[\p{L}\p{N}_.~+,=:-]|%[\da-f]{2}){1,100}$/iu;

/**
 * Any path: how deep repositories are, each host decides. `.git` stays as typed: some serve a repository only with it, some only
 * without. GitLab's pages are below `/-/`, which is in no repository's path.
 */
function readForeign(origin: string, path: string, scope: Scope): Target {
  const [typed, page] = splitPage(trimSlashes(path));
  const at = page === undefined ? typed.search(/(?<=[^/])@/) : -1;
  const segments = (at < 0 ? typed : typed.slice(0, at)).split('/').slice(1);
  const isRepository = segments.length >= 1 && segments.length <= 20 && segments.every(isSegment);
  if (!isRepository) throw badTarget({ what: 'address' }, scope);
  const url = origin + new URL(`${origin}/${segments.join('/')}`).pathname;
  if (page === undefined)
    return { kind: 'url', url, ...(at < 0 ? {} : { ref: readRef(typed.slice(at + 1), scope) }) };
  const [name = '', ...rest] = page.split('/');
  if (rest.length === 0 && LISTS.test(name)) return { kind: 'url', url };
  const ref = readPageRef(name, rest, scope);
  if (ref === undefined) throw badTarget({ what: 'page' }, scope);
  return { kind: 'url', url, ref: readRef(ref, scope) };
}

function splitPage(path: string): [string, string?] {
  const at = path.indexOf('/-/');
  return at < 0 ? [path] : [path.slice(0, at), path.slice(at + 3)];
}

function isSegment(segment: string): boolean {
  // What an escape stands for must not move about in the path, nor end it.
  const plainly = decode(segment);
  return SEGMENT.test(segment) && !/^\.{0,2}$|[\p{C}/\\]/u.test(plainly);
}

/** Says how to write it instead, whole if it is a repository that we can reach. */
export function refuseSecureShell(word: string, scope: Scope): Refusal {
  const [, short, long, path = ''] = SECURE_SHELL.exec(word) ?? [];
  try {
    const target = readAddress(`https://${short ?? long ?? ''}/${path}`, scope);
    const suggestion = formatCommand(
      { kind: 'command', verb: scope.command, target, words: [], flags: {} },
      '',
    );
    if (plain(suggestion, 120) === suggestion) return new Refusal('bad-target', { what: 'ssh', suggestion });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return onlyHttp(scope);
}

function onlyHttp({ command, allowUrls }: Scope): Refusal {
  return new Refusal('bad-target', { what: 'scheme', canBeForeign: allowUrls, command });
}
