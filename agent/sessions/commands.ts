// Which commands of a session took long, by what its shell says of them (OSC 133). Knows bytes and the time; no pty, no viewer.

export interface CommandEnd {
  /** From when its beginning was seen here. */
  ms: number;
  /** Absent: the shell did not say. */
  code?: number;
}

export interface CommandWatch {
  /** The next `length` bytes of the output. Cheap where there are no marks, and nothing where nobody wants to know. */
  take(bytes: Buffer, length: number): void;
  /** Somebody types there now: they see for themselves what ends. */
  noteTyped(): void;
}

export interface CommandWatchOptions {
  isWanted: () => boolean;
  onLong: (end: CommandEnd) => void;
  /** What took longer. */
  longMs: number;
  /** Who typed no longer ago is there. */
  presentMs: number;
  now?: () => number;
}

const ESC = 0x1b;
const MARK = Buffer.from('\x1b]133;');
/** A shell says no more in one. */
const LONGEST = 64;
// Of a mark: BEL, or the ESC of a string's end.
const ENDS = new RegExp(String.raw`[\x07\x1b]`);
const NOTHING = Buffer.alloc(0);

export function watchCommands(options: CommandWatchOptions): CommandWatch {
  const { isWanted, onLong, longMs, presentMs, now = () => performance.now() } = options;
  let startedAt: number | undefined;
  let typedAt = -Infinity;
  let rest = NOTHING;
  const note = (kind: string, word: string | undefined) => {
    const since = startedAt;
    startedAt = kind === 'C' ? now() : undefined;
    if (kind !== 'D' || since === undefined) return;
    const ms = now() - since;
    if (ms <= longMs || now() - typedAt <= presentMs) return;
    onLong({ ms, ...(word !== undefined && /^\d{1,3}$/.test(word) && { code: Number(word) }) });
  };
  return {
    take(bytes, length) {
      if (!isWanted()) {
        startedAt = undefined;
        rest = NOTHING;
        return;
      }
      const read = bytes.subarray(0, length);
      const all = rest.length > 0 ? Buffer.concat([rest, read]) : read;
      let at = all.indexOf(MARK);
      for (; at >= 0; at = all.indexOf(MARK, at + MARK.length)) {
        const text = all.toString('latin1', at + MARK.length, at + LONGEST);
        const end = text.search(ENDS);
        if (end < 0 && all.length - at < LONGEST) break;
        const [kind = '', word] = text.slice(0, Math.max(end, 0)).split(';');
        if (/^[ACD]$/.test(kind)) note(kind, word);
      }
      // A copy: the buffer is used again.
      const left = at >= 0 ? all.length - at : beginningAtEnd(all);
      rest = left > 0 ? Buffer.from(all.subarray(-left)) : NOTHING;
    },
    noteTyped: () => void (typedAt = now()),
  };
}

/** So many bytes at the end may be the beginning of a mark. */
function beginningAtEnd(all: Buffer): number {
  const tail = all.subarray(Math.max(0, all.length - MARK.length + 1));
  const at = tail.lastIndexOf(ESC);
  const length = tail.length - at;
  return at >= 0 && tail.subarray(at).equals(MARK.subarray(0, length)) ? length : 0;
}
