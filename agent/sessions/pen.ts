// How characters look, as sequences: colours, underlines, links. Knows how a terminal packs that; must not know cells or screens.
import type { Attributes, Cell, Core } from './inside.ts';

// ECMA-48 attributes that no program has set.
export const PLAIN: Pick<Attributes, 'fg' | 'bg' | 'extended'> = {
  fg: 0,
  bg: 0,
  extended: { _ext: 0, urlId: 0, underlineColor: 0 },
};

/** How the terminal that reads the text writes now. */
export interface Pen {
  core: Core;
  /** What it was last given. */
  last: { fg: number; bg: number };
  style: string;
  link: number;
  newCell(): Cell;
}

/** With what the next character will be written. */
export function drawPen(pen: Pen): string {
  const { _curAttrData: now } = pen.core._inputHandler;
  const color = underlineColorOf(now);
  return setStyle(pen, now) + (color ? `\x1b[${color}m` : '');
}

const HAS_EXTENDED = 0x10000000;
const UNDERLINE = 0x10000000;

/** Nothing, when that is how the pen writes already. */
export function setStyle(pen: Pen, look: Pick<Attributes, 'fg' | 'bg' | 'extended'>): string {
  const { last } = pen;
  const isPlain = ((look.bg | last.bg) & HAS_EXTENDED) === 0;
  if (isPlain && look.fg === last.fg && look.bg === last.bg) return ''; // for most cells, so without any text
  pen.last = { fg: look.fg, bg: look.bg };
  const link = look.bg & HAS_EXTENDED ? look.extended.urlId : 0;
  const style = describeStyle(look);
  let text = '';
  if (link !== pen.link) text += drawLink(pen.core, link);
  if (style !== pen.style) text += `\x1b[0${style || 'm'}`;
  pen.link = link;
  pen.style = style;
  return text;
}

function drawLink({ _oscLinkService }: Core, link: number): string {
  const data = link ? _oscLinkService.getLinkData(link) : undefined;
  return data ? `\x1b]8;id=${data.id ?? `sam-${link}`};${data.uri}\x1b\\` : '\x1b]8;;\x1b\\';
}

// The bits of xterm's cells, from its Constants.ts.
const FLAGS: [where: 'fg' | 'bg', bit: number, code: number][] = [
  ['fg', 0x08000000, 1],
  ['bg', 0x08000000, 2],
  ['bg', 0x04000000, 3],
  ['fg', 0x20000000, 5],
  ['fg', 0x04000000, 7],
  ['fg', 0x40000000, 8],
  ['fg', 0x80000000, 9],
  ['bg', 0x40000000, 53],
];
const PROTECTED = 0x20000000;

/** What follows `CSI 0`; empty for how everything begins. */
function describeStyle(look: Pick<Attributes, 'fg' | 'bg' | 'extended'>): string {
  const { fg, bg } = look;
  const codes = FLAGS.filter(([where, bit]) => look[where] & bit).map(([, , code]) => `;${code}`);
  const isUnderlined = fg & UNDERLINE;
  const style = bg & HAS_EXTENDED ? (look.extended._ext >>> 26) & 7 : 1;
  if (isUnderlined) codes.push(`;4:${style || 1}`);
  const color = isUnderlined ? underlineColorOf(look) : '';
  const text = codes.join('') + describeColor(fg, 30) + describeColor(bg, 40) + (color && `;${color}`);
  const end = text ? `${text}m` : '';
  return bg & PROTECTED ? `${end || 'm'}\x1b[1"q` : end;
}

function describeColor(bits: number, base: 30 | 40): string {
  const value = bits & 0xffffff;
  const palette = value & 0xff;
  switch (bits & 0x3000000) {
    case 0x1000000:
      return `;${palette < 8 ? base + palette : base + 52 + palette}`;
    case 0x2000000:
      return `;${base + 8};5;${palette}`;
    case 0x3000000:
      return `;${base + 8};2;${value >>> 16};${(value >>> 8) & 0xff};${value & 0xff}`;
    default:
      return '';
  }
}

function underlineColorOf({ extended }: Pick<Attributes, 'extended'>): string {
  const { underlineColor: bits } = extended;
  const value = bits & 0xffffff;
  const mode = bits & 0x3000000;
  if (mode === 0 || bits === 0x3ffffff) return '';
  return mode === 0x3000000
    ? `58:2::${value >>> 16}:${(value >>> 8) & 0xff}:${value & 0xff}`
    : `58:5:${value & 0xff}`;
}
