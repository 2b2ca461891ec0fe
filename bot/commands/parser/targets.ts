// Reads and writes the word that says what a command is about. Looks nothing up.
import { readAddress, refuseSecureShell, SECURE_SHELL } from './addresses.ts';
import { isValidName } from './names.ts';
import type { Target } from './parsed.ts';
import { Refusal } from './refusal.ts';
import { badTarget, readRepository, type Scope } from './repositories.ts';
import { shown } from '../say.ts';

const NUMBER = /^#?(\d{1,9})$/;
const SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;

/** Throws Refusal. */
export function readTarget(word: string, scope: Scope): Target {
  if (/^(?:~|\.{1,2})?\/|^(?:~|\.{1,2})$/.test(word)) return readPath(word, scope);
  if (SCHEME.test(word)) return readAddress(word, scope);
  if (scope.hosts.some((host) => word.toLowerCase().startsWith(`${host}/`)))
    return readAddress(`https://${word}`, scope);
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
