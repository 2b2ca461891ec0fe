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
const SEQUENCE = /\x1b(?:\[\?([0-9;]{1,40})([hl])|c)/g; // oxlint-disable-line no-control-regex
const LONGEST = 44;

export function createModes(): Modes {
  return { on: new Map(), rest: '' };
}

/** Takes the next bytes of the output. */
export function noteModes(modes: Modes, bytes: Buffer): void {
  const text = modes.rest + bytes.toString('latin1');
  for (const [whole, numbers, verb] of text.matchAll(SEQUENCE)) {
    if (whole === '\x1bc') modes.on.clear();
    else for (const number of (numbers ?? '').split(';')) noteMode(modes, Number(number), verb === 'h');
  }
  const start = text.lastIndexOf('\x1b');
  modes.rest = start >= 0 && text.length - start < LONGEST ? text.slice(start) : '';
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
