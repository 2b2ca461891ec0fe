// What may be called how (workspaces, owners, repositories, refs, commits), and what is a span of time (`4h`) or a time of day
// (`until 18:40 UTC`) instead. Pure; knows no clock and asks nobody whether it exists.
import type { Duration } from './parsed.ts';

/** 1 to 63 of a-z, 0-9 and inner hyphens, with a letter, and nothing that reads as a number or a duration. */
export function isValidName(name: string): boolean {
  return (
    /^[a-z\d][a-z\d-]{0,62}$/.test(name) &&
    /[a-z]/.test(name) &&
    !name.endsWith('-') &&
    name !== 'until' &&
    countDurationWords([name], 0) === 0
  );
}

/** Workspace ids are understood wherever a name is, and are no names to give. */
export function isWorkspaceId(name: string): boolean {
  return /^ws-[a-z2-7]{12}$/.test(name);
}

/** A user or organisation: letters, digits and single inner hyphens, 39 at most; `_` begins an enterprise's suffix. */
export function isValidOwner(owner: string): boolean {
  const [login = '', suffix = 'x', ...more] = owner.split('_');
  return (
    owner.length <= 39 &&
    more.length === 0 &&
    /^[a-z\d-]+$/i.test(login) &&
    /^[a-z\d]+$/i.test(suffix) &&
    !login.startsWith('-') &&
    !login.endsWith('-') &&
    !login.includes('--')
  );
}

export function isValidRepositoryName(name: string): boolean {
  return /^[\w.][\w.-]{0,99}$/.test(name) && name !== '.' && name !== '..' && !/\.(?:git|wiki)$/i.test(name);
}

/**
 * A branch, tag or commit by the rules of `git check-ref-format refs/heads/<ref>`; stricter in that it has 255
 * characters at most, is not `@`, and never begins with a hyphen, so that no program takes it for an option.
 */
export function isValidRef(ref: string): boolean {
  return (
    ref !== '' &&
    ref !== '@' &&
    ref.length <= 255 &&
    ref.isWellFormed() &&
    !/[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock\/|^[-./]|[./]$|\.lock$/u.test(ref)
  );
}

/** A whole SHA-1 or SHA-256: the start of one can be forged. */
export function isCommit(text: string): boolean {
  return /^(?:[\da-f]{40}|[\da-f]{64})$/i.test(text);
}

const MINUTE = 60_000;
/** From the longest on. */
const UNITS = { w: 7 * 24 * 60 * MINUTE, d: 24 * 60 * MINUTE, h: 60 * MINUTE, m: MINUTE };
const SPAN = /^(\d{1,6})([mhdw])$/i;
const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/;
const ZONE = /^(?:[a-z][\w+/-]{1,39}|[+-]\d\d:?\d\d)$/i;
const MAX_MS = 366 * UNITS.d;

/** How many words from `from` on make a duration: 0 for none. */
export function countDurationWords(words: readonly string[], from: number): number {
  const word = words[from] ?? '';
  if (word.toLowerCase() !== 'until') return SPAN.test(word) ? 1 : 0;
  if (!TIME.test(words[from + 1] ?? '')) return 0;
  return isZone(words[from + 2] ?? '') ? 3 : 2;
}

/** The duration these words make, all of them; undefined if they make none, or one of nothing or over a year. */
export function readDuration(words: readonly string[]): Duration | undefined {
  if (words.length === 0 || countDurationWords(words, 0) !== words.length) return undefined;
  const [first = '', time = '', zone] = words;
  return words.length === 1 ? readSpan(first) : readUntil(time, zone);
}

export function formatDuration(duration: Duration): string {
  if ('until' in duration) return `until ${duration.until}${duration.zone ? ` ${duration.zone}` : ''}`;
  const [unit, size] = Object.entries(UNITS).find(([, ms]) => duration.ms % ms === 0) ?? ['m', MINUTE];
  return `${Math.ceil(duration.ms / size)}${unit}`;
}

function readSpan(word: string): Duration | undefined {
  const [, count, unit = ''] = SPAN.exec(word) ?? [];
  const ms = Number(count) * UNITS[unit.toLowerCase() as keyof typeof UNITS];
  return ms >= MINUTE && ms <= MAX_MS ? { ms } : undefined;
}

function readUntil(time: string, zone: string | undefined): Duration {
  const until = time.padStart(5, '0');
  return zone === undefined ? { until } : { until, zone: zone.includes('/') ? zone : zone.toUpperCase() };
}

function isZone(word: string): boolean {
  return ZONE.test(word) && isKnownZone(word);
}

function isKnownZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).format(0) !== '';
  } catch {
    return false;
  }
}
