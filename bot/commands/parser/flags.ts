// Reads flags: `--size=large`, `--size large`, `-s large`, `size=large`. What a flag does is its command's affair.
import type { CommandSpec, FlagSpec } from '../command.ts';
import { countDurationWords } from './durations.ts';
import { MEANINGS, PLACEHOLDERS, readFlagValue, type FlagValue } from './flag-values.ts';
import type { Flags } from './parsed.ts';
import { Refusal } from './refusal.ts';
import type { Scope } from './repositories.ts';
import { shown } from '../say.ts';
import type { Token } from './tokens.ts';

/** A flag as found: how it was written, its name, the value that came with it, if any. */
type Found = { written: string; name: string; value: string | undefined };
type Reading = { spec: CommandSpec; scope: Scope; tokens: readonly Token[] };

const HELP = /^(?:-h|--help)$/i;

/** Splits the tokens after the verb; throws Refusal at the first flag that is wrong. */
export function readFlags(tokens: readonly Token[], spec: CommandSpec, scope: Scope) {
  const reading = { spec, scope, tokens };
  const flags: Flags = {};
  const words: string[] = [];
  let at = 0;
  while (at < tokens.length) {
    const token = tokens[at] ?? { text: '', at: 0, quoted: true };
    at += 1;
    if (token.text === '--' && !token.quoted) break;
    const found = findFlag(token, reading);
    if (found) at = addFlag(flags, found, at, reading);
    else words.push(token.text);
    // What follows the first of them may be a sentence of someone's.
    if (!found && spec.takes === 'words') break;
  }
  words.push(...tokens.slice(at).map(({ text }) => text));
  checkContradictions(flags, reading);
  return { flags, words };
}

/** Whether one of the tokens asks for help on the command. */
export function asksForHelp(tokens: readonly Token[]): boolean {
  const end = tokens.findIndex(({ text, quoted }) => text === '--' && !quoted);
  return tokens.slice(0, end < 0 ? undefined : end).some(({ text, quoted }) => !quoted && HELP.test(text));
}

/** How the flag is typed, with what it takes: `--size s|m|l`. */
export function formatFlagUsage(name: string, { kind, values }: FlagSpec): string {
  return kind === 'boolean' ? `--${name}` : `--${name} ${values?.join('|') ?? PLACEHOLDERS[kind]}`;
}

function isDashed({ text, quoted }: Token): boolean {
  return !quoted && /^--?[a-z]/i.test(text);
}

function findFlag(token: Token, reading: Reading): Found | undefined {
  const isPair = !token.quoted && /^[a-z][a-z-]*=/i.test(token.text);
  if (!isDashed(token) && !isPair) return undefined;
  const sign = token.text.indexOf('=');
  const written = sign < 0 ? token.text : token.text.slice(0, sign);
  const value = sign < 0 ? undefined : token.text.slice(sign + 1);
  const name = written.replace(/^--?/, '').toLowerCase();
  if (Object.hasOwn(reading.spec.flags, name)) return { written, name, value };
  return findShort(token.text, written, value, reading) ?? refuseUnknown(written, reading);
}

/** `-s large`, `-s=large`, `-slarge`. */
function findShort(
  text: string,
  written: string,
  value: string | undefined,
  { spec }: Reading,
): Found | undefined {
  if (!/^-[a-z]/i.test(text)) return undefined;
  const letter = text.charAt(1).toLowerCase();
  const [name, flag] = Object.entries(spec.flags).find(([, { short }]) => short === letter) ?? [];
  if (!name || !flag) return undefined;
  if (written.length === 2) return { written, name, value };
  return flag.kind === 'boolean' ? undefined : { written: text.slice(0, 2), name, value: text.slice(2) };
}

function refuseUnknown(written: string, { spec, scope }: Reading): never {
  const names = Object.keys(spec.flags).map((name) => `\`--${name}\``);
  const next =
    names.length === 0
      ? `It has none. Send it without: ${scope.say(spec.name)}.`
      : `It has ${names.join(', ')}. What they do: ${scope.say(`help ${spec.name}`)}.`;
  throw new Refusal('unknown-flag', `${shown(written)} is no flag of ${scope.say(spec.name)}. ${next}`);
}

/** Puts the flag among the others; gives the place of the next token. */
function addFlag(flags: Flags, { written, name, value }: Found, at: number, reading: Reading): number {
  const flag = reading.spec.flags[name];
  if (!flag) return at;
  if (Object.hasOwn(flags, name)) {
    throw refusal('repeated-flag', `\`--${name}\` is there twice, and I cannot choose.`, reading);
  }
  if (flag.kind === 'boolean') {
    if (readSwitch(name, value, reading)) flags[name] = true;
    return at;
  }
  const words = value === undefined ? takeWords(flag, at, reading) : [value];
  if (words.join('') === '') {
    const example = `\`${formatFlagUsage(name, flag)}\``;
    throw refusal('missing-value', `${shown(written)} needs a value, like ${example}.`, reading);
  }
  flags[name] = readValue(name, flag, words.join(' '), reading);
  return value === undefined ? at + words.length : at;
}

function takeWords(flag: FlagSpec, at: number, { tokens }: Reading): string[] {
  const next = tokens[at];
  if (!next || isDashed(next) || (next.text === '--' && !next.quoted)) return [];
  const following = tokens.slice(at, at + 3).map(({ text }) => text);
  const length = flag.kind === 'duration' ? Math.max(1, countDurationWords(following, 0)) : 1;
  return following.slice(0, length);
}

function readSwitch(name: string, value: string | undefined, reading: Reading): boolean {
  if (value === undefined || /^(?:true|yes|on)$/i.test(value)) return true;
  if (/^(?:false|no|off)$/i.test(value)) return false;
  throw refusal('bad-value', `\`--${name}\` is on or off and takes no value.`, reading);
}

function readValue(name: string, flag: FlagSpec, text: string, reading: Reading): FlagValue {
  const value = readFlagValue(flag, text, reading.scope);
  if (value !== undefined) return value;
  const means = flag.values ? `one of ${flag.values.join(', ')}` : MEANINGS[flag.kind];
  const upTo = flag.max === undefined ? '' : ` up to ${flag.max}`;
  const code = flag.kind === 'duration' ? 'bad-duration' : 'bad-value';
  throw refusal(code, `\`--${name}\` takes ${means}${upTo}, not ${shown(text)}.`, reading);
}

function checkContradictions(flags: Flags, reading: Reading): void {
  for (const name of Object.keys(flags)) {
    const other = reading.spec.flags[name]?.excludes;
    if (other && Object.hasOwn(flags, other)) {
      throw refusal(
        'contradiction',
        `\`--${name}\` and \`--${other}\` contradict each other: take one.`,
        reading,
      );
    }
  }
}

function refusal(code: Refusal['code'], what: string, { spec, scope }: Reading): Refusal {
  return new Refusal(code, `${what} How to write it: ${scope.say(`help ${spec.name}`)}.`);
}
