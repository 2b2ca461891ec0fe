// Reads and writes the word that says what a command is about. Looks nothing up.
import { isValidName, isValidOwner, isValidRef, isValidRepositoryName } from './names.ts';
import type { ParseContext, Target } from './parsed.ts';
import { Refusal } from './refusal.ts';
import { shown, type Say } from './say.ts';

/** What a word is read with: the front's settings, how to print a line, and the verb for hints. */
export type Scope = Pick<ParseContext, 'allowPaths' | 'allowUrls'> & {
  githubHost: string;
  say: Say;
  verb: string;
};

/** `what`: how an error calls it. */
type Parts = {
  what: string;
  owner: string;
  name: string;
  ref?: string | undefined;
  number?: number | undefined;
};

const NUMBER = /^#?(\d{1,9})$/;
const SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;
const ADDRESS = /^(https?:\/\/([^/?#\\]*))([^?#]*)/i;
/** What a repository's page offers for cloning: `git@github.com:acme/api.git`. */
const SECURE_SHELL = /^[\w.-]+@([\w.-]+):(.*)$/;
const HOST = /^(?:[a-z\d](?:[a-z\d.-]*)|\[[\da-f:]+\])(?::\d{1,5})?$/i;
/** Everything in here reads back as it is written, from every front. */
const PLAIN_REF = /^[\p{L}\p{N}._/+@=,%#!-]+$/u;

/** Throws Refusal. */
export function readTarget(word: string, scope: Scope): Target {
  if (/^(?:~|\.{1,2})?\/|^(?:~|\.{1,2})$/.test(word)) return readPath(word, scope);
  if (SCHEME.test(word)) return readAddress(word, scope);
  if (word.toLowerCase().startsWith(`${scope.githubHost}/`)) return readAddress(`https://${word}`, scope);
  if (SECURE_SHELL.test(word)) throw refuseSecureShell(word, scope);
  const [, digits] = NUMBER.exec(word) ?? [];
  if (digits && Number(digits) > 0) return { kind: 'number', number: Number(digits) };
  if (word.includes('/')) return readRepository(word, scope);
  const name = word.toLowerCase();
  if (isValidName(name)) return { kind: 'name', name };
  throw badTarget(shown(word), scope);
}

/** The word that readTarget reads as this target, without quotes. */
export function formatTarget(target: Target): string {
  switch (target.kind) {
    case 'name':
      return target.name;
    case 'number':
      return `#${target.number}`;
    case 'path':
      return target.path;
    case 'url':
      return target.url + (target.ref ? `@${target.ref}` : '');
    case 'repository': {
      const { owner, name, ref, number } = target;
      return `${owner}/${name}${ref ? `@${ref}` : ''}${number ? `#${number}` : ''}`;
    }
    default:
      return target satisfies never;
  }
}

function readPath(path: string, { allowPaths, say, verb }: Scope): Target {
  if (!allowPaths) {
    throw new Refusal(
      'no-paths-here',
      `A path means something only on the machine where I run, so I read none here. Name the repository instead: ${say(`${verb} owner/name`)}.`,
    );
  }
  if (/\p{Cc}/u.test(path) || !path.isWellFormed()) {
    throw new Refusal('bad-target', `That path has control characters. This folder is ${say(`${verb} .`)}.`);
  }
  return { kind: 'path', path };
}

function readRepository(word: string, scope: Scope): Target {
  const [, digits] = /#(\d{1,9})$/.exec(word) ?? [];
  const beforeNumber = digits ? word.slice(0, word.lastIndexOf('#')) : word;
  const { path, ref } = splitRef(beforeNumber);
  const [owner = '', name = '', ...more] = path.split('/');
  if (more.length > 0) throw badTarget(shown(word), scope);
  return repository(
    { what: shown(word), owner, name, ref, number: digits ? Number(digits) : undefined },
    scope,
  );
}

function splitRef(text: string): { path: string; ref?: string } {
  const at = text.indexOf('@');
  return at < 0 ? { path: text } : { path: text.slice(0, at), ref: text.slice(at + 1) };
}

function repository({ what, owner, name: typed, ref, number }: Parts, scope: Scope): Target {
  const name = typed.replace(/\.git$/i, '');
  if (!isValidOwner(owner) || !isValidRepositoryName(name) || number === 0) {
    throw badTarget(what, scope);
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
export function readRef(ref: string, { say, verb }: Pick<Scope, 'say' | 'verb'>): string {
  if (isValidRef(ref)) return ref;
  throw new Refusal(
    'bad-ref',
    `${shown(ref)} cannot be the name of a branch, tag or commit. Write it as git does: ${say(`${verb} owner/name@main`)}.`,
  );
}

function readAddress(word: string, scope: Scope): Target {
  const [, origin, host = '', path = ''] = ADDRESS.exec(word) ?? [];
  if (!origin) throw onlyHttp(scope);
  if (!HOST.test(host) || !URL.canParse(origin)) throw badTarget('That address', scope);
  if (host.toLowerCase() === scope.githubHost) return readGitHubPath(path, scope);
  if (!scope.allowUrls) {
    throw new Refusal(
      'no-urls-here',
      `I only take repositories of ${scope.githubHost} here. Name one of those: ${scope.say(`${scope.verb} owner/name`)}.`,
    );
  }
  return readForeign(new URL(origin).origin, path, scope);
}

/** A repository's page, or one of a pull request, issue, branch or commit, with whatever follows. */
function readGitHubPath(path: string, scope: Scope): Target {
  const what = 'That page';
  const [, owner = '', name = '', page = '', item = '', ...rest] = trimSlashes(path).split('/');
  if (page === '' || name.includes('@')) {
    const { path: plainName, ref } = splitRef(trimSlashes(path).slice(owner.length + 2));
    return repository({ what, owner, name: plainName, ref }, scope);
  }
  if (/^(?:pull|issues)$/.test(page) && /^\d{1,9}$/.test(item)) {
    return repository({ what, owner, name, number: Number(item) }, scope);
  }
  if (page === 'commit') return repository({ what, owner, name, ref: item }, scope);
  if (page === 'tree')
    return repository({ what, owner, name, ref: decodeRef([item, ...rest], scope) }, scope);
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
function refuseSecureShell(word: string, scope: Scope): Refusal {
  const [, host = '', path = ''] = SECURE_SHELL.exec(word) ?? [];
  const [owner = '', typed = '', ...more] = path.split('/');
  const name = typed.replace(/\.git$/i, '');
  const isOurs = host.toLowerCase() === scope.githubHost && more.length === 0;
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

function badTarget(what: string, { say, verb }: Scope): Refusal {
  return new Refusal(
    'bad-target',
    `${what} is no workspace, pull request or repository. Those look like \`api-412\`, \`#412\` and \`owner/name@branch\`: ${say(`help ${verb}`)}.`,
  );
}
