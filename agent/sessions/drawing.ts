// What makes a terminal again, as sequences: how characters look, and the state of the whole: modes, character sets, title, colours.
// Knows how a terminal packs that; must not know cells or screens.
import headless from '@xterm/headless';
import { type Attributes, type Cell, type Core, coreOf, type Charset, type Terminal } from './inside.ts';

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

const PROTOCOLS: Record<string, number> = { X10: 9, VT200: 1000, DRAG: 1002, ANY: 1003 };
const ENCODINGS: Record<string, number> = { SGR: 1006, SGR_PIXELS: 1016 };
const CURSORS = { block: 2, underline: 4, bar: 6 };
const SHIFTS = ['', '\x0e', '\x1bn', '\x1bo'];

export function drawModes({
  coreService,
  coreMouseService,
  optionsService,
  _charsetService,
  _inputHandler,
}: Core): string {
  const { decPrivateModes: modes, modes: ansi, isCursorHidden } = coreService;
  const on = (isOn: boolean | number | undefined, mode: string) => (isOn ? `\x1b[${mode}` : '');
  const protocol = PROTOCOLS[coreMouseService.activeProtocol];
  const encoding = ENCODINGS[coreMouseService.activeEncoding];
  const shape = modes.cursorStyle && CURSORS[modes.cursorStyle] - (modes.cursorBlink ? 1 : 0);
  const charsets = _charsetService._charsets.map((charset, g) => {
    const name = nameCharset(charset);
    return name && `\x1b${'()*+'[g]}${name}`;
  });
  return [
    on(modes.applicationCursorKeys, '?1h'),
    on(modes.applicationKeypad, '?66h'),
    on(modes.bracketedPasteMode, '?2004h'),
    on(modes.reverseWraparound, '?45h'),
    on(modes.sendFocus, '?1004h'),
    on(!modes.wraparound, '?7l'),
    on(isCursorHidden, '?25l'),
    on(ansi.insertMode, '4h'),
    on(optionsService.options.convertEol, '20h'),
    on(protocol, `?${protocol}h`),
    on(encoding, `?${encoding}h`),
    on(shape, `${shape} q`),
    ...charsets,
    SHIFTS[_charsetService.glevel] ?? '',
    _inputHandler._windowTitle && `\x1b]2;${_inputHandler._windowTitle}\x07`,
    on(modes.synchronizedOutput, '?2026h'),
  ].join('');
}

export function watchColors({ _inputHandler }: Core): () => string {
  const set = new Map<number, string>();
  _inputHandler.onColor((changes) => {
    for (const { type, index, color } of changes) {
      if (type === 1 && index !== undefined && color)
        set.set(index, `rgb:${color.map((part) => part.toString(16).padStart(2, '0')).join('/')}`);
      if (type === 2 && index !== undefined) set.delete(index);
      if (type === 2 && index === undefined)
        for (const known of set.keys()) if (known < 256) set.delete(known);
    }
  });
  return () =>
    [...set]
      .map(([index, color]) => `\x1b]${index < 256 ? `4;${index}` : index - 246};${color}\x07`)
      .join('');
}

// An option and no mode: whoever did not hear it set cannot tell it from how the page began.
export function watchBlink(terminal: Terminal): () => string {
  let last = '';
  for (const final of ['h', 'l'])
    terminal.parser.registerCsiHandler({ prefix: '?', final }, (params) => {
      if (params.includes(12)) last = `\x1b[?12${final}`;
      return false; // the terminal handles it too
    });
  return () => last;
}

let charsetNames: Map<object, string> | undefined;

/** The letter that chooses it; empty for ASCII. */
export function nameCharset(charset: Charset): string {
  if (!charset) return '';
  charsetNames ??= listCharsets();
  return charsetNames.get(charset) ?? '';
}

/** A terminal is asked for its own tables: they are the same objects in all of them. */
function listCharsets(): Map<object, string> {
  const terminal = new headless.Terminal({ allowProposedApi: true, logLevel: 'off' }); // it warns of `writeSync`
  const core = coreOf(terminal) as Core & { writeSync(text: string): void };
  const names = new Map<object, string>();
  for (const name of '0A4C5RQKYE6ZH7=') {
    core.writeSync(`\x1b(${name}`);
    const [charset] = core._charsetService._charsets;
    if (charset && !names.has(charset)) names.set(charset, name);
  }
  terminal.dispose();
  return names;
}
