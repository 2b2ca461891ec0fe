// What the escape sequences in output mean to a snapshot: which modes last, where output may be cut, how much of it a screen
// depends on. Knows bytes; must not know terminals, sessions or viewers.
import { readRing, type Ring } from './ring.ts';

const LF = 0x0a;
const CR = 0x0d;
const ESC = 0x1b;
const BEL = 0x07;
const CAN = 0x18;
const SUB = 0x1a;

/** The modes that a program set in output which the ring has forgotten, so that a snapshot can begin with them. */
export interface Modes {
  /** Private modes (`CSI ? n h` and `l`) in the order they were last set. */
  readonly on: Map<number, boolean>;
  /** The end of what was seen, if it may be the beginning of a sequence. */
  rest: string;
}

// What lasts: cursor keys, origin, wrap, mouse, cursor, alternate screen, focus, paste.
const LASTING_MODES = new Set([
  1, 6, 7, 9, 25, 45, 47, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1049, 2004,
]);
const SEQUENCE = /^\x1b\[\?([0-9;]{1,40})([hl])/; // oxlint-disable-line no-control-regex
const MAX_SEQUENCE = 44;

export function createModes(): Modes {
  return { on: new Map(), rest: '' };
}

/** Takes the next bytes of the output. Cheap where there are none: in a flood it sees them all. */
export function noteModes(modes: Modes, bytes: Buffer): void {
  const { rest } = modes;
  if (rest)
    noteSequences(
      modes,
      Buffer.from(rest + bytes.toString('latin1', 0, MAX_SEQUENCE), 'latin1'),
      rest.length,
    );
  noteSequences(modes, bytes, bytes.length);
  const tail = rest.slice(-MAX_SEQUENCE) + bytes.toString('latin1', Math.max(0, bytes.length - MAX_SEQUENCE));
  modes.rest = tail.slice(-MAX_SEQUENCE).slice(startOfRest(tail.slice(-MAX_SEQUENCE)));
}

// From the last ESC on it may be the beginning of a sequence, unless it is a whole one.
function startOfRest(tail: string): number {
  const start = tail.lastIndexOf('\x1b');
  return start < 0 || SEQUENCE.test(tail.slice(start)) ? tail.length : start;
}

/** Those that begin before `limit`. */
function noteSequences(modes: Modes, bytes: Buffer, limit: number): void {
  const reset = bytes.lastIndexOf('\x1bc');
  if (reset >= 0 && reset < limit) modes.on.clear();
  let at = bytes.indexOf('\x1b[?', Math.max(0, reset));
  for (; at >= 0 && at < limit; at = bytes.indexOf('\x1b[?', at + 3)) {
    const [, numbers, verb] = SEQUENCE.exec(bytes.toString('latin1', at, at + MAX_SEQUENCE)) ?? [];
    for (const number of numbers?.split(';') ?? []) noteMode(modes, Number(number), verb === 'h');
  }
}

function noteMode({ on }: Modes, number: number, isOn: boolean): void {
  if (!LASTING_MODES.has(number)) return;
  on.delete(number);
  on.set(number, isOn);
}

/** A sequence that puts a fresh terminal into these modes. */
export function renderModes({ on }: Modes): string {
  return [...on].map(([number, isOn]) => `\x1b[?${number}${isOn ? 'h' : 'l'}`).join('');
}

const LOOK_BYTES = 16384;

/** The first offset in the ring at which a fresh terminal may begin. */
export function findSafeStart(ring: Ring): number {
  if (ring.first === 0) return 0;
  const head = readRing(ring, ring.first, Math.min(ring.end, ring.first + LOOK_BYTES));
  const escape = head.indexOf(ESC);
  const line = head.indexOf(LF);
  if (line >= 0 && (escape < 0 || line < escape)) return ring.first + line + 1;
  return ring.first + (escape >= 0 ? escape : skipContinuation(head));
}

function skipContinuation(bytes: Buffer): number {
  const at = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return at < 0 ? 0 : at;
}

/** The last offset in the ring that lies between sequences: what comes after it can go on from a snapshot. */
export function findSafeEnd(ring: Ring): number {
  const start = Math.max(ring.first, ring.end - LOOK_BYTES);
  const tail = readRing(ring, start, ring.end);
  return start + safeLength(tail);
}

/** How many of these bytes end outside a sequence and a character. */
export function safeLength(bytes: Buffer): number {
  let length = bytes.length;
  for (let at = bytes.lastIndexOf(ESC); at >= 0; at = bytes.subarray(0, length).lastIndexOf(ESC)) {
    if (isWhole(bytes.subarray(at, length))) break;
    length = at;
  }
  return wholeCharacters(bytes.subarray(0, length));
}

/** `bytes` begin with the last ESC that there is. */
function isWhole(bytes: Buffer): boolean {
  const kind = bytes[1];
  if (kind === undefined) return false;
  if (bytes.includes(CAN) || bytes.includes(SUB)) return true;
  if (kind === 0x5b) return bytes.subarray(2).some((byte) => byte >= 0x40 && byte <= 0x7e);
  if (kind === 0x5d) return bytes.includes(BEL); // OSC; one that ends with ESC \ is not the last ESC
  if (kind === 0x50 || kind === 0x58 || kind === 0x5e || kind === 0x5f) return false; // DCS, SOS, PM, APC
  return bytes.subarray(1).some((byte) => byte >= 0x30 && byte <= 0x7e);
}

function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return byte >= 0xc0 && back < sequenceLength(byte) ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}

// Anything but colours and titles after which the cursor may be elsewhere than at the end.
const MOVING = /\x1b(?!\[[0-9;:]*m|\[\?2004[hl]|\[[0-2]?K|\][^\x07\x1b]*(?:\x07|\x1b\\)|\\)/; // oxlint-disable-line no-control-regex
// Margins, character sets, tab stops, insertion: what lasts and is not among the modes.
const LASTING_STATE = /\x1b(?:\[[0-9;]+r|[()][^B]|H|\[4h)/; // oxlint-disable-line no-control-regex
const COLOURS = /\x1b\[[0-9;:]*m/g; // oxlint-disable-line no-control-regex
const RESET = /^\x1b\[0*m$/; // oxlint-disable-line no-control-regex
const TITLES = /\x1b\][02];[^\x07\x1b]*(?:\x07|\x1b\\)/g; // oxlint-disable-line no-control-regex
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
  if (MOVING.test(kept) || LASTING_STATE.test(skipped) || OTHER_SCREEN.test(now)) return { start: 0, modes };
  return { start, modes: now + titleAfter(skipped) + coloursAfter(skipped) };
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

function titleAfter(text: string): string {
  return text.match(TITLES)?.at(-1) ?? '';
}

function coloursAfter(text: string): string {
  const all = text.match(COLOURS) ?? [];
  return all
    .slice(all.findLastIndex((one) => RESET.test(one)) + 1)
    .slice(-50)
    .join('');
}
