// Reads flags: `--size=large`, `--size large`, `-s large`, `size=large`, and their values by kind. What a flag does is its
// command's affair.
import type { CommandSpec, FlagSpec } from '../command.ts';
import { formatFlagUsage, plain } from './format.ts';
import { countDurationWords, isCommit, isValidName, isWorkspaceId, readDuration } from './names.ts';
import { Refusal, type Duration, type Flags, type Size } from './parsed.ts';
import { readRef, type Scope } from './repositories.ts';
import { readTarget } from './targets.ts';
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

function refuseUnknown(written: string, { spec }: Reading): never {
  const flags = Object.keys(spec.flags);
  throw new Refusal('unknown-flag', { flag: plain(written), command: spec.name, flags });
}

/** Puts the flag among the others; gives the place of the next token. */
function addFlag(flags: Flags, { written, name, value }: Found, at: number, reading: Reading): number {
  const flag = reading.spec.flags[name];
  if (!flag) return at;
  const command = reading.spec.name;
  if (Object.hasOwn(flags, name)) throw new Refusal('repeated-flag', { flag: name, command });
  if (flag.kind === 'boolean') {
    if (readSwitch(name, value, reading)) flags[name] = true;
    return at;
  }
  const words = value === undefined ? takeWords(flag, at, reading) : [value];
  if (words.join('') === '') {
    const example = formatFlagUsage(name, flag);
    throw new Refusal('missing-value', { flag: plain(written), example, command });
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
  throw refuseValue(name, { kind: 'boolean' }, value, reading);
}

function readValue(name: string, flag: FlagSpec, text: string, reading: Reading): FlagValue {
  const value = readFlagValue(flag, text, reading.scope);
  if (value !== undefined) return value;
  throw refuseValue(name, flag, text, reading);
}

function refuseValue(
  flag: string,
  { kind, values, max }: Pick<FlagSpec, 'kind' | 'values' | 'max'>,
  text: string,
  { spec }: Reading,
): Refusal {
  const [typed, command] = [plain(text), spec.name];
  if (kind === 'duration') return new Refusal('bad-duration', { flag, typed, command });
  const limits = { ...(values ? { values } : {}), ...(max === undefined ? {} : { max }) };
  return new Refusal('bad-value', { flag, kind, ...limits, typed, command });
}

function checkContradictions(flags: Flags, reading: Reading): void {
  for (const name of Object.keys(flags)) {
    const other = reading.spec.flags[name]?.excludes;
    if (other && Object.hasOwn(flags, other))
      throw new Refusal('contradiction', { flag: name, other, command: reading.spec.name });
  }
}

type FlagValue = string | number | Duration;

const SIZES: readonly Size[] = ['small', 'medium', 'large'];

/** The value, or undefined if the text is none of that kind. */
function readFlagValue(flag: FlagSpec, text: string, scope: Scope): FlagValue | undefined {
  const lower = text.toLowerCase();
  switch (flag.kind) {
    case 'boolean':
      return undefined;
    case 'text':
      return readText(flag, text);
    case 'duration':
      return readDuration(text.split(' '));
    case 'size':
      return SIZES.find((size) => size === lower || size.charAt(0) === lower);
    case 'number':
      return readNumber(flag, text);
    case 'name':
      return isValidName(lower) && !isWorkspaceId(lower) ? lower : undefined;
    case 'ref':
      return readRef(text, scope);
    case 'repository':
      return readRepositoryName(text, scope);
    case 'commit':
      return isCommit(text) ? lower : undefined;
    default:
      return flag.kind satisfies never;
  }
}

function readText({ values }: FlagSpec, text: string): string | undefined {
  if (values) return values.find((value) => value === text.toLowerCase());
  return text.length <= 200 && text.isWellFormed() && !/\p{Cc}/u.test(text) ? text : undefined;
}

function readNumber({ max = 999_999 }: FlagSpec, text: string): number | undefined {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= max ? number : undefined;
}

function readRepositoryName(text: string, scope: Scope): string | undefined {
  const target = readTarget(text, scope);
  const isPlain = target.kind === 'repository' && !target.ref && !target.number;
  return isPlain ? `${target.owner}/${target.name}` : undefined;
}
