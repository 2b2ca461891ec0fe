// Until when people want a workspace kept: a span from now, or the next such time of day. Pure.

/** A span, or a time of day. */
type Duration = { ms: number } | { until: string; zone?: string };

/** Nobody keeps a paid machine idle for longer than this with one command. */
export const MAX_KEPT_MS = 7 * 86_400_000;

/** The moment that `wanted` means, a week from now at most; undefined if it is no duration. */
export function keptUntil(wanted: unknown, now: Date): Date | undefined {
  if (!isDuration(wanted)) return undefined;
  const ms = 'ms' in wanted ? wanted.ms : untilTime(wanted, now);
  return new Date(now.getTime() + Math.min(ms, MAX_KEPT_MS));
}

const isDuration = (value: unknown): value is Duration =>
  typeof value === 'object' && value !== null && ('ms' in value || 'until' in value);

/** How long it is until the clock in that zone (UTC if none was said) next shows the time. */
function untilTime({ until, zone = 'UTC' }: { until: string; zone?: string }, now: Date): number {
  const [hour = 0, minute = 0] = until.split(':').map(Number);
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(now);
  const read = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const minutes = hour * 60 + minute - (read('hour') * 60 + read('minute'));
  return (minutes > 0 ? minutes : minutes + 1440) * 60_000;
}
