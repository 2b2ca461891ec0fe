// What a terminal shows and has shown, as text. Changes nothing.
import type { Terminal } from '@xterm/xterm';

const MOST_ROWS = 500;

/** The last rows, each line in one piece however it is wrapped; without what is empty at the end. */
export function readText({ buffer: { active } }: Pick<Terminal, 'buffer'>): string {
  const first = Math.max(0, active.length - MOST_ROWS);
  const rows = Array.from({ length: active.length - first }, (_, at) => active.getLine(first + at));
  return rows
    .map((row, at) => {
      const next = rows[at + 1]?.isWrapped === true;
      return `${row?.translateToString(!next) ?? ''}${next ? '' : '\n'}`;
    })
    .join('')
    .trimEnd();
}
