// What programs set in output that the ring has forgotten, so that a snapshot can begin with it. Knows escape sequences; must not
// know rings, sessions or viewers. Not here, for it takes a terminal to know them: tab stops and the saved cursor.

export interface Modes {
  /** What lasts, by what it is about, in the order it was last set: sequences that set it again. */
  readonly on: Map<string, string>;
  /** The attributes since the last reset of them. */
  style: string;
  /** The end of what was seen, if it may be the beginning of a sequence. */
  rest: Buffer;
}

// Private modes: cursor keys, origin, wrap, blink, mouse, cursor, alternate screen, keypad, focus, paste.
const PRIVATE = new Set([
  1, 6, 7, 9, 12, 25, 45, 47, 66, 1000, 1002, 1003, 1004, 1006, 1016, 1047, 1049, 2004,
]);
const SCREENS = ['?47', '?1047', '?1049'];
const ANSI = new Set([4, 20]);
/** What no reset takes back. */
const OUTLASTS = /^(?:title|color.*|20|\?12)$/;
/** What a soft reset (DECSTR) leaves besides. */
const OUTLASTS_SOFT = /^\?(?:9|100[0236]|1016|47|1047|1049)$/;
const SHIFTS: Record<string, string> = { n: '\x1bn', o: '\x1bo', '~': '\x0e', '}': '\x1bn', '|': '\x1bo' };
const CHARSETS: Record<string, string> = { '(': '(', ')': ')', '*': '*', '+': '+', '-': ')', '.': '*' };
const LONGEST = 4096;
const STYLES = 50;
const [ESC, BEL, CAN, SUB, SO, SI] = [0x1b, 0x07, 0x18, 0x1a, 0x0e, 0x0f];
const [CSI, OSC, SGR, ZERO] = [0x5b, 0x5d, 0x6d, 0x30];
const NOTHING = Buffer.alloc(0);

export function createModes(): Modes {
  return { on: new Map(), style: '', rest: NOTHING };
}

/** Takes the next bytes of the output. Cheap where there are no sequences: in a flood it sees them all. */
export function noteModes(modes: Modes, bytes: Buffer): void {
  const all = modes.rest.length > 0 ? Buffer.concat([modes.rest, bytes]) : bytes;
  let styles: [from: number, to: number][] = [];
  let shiftedAt = -1;
  let at = all.indexOf(ESC);
  while (at >= 0) {
    const length = lengthOf(all, at);
    if (length === 0 && all.length - at < LONGEST) break;
    const isStyle = all[at + 1] === CSI && all[at + length - 1] === SGR;
    if (isStyle && !isPlain(all, at, length)) styles.push([at, at + length]);
    else {
      const effect = isStyle ? 'reset' : length > 0 && noteSequence(modes, all, at, length);
      if (effect && !isStyle) shiftedAt = at;
      if (effect === 'reset') {
        if (styles.length > 0) styles = [];
        modes.style = '';
      }
    }
    at = all.indexOf(ESC, at + Math.max(length, 1));
  }
  modes.rest = at < 0 ? NOTHING : Buffer.from(all.subarray(at)); // a copy: the ring uses its buffers again
  for (const [from, to] of styles.slice(-STYLES)) modes.style += all.toString('latin1', from, to);
  if (modes.style.length > LONGEST) modes.style = modes.style.slice(modes.style.indexOf('\x1b', LONGEST / 2));
  noteShift(modes, all, shiftedAt);
}

/** `CSI m` or `CSI 0 m`. */
const isPlain = (bytes: Buffer, at: number, length: number): boolean =>
  length === 3 || (length === 4 && bytes[at + 2] === ZERO);

/** In bytes; 0: it is not whole yet. */
function lengthOf(bytes: Buffer, start: number): number {
  const kind = bytes[start + 1];
  if (kind === undefined) return 0;
  let at = start + 2;
  if (kind === CSI) {
    while (at < bytes.length && isBetween(bytes[at], 0x20, 0x3f)) at++;
    return at < bytes.length ? at + 1 - start : 0;
  }
  if (kind === OSC) {
    while (at < bytes.length && ![BEL, ESC, CAN, SUB].includes(bytes[at] ?? 0)) at++;
    return at < bytes.length ? at - start + (bytes[at] === BEL ? 1 : 0) : 0;
  }
  if (!isBetween(kind, 0x20, 0x2f)) return 2;
  return at < bytes.length ? 3 : 0;
}

const isBetween = (byte: number | undefined, least: number, most: number): boolean =>
  byte !== undefined && byte >= least && byte <= most;

