// Reads the words of a command that are no flags, by what the command takes.
import type { CommandSpec } from '../command.ts';
import { countDurationWords, readDuration } from './durations.ts';
import { isValidName, isWorkspaceId } from './names.ts';
import type { ParsedCommand } from './parsed.ts';
import { Refusal } from './refusal.ts';
import type { Scope } from './repositories.ts';
import { plain, shown } from '../say.ts';
import { readTarget } from './targets.ts';

type Positionals = Pick<ParsedCommand, 'target' | 'value' | 'words'>;

/** Throws Refusal. */
export function readPositionals(words: string[], { takes }: CommandSpec, scope: Scope): Positionals {
  switch (takes) {
    case 'words':
      return { words };
    case 'none':
    case 'topic':
      return refuseMore(words, 0, scope);
    case 'target':
      return { ...refuseMore(words, 1, scope), ...readOptionalTarget(words, scope) };
    case 'target name':
      return readTargetAndName(words, scope);
    case 'target duration':
      return readTargetAndDuration(words, scope);
    default:
      return takes satisfies never;
  }
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

/** No words, once it is sure that there are no more than the command takes. */
function refuseMore(words: string[], taken: number, { say, verb }: Scope): Positionals {
  const extra = words[taken];
  if (extra === undefined) return { words: [] };
  throw new Refusal(
    'too-many-words',
    `I don't know what ${shown(extra)} means after ${say(verb)}. How to write it: ${say(`help ${verb}`)}.`,
  );
}

function refuseName(typed: string, { say, verb }: Scope): Refusal {
  const what = typed === '' ? 'A new name is missing.' : `${shown(typed)} cannot be a name.`;
  const rule = 'Names have a-z, 0-9 and hyphens, at most 63, with a letter among them:';
  return new Refusal('bad-name', `${what} ${rule} ${say(`${verb} my-fix`)}.`);
}

/** A single word that is a target by the rules, and a duration by its looks: `4`, `4hours`. */
function refuseHalfDuration(word: string, scope: Scope): void {
  if (/^\d+[mhdw][a-z]+$/i.test(word)) throw refuseDuration([word], scope);
  if (!/^\d+$/.test(word)) return;
  const { say, verb } = scope;
  const [hours, number] = [say(`${verb} ${plain(word, 6)}h`), say(`${verb} #${plain(word, 6)}`)];
  const message = `${shown(word)} may be hours or a pull request. Say ${hours} or ${number}.`;
  throw new Refusal('bad-duration', message);
}

function refuseDuration(words: string[], { say, verb }: Scope): Refusal {
  const typed = words.slice(0, 3).join(' ');
  const [, count = '4', unit = 'h'] = /(?:^| )([1-9]\d?) ?([mhdw])[a-z]*$/i.exec(plain(typed)) ?? [];
  const suggestion = `${verb} ${count}${unit.toLowerCase()}`;
  const until = say(`${verb} until 18:40 UTC`);
  const message = `${shown(typed)} has no time that I understand, of a year at most. Say ${say(suggestion)} or ${until}.`;
  return new Refusal('bad-duration', message, { suggestion });
}
