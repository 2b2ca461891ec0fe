// Reads and writes spans of time (`4h`) and times of day (`until 18:40 UTC`). Knows no clock.
import type { Duration } from './parsed.ts';

const MINUTE = 60_000;
/** From the longest on. */
const UNITS = { w: 7 * 24 * 60 * MINUTE, d: 24 * 60 * MINUTE, h: 60 * MINUTE, m: MINUTE };
const SPAN = /^(\d{1,6})([mhdw])$/i;
const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/;
const ZONE = /^(?:[a-z][\w+/-]{1,39}|[+-]\d\d:?\d\d)$/i;
const LONGEST = 366 * UNITS.d;

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
  return ms >= MINUTE && ms <= LONGEST ? { ms } : undefined;
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
