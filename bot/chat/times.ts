// Spans and times as people read them. Pure.
import type { CardView } from './view.ts';

/** `48s`, `2m 11s`, `3h 05m`. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, '0')}s`;
  return `${Math.floor(seconds / 3600)}h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')}m`;
}

/** `18:40 UTC`, with the day if it is not within a day. */
export function formatTime(moment: Date): string {
  const text = moment.toISOString();
  const isFar = moment.getTime() - Date.now() > 20 * 3_600_000;
  return `${isFar ? `${text.slice(0, 10)} ` : ''}${text.slice(11, 16)} UTC`;
}

/** What is left of one that is stopped, and until when, as far as that is known. */
export function keptWords({ deleteAt, hasFiles }: CardView, format = formatTime): string {
  if (hasFiles) return `Its files are kept${deleteAt ? ` until ${format(deleteAt)}` : ''}.`;
  return `No machine has files of it${deleteAt ? `, and it goes at ${format(deleteAt)}` : ''}.`;
}
