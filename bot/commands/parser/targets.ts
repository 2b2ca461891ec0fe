// Reads the words of a command that are no flags, by what the command takes, and the word that says what it is about. Looks
// nothing up.
import type { CommandSpec } from '../command.ts';
import { plain } from './format.ts';
import { countDurationWords, isValidName, isValidOwner, isWorkspaceId, readDuration } from './names.ts';
import { Refusal, type ParsedCommand, type Target } from './parsed.ts';
import {
  badTarget,
  readAddress,
  readRepository,
  refuseSecureShell,
  SECURE_SHELL,
  type Scope,
} from './repositories.ts';

type Positionals = Pick<ParsedCommand, 'target' | 'value' | 'words' | 'person' | 'question' | 'port'>;

/** Throws Refusal. */
export function readPositionals(words: string[], { takes }: CommandSpec, scope: Scope): Positionals {
  switch (takes) {
    case 'names':
    case 'prompt':
    case 'line':
      return { words };
    case 'question':
      return { ...refuseMore(words, 1, scope), ...readQuestion(words, scope) };
    case 'none':
    case 'topic':
      return refuseMore(words, 0, scope);
    case 'target':
      return { ...refuseMore(words, 1, scope), ...readOptionalTarget(words, scope) };
    case 'target name':
      return readTargetAndName(words, scope);
    case 'target duration':
      return readTargetAndDuration(words, scope);
    case 'target port':
      return readTargetAndPort(words, scope);
    case 'target person':
      return readTargetAndPerson(words, scope);
    default:
      return takes satisfies never;
  }
}

function readQuestion([word]: string[], scope: Scope): Pick<Positionals, 'question'> {
  if (word === undefined) return {};
  const [, digits] = /^#?(\d{1,6})$/.exec(word) ?? [];
  if (!digits || Number(digits) === 0)
    throw new Refusal('too-many-words', { word: plain(word), command: scope.command });
  return { question: Number(digits) };
}

function readOptionalTarget([word]: string[], scope: Scope): Pick<Positionals, 'target'> {
  return word === undefined ? {} : { target: readTarget(word, scope) };
}

function readTargetAndName(words: string[], scope: Scope): Positionals {
  const none = refuseMore(words, 2, scope);
  const typed = words.at(-1) ?? '';
  const value = typed.toLowerCase();
  if (!isValidName(value) || isWorkspaceId(value)) throw refuseName(typed, scope);
  return { ...none, ...readOptionalTarget(words.slice(0, -1), scope), value };
}

/** `extend`, `extend 4h`, `extend api-412`, `extend api-412 until 18:40 UTC`. */
function readTargetAndDuration(words: string[], scope: Scope): Positionals {
  const hasTarget =
    words.length > 0 && words[0]?.toLowerCase() !== 'until' && countDurationWords(words, 0) === 0;
  const rest = words.slice(hasTarget ? 1 : 0);
  const value = readDuration(rest);
  if (rest.length > 0 && !value) throw refuseDuration(words, scope);
  if (hasTarget && rest.length === 0) refuseHalfDuration(words[0] ?? '', scope);
  const target = hasTarget ? readOptionalTarget(words, scope) : {};
  return { words: [], ...target, ...(value ? { value } : {}) };
}

/** `port`, `port 3000`, `port 3000 api-412`, `port api-412 3000`: the first number is the port, whatever else is called so. */
function readTargetAndPort(words: string[], scope: Scope): Positionals {
  const none = refuseMore(words, 2, scope);
  const at = words.findIndex((word) => /^[-+]?\d+$/.test(word));
  const typed = words[at];
  if (typed === undefined) return { ...refuseMore(words, 1, scope), ...readOptionalTarget(words, scope) };
  const port = /^\d{1,5}$/.test(typed) ? Number(typed) : 0;
  if (port < 1 || port > 65_535)
    throw new Refusal('bad-port', { typed: plain(typed), command: scope.command });
  return { ...none, ...readOptionalTarget(words.toSpliced(at, 1), scope), port };
}

