// Reads `owner/name@ref#N` and what a word is read with. Asks nobody whether it exists.
import { isValidOwner, isValidRef, isValidRepositoryName } from './names.ts';
import type { ParseContext, Target } from './parsed.ts';
import { Refusal } from './refusal.ts';
import { shown, type Say } from '../say.ts';

/** What a word is read with: the front's settings, how to print a line, and the verb for hints. */
export type Scope = Pick<ParseContext, 'allowPaths' | 'allowUrls'> & {
  hosts: readonly string[];
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

/** Throws Refusal. */
export function readRepository(word: string, scope: Scope): Target {
  const [, digits] = /#(\d{1,9})$/.exec(word) ?? [];
  const beforeNumber = digits ? word.slice(0, word.lastIndexOf('#')) : word;
  const { path, ref } = splitRef(beforeNumber);
  const [owner = '', name = '', ...more] = path.split('/');
  const what = shown(word);
  if (more.length > 0) throw badTarget(what, scope);
  return checkRepository({ what, owner, name, ref, number: digits ? Number(digits) : undefined }, scope);
}

export function splitRef(text: string): { path: string; ref?: string } {
  const at = text.indexOf('@');
  return at < 0 ? { path: text } : { path: text.slice(0, at), ref: text.slice(at + 1) };
}

/** The target, if GitHub allows such names. Throws Refusal. */
export function checkRepository({ what, owner, name: typed, ref, number }: Parts, scope: Scope): Target {
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

export function badTarget(what: string, { say, verb }: Scope): Refusal {
  return new Refusal(
    'bad-target',
    `${what} is no workspace, pull request or repository. Those look like \`api-412\`, \`#412\` and \`owner/name@branch\`: ${say(`help ${verb}`)}.`,
  );
}
