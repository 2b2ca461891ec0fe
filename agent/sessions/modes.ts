// The modes that a program set in output which the ring has forgotten, so that a snapshot can begin with them. Knows
// escape sequences; must not know rings, sessions or viewers.

export interface Modes {
  /** Private modes (`CSI ? n h` and `l`) in the order they were last set. */
  readonly on: Map<number, boolean>;
  /** The end of what was seen, if it may be the beginning of a sequence. */
  rest: string;
}

// What lasts: cursor keys, origin, wrap, mouse, cursor, alternate screen, focus, paste.
const LASTING = new Set([
  1, 6, 7, 9, 25, 45, 47, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1049, 2004,
]);
const SEQUENCE = /^\x1b\[\?([0-9;]{1,40})([hl])/; // oxlint-disable-line no-control-regex
const LONGEST = 44;

export function createModes(): Modes {
  return { on: new Map(), rest: '' };
}

/** Takes the next bytes of the output. Cheap where there are none: in a flood it sees them all. */
export function noteModes(modes: Modes, bytes: Buffer): void {
  const { rest } = modes;
  if (rest)
    noteSequences(modes, Buffer.from(rest + bytes.toString('latin1', 0, LONGEST), 'latin1'), rest.length);
  noteSequences(modes, bytes, bytes.length);
  const tail = rest.slice(-LONGEST) + bytes.toString('latin1', Math.max(0, bytes.length - LONGEST));
  modes.rest = tail.slice(-LONGEST).slice(startOfRest(tail.slice(-LONGEST)));
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
    const [, numbers, verb] = SEQUENCE.exec(bytes.toString('latin1', at, at + LONGEST)) ?? [];
    for (const number of numbers?.split(';') ?? []) noteMode(modes, Number(number), verb === 'h');
  }
}

function noteMode({ on }: Modes, number: number, isOn: boolean): void {
  if (!LASTING.has(number)) return;
  on.delete(number);
  on.set(number, isOn);
}

/** A sequence that puts a fresh terminal into these modes. */
export function renderModes({ on }: Modes): string {
  return [...on].map(([number, isOn]) => `\x1b[?${number}${isOn ? 'h' : 'l'}`).join('');
}