/** As a chat writes people, with its own ids. */
const MEMBER = /^<@[A-Z\d]{1,40}>$/;

/** `share @bob`, `share api-412 @bob`, `share @bob api-412`. */
function readTargetAndPerson(words: string[], scope: Scope): Positionals {
  const isPerson = (word: string): boolean => /^<?[@＠]/.test(word);
  const [person, extra] = words.filter(isPerson);
  const others = words.filter((word) => !isPerson(word));
  if (extra !== undefined)
    throw new Refusal('too-many-words', { word: plain(extra), command: scope.command });
  const rest = { ...refuseMore(others, 1, scope), ...readOptionalTarget(others, scope) };
  return person === undefined ? rest : { ...rest, person: readPerson(person, scope) };
}

function readPerson(typed: string, { command }: Scope): string {
  if (MEMBER.test(typed)) return typed;
  const login = typed.replace(/^＠/, '@').slice(1);
  if (typed.startsWith('<') || !isValidOwner(login))
    throw new Refusal('bad-person', { typed: plain(typed), command });
  return `@${login}`;
}

/** No words, once it is sure that there are no more than the command takes. */
function refuseMore(words: string[], taken: number, { command }: Scope): Positionals {
  const extra = words[taken];
  if (extra === undefined) return { words: [] };
  throw new Refusal('too-many-words', { word: plain(extra), command });
}

const refuseName = (typed: string, { command }: Scope): Refusal =>
  new Refusal('bad-name', { typed: plain(typed), command });

/** A single word that is a target by the rules, and a duration by its looks: `4`, `4hours`. */
function refuseHalfDuration(word: string, scope: Scope): void {
  if (/^\d+[mhdw][a-z]+$/i.test(word)) throw refuseDuration([word], scope);
  if (!/^\d+$/.test(word)) return;
  throw new Refusal('bad-duration', { number: plain(word, 6), command: scope.command });
}

function refuseDuration(words: string[], { command }: Scope): Refusal {
  const typed = plain(words.slice(0, 3).join(' '));
  const [, count = '4', unit = 'h'] = /(?:^| )([1-9]\d?) ?([mhdw])[a-z]*$/i.exec(typed) ?? [];
  return new Refusal('bad-duration', {
    typed,
    suggestion: `${command} ${count}${unit.toLowerCase()}`,
    command,
  });
}

const NUMBER = /^#?(\d{1,9})$/;
const SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;

/** An address as Markdown writes it: `<https://…>`, `[acme/api](https://…)`. */
const LINK = /^(?:<(https?:\/\/[^<>]*)>|\[[^\]]*\]\((?:<?)(https?:\/\/[^()<>]*)(?:>?)\))$/i;

/** Throws Refusal. */
export function readTarget(typed: string, scope: Scope): Target {
  const [, bare, linked] = LINK.exec(typed) ?? [];
  const word = bare ?? linked ?? typed;
  if (/^(?:~|\.{1,2})?\/|^(?:~|\.{1,2})$/.test(word)) return readPath(word, scope);
  if (SECURE_SHELL.test(word)) throw refuseSecureShell(word, scope);
  if (SCHEME.test(word)) return readAddress(word, scope);
  const lower = word.toLowerCase();
  if (scope.hosts.some((host) => lower.startsWith(`${host}/`) || lower.startsWith(`www.${host}/`)))
    return readAddress(`https://${word}`, scope);
  const [, digits] = NUMBER.exec(word) ?? [];
  if (digits && Number(digits) > 0) return { kind: 'number', number: Number(digits) };
  if (word.includes('/')) return readRepository(word, scope);
  const name = word.toLowerCase();
  if (isValidName(name)) return { kind: 'name', name };
  throw badTarget({ what: 'word', typed: word }, scope);
}

function readPath(path: string, { allowPaths, command }: Scope): Target {
  if (!allowPaths) throw new Refusal('no-paths-here', { command });
  if (/\p{Cc}/u.test(path) || !path.isWellFormed())
    throw new Refusal('bad-target', { what: 'path', command });
  return { kind: 'path', path };
}
