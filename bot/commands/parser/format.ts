// Writes commands: a parsed one as the line that parses to it, the usage of any, and what was typed without what nobody may read.
// The parser's inverse; reads nothing.
import type { CommandSpec, FlagSpec } from '../command.ts';
import { formatDuration } from './names.ts';
import type { Flags, ParsedCommand, Target } from './parsed.ts';

/** One line; with an empty trigger it begins with the verb. */
export function formatCommand(
  {
    verb,
    target,
    value,
    words,
    flags,
    prompt,
    person,
    question,
    port,
  }: Omit<ParsedCommand, 'line' | 'ignored'>,
  trigger: string,
): string {
  const parts = [
    trigger,
    verb,
    // A flag says it there.
    target && prompt === undefined ? quote(formatTarget(target)) : '',
    formatValue(value),
    person === undefined ? '' : quote(person),
    question === undefined ? '' : String(question),
    // Before a name that is a number, too.
    port === undefined ? '' : String(port),
    ...Object.entries(flags).map(([name, flag]) => formatFlag(name, flag)),
    ...words.map(quote),
    ...(prompt === undefined ? [] : ['--', prompt]),
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function formatValue(value: ParsedCommand['value']): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? quote(value) : formatDuration(value);
}

function formatFlag(name: string, value: Flags[string]): string {
  if (value === true) return `--${name}`;
  return `--${name} ${typeof value === 'object' ? formatDuration(value) : quote(String(value))}`;
}

/** Quoted, a word is never a flag. */
function quote(word: string): string {
  return /^[\w./#@:+%,~][\w./#@:+%,~-]*$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** The word that reads as this target, without quotes. */
function formatTarget(target: Target): string {
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

/** The verb, its words and its flags on one line, without the trigger: `logs [target] [--lines N]`. */
export function formatUsage({ usage, flags }: CommandSpec): string {
  const optional = Object.entries(flags).map(([name, flag]) => `[${formatFlagUsage(name, flag)}]`);
  return [usage, ...optional].join(' ');
}

/** What a usage line shows for a value. */
const PLACEHOLDERS: Record<Exclude<FlagSpec['kind'], 'boolean'>, string> = {
  text: 'TEXT',
  duration: '4h',
  size: 's|m|l',
  number: 'N',
  name: 'NAME',
  ref: 'REF',
  repository: 'owner/name',
  commit: 'SHA',
};

/** How the flag is typed, with what it takes: `--size s|m|l`. */
export function formatFlagUsage(name: string, { kind, values }: FlagSpec): string {
  return kind === 'boolean' ? `--${name}` : `--${name} ${values?.join('|') ?? PLACEHOLDERS[kind]}`;
}

const SHOWN = 60;

/** The text without the credentials of its addresses. Masks too much rather than too little. */
function maskCredentials(text: string): string {
  return text.split(' ').map(maskWord).join(' ');
}

function maskWord(word: string): string {
  const start = word.search(/:[\\/]/);
  const end = word.lastIndexOf('@');
  return start >= 0 && end > start ? `${word.slice(0, start)}://…${word.slice(end)}` : word;
}

/** What was typed, safe for one code span: no credentials, no control characters, `length` characters at most. */
export function plain(text: string, length = SHOWN): string {
  const masked = maskCredentials(text).replaceAll('`', "'").replaceAll(/\p{C}/gu, '?');
  return masked.length > length ? `${masked.slice(0, length - 1).toWellFormed()}…` : masked;
}
