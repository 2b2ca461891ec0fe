// Reads addresses of repositories: of our forges, of the first with its pages, and of others. Fetches nothing.
import { isValidOwner, isValidRepositoryName } from './names.ts';
import type { Target } from './parsed.ts';
import { Refusal } from './refusal.ts';
import { badTarget, checkRepository, readRef, splitRef, type Scope } from './repositories.ts';

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
  if (!HOST.test(host) || !URL.canParse(origin)) throw badTarget('That address', scope);
  const url = new URL(origin);
  if (url.host === scope.hosts[0]) return readPage(path, scope);
  if (!scope.allowUrls && !scope.hosts.includes(url.host)) {
    throw new Refusal(
      'no-urls-here',
      `I only take repositories of ${scope.hosts.join(' and ')} here. Name one of those: ${scope.say(`${scope.verb} owner/name`)}.`,
    );
  }
  return readForeign(url.origin, path, scope);
}

/** A repository's page, or one of a pull request, issue, branch or commit, with whatever follows. */
function readPage(path: string, scope: Scope): Target {
  const what = 'That page';
  const [, owner = '', name = '', page = '', item = '', ...rest] = trimSlashes(path).split('/');
  if (page === '' || name.includes('@')) {
    const { path: plainName, ref } = splitRef(trimSlashes(path).slice(owner.length + 2));
    return checkRepository({ what, owner, name: plainName, ref }, scope);
  }
  if (/^(?:pull|issues)$/.test(page) && /^\d{1,9}$/.test(item)) {
    return checkRepository({ what, owner, name, number: Number(item) }, scope);
  }
  if (page === 'commit') return checkRepository({ what, owner, name, ref: item }, scope);
  if (page === 'tree')
    return checkRepository({ what, owner, name, ref: decodeRef([item, ...rest], scope) }, scope);
  throw badTarget(what, scope);
}

function decodeRef(segments: string[], scope: Scope): string {
  const ref = decode(trimSlashes(segments.join('/')));
  // `acme/api@fix#12` is pull request 12, so a branch of that name can only be said as a flag.
  if (PLAIN_REF.test(ref) && !/#\d{1,9}$/.test(ref)) return ref;
  throw new Refusal(
    'bad-ref',
    `I cannot read the branch in that link. Name it by itself: ${scope.say(`${scope.verb} owner/name --ref NAME`)}.`,
  );
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
  if (!isRepository) throw badTarget('That address', scope);
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
  const line = `${scope.verb} ${owner}/${name}`;
  const message = `I clone over https, with credentials of my own. Say ${scope.say(line)}.`;
  return new Refusal('bad-target', message, { suggestion: line });
}

function onlyHttp({ say, verb, allowUrls }: Scope): Refusal {
  const example = allowUrls ? 'https://host/owner/name' : 'owner/name';
  return new Refusal(
    'bad-target',
    `I clone over https only, with credentials of my own. Write it like this: ${say(`${verb} ${example}`)}.`,
  );
}