// Bytes of their own, so the last is what counts.
function noteShift(modes: Modes, bytes: Buffer, after: number): void {
  const [out, back] = [bytes.lastIndexOf(SO), bytes.lastIndexOf(SI)];
  if (Math.max(out, back) <= after) return;
  set(modes, 'shift', out > back ? '\x0e' : undefined);
}

function set({ on }: Modes, key: string, sequence: string | undefined): void {
  on.delete(key);
  if (sequence !== undefined) on.set(key, sequence);
}

/** `shift`: it chose between character sets. `reset`: that too, and attributes are as they were. */
function noteSequence(
  modes: Modes,
  bytes: Buffer,
  start: number,
  length: number,
): 'shift' | 'reset' | undefined {
  const text = bytes.toString('utf8', start + 1, start + length);
  const [kind = '', final = ''] = text;
  if (kind === '[') return noteControl(modes, text.slice(1)) ? 'reset' : undefined;
  if (kind === ']') noteSetting(modes, text.slice(1).replace(/\x07$/, '')); // oxlint-disable-line no-control-regex
  if (kind === '=' || kind === '>') set(modes, '?66', `\x1b[?66${kind === '=' ? 'h' : 'l'}`);
  const charset = CHARSETS[kind];
  if (charset) set(modes, `charset${charset}`, final === 'B' ? undefined : `\x1b${charset}${final}`);
  if (kind === 'c') forget(modes, OUTLASTS);
  if (text === '%@' || text === '%G') set(modes, 'charset(', undefined);
  const shift = SHIFTS[kind];
  if (shift || kind === '%') set(modes, 'shift', shift);
  if (kind === 'c') return 'reset';
  return kind === '%' || shift ? 'shift' : undefined;
}

function forget(modes: Modes, ...kept: RegExp[]): void {
  for (const key of modes.on.keys()) if (!kept.some((one) => one.test(key))) modes.on.delete(key);
}

/** What follows `CSI`. True: a soft reset. */
function noteControl(modes: Modes, text: string): boolean {
  const [, prefix = '', numbers = '', end = ''] = /^(\??)([0-9;]*)([^0-9;?].*)$/.exec(text) ?? [];
  if (end === 'h' || end === 'l')
    for (const number of numbers.split(';').map(Number)) noteMode(modes, prefix, number, end);
  if (prefix) return false;
  if (end === 'r') set(modes, isElsewhere(modes) ? 'other margins' : 'margins', `\x1b[${numbers}r`);
  if (end === ' q') set(modes, 'shape', numbers === '0' ? undefined : `\x1b[${numbers} q`);
  if (end !== '!p') return false;
  forget(modes, OUTLASTS, OUTLASTS_SOFT);
  return true;
}

const isElsewhere = ({ on }: Modes): boolean => SCREENS.some((key) => on.get(key)?.endsWith('h'));

function noteMode(modes: Modes, prefix: string, number: number, end: string): void {
  if (!(prefix ? PRIVATE : ANSI).has(number)) return;
  const key = `${prefix}${number}`;
  set(modes, key, `\x1b[${key}${end}`);
  if (SCREENS.includes(key)) modes.on.delete('other margins');
}

/** What stands in an OSC: titles, links, colours. */
function noteSetting(modes: Modes, text: string): void {
  const [kind = '', ...rest] = text.split(';');
  const number = Number(kind);
  if (kind === '0' || kind === '2') set(modes, 'title', `\x1b]2;${rest.join(';')}\x07`);
  if (kind === '8') set(modes, 'link', rest.slice(1).join(';') ? `\x1b]${text}\x07` : undefined);
  if (kind === '4')
    for (let at = 0; at + 1 < rest.length; at += 2) setColor(modes, `4;${rest[at]}`, rest[at + 1] ?? '?');
  if (number >= 10 && number <= 12)
    for (const [n, color] of rest.entries()) if (number + n <= 12) setColor(modes, String(number + n), color);
  if (number >= 110 && number <= 112) set(modes, `color${number - 100}`, undefined);
  if (kind !== '104') return;
  for (const key of modes.on.keys())
    if (key.startsWith('color4;') && (!rest[0] || rest.includes(key.slice(7)))) modes.on.delete(key);
}

function setColor(modes: Modes, which: string, color: string): void {
  if (color !== '?') set(modes, `color${which}`, `\x1b]${which};${color}\x07`);
}

/** A sequence that brings a fresh terminal into this state. */
export function renderModes({ on, style }: Modes): string {
  return [...on.values()].join('') + style;
}
