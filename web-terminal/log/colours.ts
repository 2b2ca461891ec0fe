// A line of a log as pieces with the names of their colours. Of what programs say to terminals only colours are taken, and what could
// hide or turn text around is left out. Pure: no DOM.

export interface Piece {
  text: string;
  /** Of style.css: `c0` … `c15`, `bold`, `dim`, `italic`, `underline`. */
  classes: string[];
}

/** The colours themselves, and whatever else a terminal would act on: nothing of it is shown. */
// oxlint-disable-next-line no-control-regex
const SEQUENCE = /\x1b\[([0-9;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b./g;
/** Controls, what turns the direction of writing, and what is there without being seen. */
const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

interface Style {
  ink: string;
  kinds: Set<string>;
}

/** Each line begins without a colour. */
export function readPieces(line: string): Piece[] {
  const pieces: Piece[] = [];
  const style: Style = { ink: '', kinds: new Set() };
  let from = 0;
  const add = (to: number) => {
    const text = line.slice(from, to).replaceAll('\t', '    ').replaceAll(UNSEEN, '');
    const classes = [style.ink, ...style.kinds].filter(Boolean);
    if (text) pieces.push({ text, classes });
  };
  for (const found of line.matchAll(SEQUENCE)) {
    add(found.index);
    from = found.index + found[0].length;
    if (found[1] !== undefined) turn(style, found[1]);
  }
  add(line.length);
  return pieces;
}

const KINDS: Record<number, string> = { 1: 'bold', 2: 'dim', 3: 'italic', 4: 'underline' };

function turn(style: Style, codes: string): void {
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at] ?? 0;
    const kind = KINDS[code];
    if (code === 0) Object.assign(style, { ink: '', kinds: new Set() });
    else if (kind !== undefined) style.kinds.add(kind);
    else if (code === 22) ['bold', 'dim'].forEach((one) => style.kinds.delete(one));
    else if (code === 23 || code === 24) style.kinds.delete(KINDS[code - 20] ?? '');
    else if (code === 38 || code === 48) {
      const isPalette = numbers[at + 1] === 5;
      if (code === 38) style.ink = isPalette ? inkOf(numbers[at + 2] ?? -1) : '';
      at += isPalette ? 2 : 4;
    } else if (code === 39) style.ink = '';
    else if (code >= 30 && code <= 37) style.ink = inkOf(code - 30);
    else if (code >= 90 && code <= 97) style.ink = inkOf(code - 82);
  }
}

/** Of 256 colours the first sixteen are those of the page; any other is as if none was named, and so is one of the ground. */
const inkOf = (colour: number): string => (colour >= 0 && colour < 16 ? `c${colour}` : '');
