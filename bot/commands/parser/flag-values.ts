// Reads the value of a flag by its kind, and names the kinds to people.
import type { FlagSpec } from '../command.ts';
import { readDuration } from './durations.ts';
import { isCommit, isValidName, isWorkspaceId } from './names.ts';
import type { Duration, Size } from './parsed.ts';
import { readRef, type Scope } from './repositories.ts';
import { readTarget } from './targets.ts';

export type FlagValue = string | number | Duration;

const SIZES: readonly Size[] = ['small', 'medium', 'large'];

/** What a kind takes, in the middle of a sentence. */
export const MEANINGS: Record<FlagSpec['kind'], string> = {
  text: 'plain text',
  boolean: 'nothing',
  duration: 'a time like 30m, 4h, 2d, 1w or until 18:40 UTC, a year at most',
  size: 'small, medium or large',
  number: 'a whole number from 1',
  name: 'a name of a-z, 0-9 and hyphens',
  ref: 'a branch, tag or commit',
  repository: 'owner/name',
  commit: 'a whole commit id of 40 hexadecimal digits',
};

/** What a usage line shows for a value. */
export const PLACEHOLDERS: Record<Exclude<FlagSpec['kind'], 'boolean'>, string> = {
  text: 'TEXT',
  duration: '4h',
  size: 's|m|l',
  number: 'N',
  name: 'NAME',
  ref: 'REF',
  repository: 'owner/name',
  commit: 'SHA',
};

/** The value, or undefined if the text is none of that kind. */
export function readFlagValue(flag: FlagSpec, text: string, scope: Scope): FlagValue | undefined {
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
