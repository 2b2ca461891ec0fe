// How much of a long output a screen depends on. Knows escape sequences; must not know terminals or sessions.
import { createModes, noteModes, renderModes } from './modes.ts';

const LF = 0x0a;
const CR = 0x0d;
// Anything but colours and titles after which the cursor may be elsewhere than at the end.
const MOVING = /\x1b(?!\[[0-9;:]*m|\[\?2004[hl]|\[[0-2]?K|\][^\x07\x1b]*(?:\x07|\x1b\\)|\\)/; // oxlint-disable-line no-control-regex
// Margins, character sets, tab stops, insertion, saved cursors, links, protection: what lasts and bears on what is drawn later.
const LASTING = /\x1b(?:\[[0-9;]*[rgs]|[()*+.-][^B]|[H7]|\[4h|\[1"q|\]8;)/; // oxlint-disable-line no-control-regex
const OTHER_SCREEN = /\x1b\[\?(?:47|1047|1049|6)h/; // oxlint-disable-line no-control-regex

/**
 * Where to begin, so that the last `lines` lines come out the same as from the beginning, and what to put first.
 * Pays off for logs; what moves the cursor about is drawn whole.
 */
export function skipAhead(output: Buffer, modes: string, lines: number): { start: number; modes: string } {
  const start = startOfLines(output, lines);
  if (start === 0 || output[start - 2] !== CR) return { start: 0, modes };
  const kept = output.subarray(start).toString('latin1');
  const skipped = output.subarray(0, start).toString('latin1');
  const now = modesAfter(modes, output.subarray(0, start));
  if (MOVING.test(kept) || LASTING.test(skipped) || OTHER_SCREEN.test(now)) return { start: 0, modes };
  return { start, modes: now };
}

function startOfLines(output: Buffer, lines: number): number {
  let at = output.length;
  for (let line = 0; line <= lines && at > 0; line++) at = output.lastIndexOf(LF, at - 1);
  return Math.max(0, at + 1);
}

function modesAfter(before: string, bytes: Buffer): string {
  const modes = createModes();
  noteModes(modes, Buffer.from(before));
  noteModes(modes, bytes);
  return renderModes(modes);
}
