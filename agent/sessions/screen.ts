// A terminal as the text that makes it again: its screens, cell by cell, and all of its state that xterm.js keeps. Must not know
// sessions, output or threads. Reads the inside of @xterm/headless, which is pinned: its API tells less than half of this.
import headless from '@xterm/headless';

export type Terminal = InstanceType<typeof headless.Terminal>;

interface Attributes {
  fg: number;
  bg: number;
  extended: { _ext: number; urlId: number; underlineColor: number };
  isBold(): number;
  isDim(): number;
  isItalic(): number;
  isBlink(): number;
  isInverse(): number;
  isInvisible(): number;
  isStrikethrough(): number;
  isOverline(): number;
  isProtected(): number;
}

interface Cell extends Attributes {
  getChars(): string;
  getWidth(): number;
}

interface Line {
  length: number;
  isWrapped: boolean;
  loadCell(x: number, cell: Cell): Cell;
}

type Charset = object | undefined;

interface Buffer {
  lines: { length: number; get(y: number): Line | undefined };
  x: number;
  y: number;
  ybase: number;
  scrollTop: number;
  scrollBottom: number;
  tabs: Record<number, boolean>;
  savedX: number;
  savedY: number;
  savedCurAttrData: Attributes;
  savedCharset: Charset;
}

interface Modes {
  applicationCursorKeys: boolean;
  applicationKeypad: boolean;
  bracketedPasteMode: boolean;
  cursorBlink: boolean | undefined;
  cursorStyle: 'block' | 'underline' | 'bar' | undefined;
  origin: boolean;
  reverseWraparound: boolean;
  sendFocus: boolean;
  synchronizedOutput: boolean;
  wraparound: boolean;
}

interface Core {
  cols: number;
  rows: number;
  buffers: { normal: Buffer; alt: Buffer; active: Buffer };
  coreService: { modes: { insertMode: boolean }; decPrivateModes: Modes; isCursorHidden: boolean };
  coreMouseService: { activeProtocol: string; activeEncoding: string };
  optionsService: { options: { convertEol: boolean } };
  _charsetService: { _charsets: Charset[]; glevel: number };
  _inputHandler: {
    _curAttrData: Attributes;
    _windowTitle: string;
    onColor(listen: (changes: ColorChange[]) => void): void;
  };
  _oscLinkService: { getLinkData(id: number): { id?: string; uri: string } | undefined };
}

/** 0 asks, 1 sets, 2 takes back: one colour, or all of the palette. 256 to 258: foreground, background, cursor. */
interface ColorChange {
  type: 0 | 1 | 2;
  index?: number;
  color?: [number, number, number];
}

const coreOf = (terminal: Terminal): Core => (terminal as unknown as { _core: Core })._core;

/**
 * Watches from now on what nothing can be asked for later. The returned function draws: a cleared terminal of the same
 * size is like this one after it, with as many lines above the screen as this one has.
 */
export function watchScreen(terminal: Terminal): () => string {
  const core = coreOf(terminal);
  const colors = watchColors(core);
  const blink = watchBlink(terminal);
  return () => {
    const { normal, alt, active } = core.buffers;
    const pen: Pen = {
      core,
      style: '',
      link: 0,
      newCell: () => terminal.buffer.normal.getNullCell() as unknown as Cell,
    };
    let text = drawBuffer(pen, normal);
    if (active === alt) text += `${setStyle(pen, PLAIN)}\x1b[?47h\x1b[H${drawBuffer(pen, alt)}`;
    return text + drawCursor(pen, active) + drawModes(core) + blink() + colors() + drawPen(pen);
  };
}

// ECMA-48 attributes that no program has set.
const PLAIN: Pick<Attributes, 'fg' | 'bg' | 'extended'> = {
  fg: 0,
  bg: 0,
  extended: { _ext: 0, urlId: 0, underlineColor: 0 },
};

/** How the terminal that reads the text writes now. */
interface Pen {
  core: Core;
  style: string;
  link: number;
  newCell(): Cell;
}

function drawBuffer(pen: Pen, buffer: Buffer): string {
  const { lines, ybase, y } = buffer;
  // Without lines above the screen it is not filled to its end: it may be drawn on one that has fewer rows.
  const last = lines.length > pen.core.rows ? lines.length - 1 : Math.max(ybase + y, lastRow(pen, buffer));
  let text = '';
  let isFresh = true;
  for (let at = 0; at <= last; at++) {
    const line = lines.get(at);
    if (!line) continue;
    const next = at < last ? lines.get(at + 1) : undefined;
    text += drawLine(pen, line, isFresh, next?.isWrapped === true);
    isFresh = true;
    if (!next) continue;
    const first = cellAt(pen, next, 0);
    const end = cellAt(pen, line, line.length - 1);
    if (!next.isWrapped) text += `${setStyle(pen, PLAIN)}\r\n`;
    else if (!first.getChars() || !hasText(end)) text += forceWrap(pen, end);
    else isFresh = backgroundOf(first) === 0; // it wraps by itself, and what comes new takes the colour of the first
  }
  return text + setStyle(pen, PLAIN) + drawBufferState(pen, buffer);
}

const cellAt = (pen: Pen, line: Line, x: number): Cell => line.loadCell(x, pen.newCell());

/** Also the second half of a wide character. */
const hasText = (cell: Cell): boolean => cell.getWidth() === 0 || cell.getChars() !== '';

const backgroundOf = ({ bg }: Attributes): number => (bg & 0x3000000 ? bg & 0x3ffffff : 0);

function lastRow(pen: Pen, { lines }: Buffer): number {
  for (let at = lines.length - 1; at > 0; at--) {
    const line = lines.get(at);
    if (line && (line.isWrapped || lengthOf(pen, line) > 0)) return at;
  }
  return 0;
}

function lengthOf(pen: Pen, line: Line): number {
  const cell = pen.newCell();
  for (let x = line.length; x > 0; x--) {
    line.loadCell(x - 1, cell);
    if (hasText(cell) || backgroundOf(cell) !== 0) return x;
  }
  return 0;
}

/** `isFresh`: its cells are empty and without a colour before. `isWrapping`: the next line is the rest of this one. */
function drawLine(pen: Pen, line: Line, isFresh: boolean, isWrapping: boolean): string {
  const cell = pen.newCell();
  const end = isFresh ? lengthOf(pen, line) : line.length;
  let text = '';
  for (let x = 0; x < end;) {
    line.loadCell(x, cell);
    if (cell.getChars()) {
      text += setStyle(pen, cell) + cell.getChars();
      x += Math.max(1, cell.getWidth());
      continue;
    }
    const background = backgroundOf(cell);
    let count = 1;
    for (; x + count < end; count++) {
      line.loadCell(x + count, cell);
      if (cell.getChars() || backgroundOf(cell) !== background) break;
    }
    if (!isFresh || background !== 0) text += `${setStyle(pen, { ...PLAIN, bg: background })}\x1b[${count}X`;
    if (x + count < end || isWrapping) text += `\x1b[${count}C`;
    x += count;
  }
  return text;
}

/** Goes on to the next line as a text does that is too long for one, and leaves nothing of that text. */
function forceWrap(pen: Pen, end: Cell): string {
  const column = `\x1b[${pen.core.cols}G`;
  if (hasText(end)) return `${setStyle(pen, PLAIN)} \r\x1b[X`;
  const wrap = `${setStyle(pen, PLAIN)}${column}  `;
  const mend = `\x1b[A${column}${setStyle(pen, { ...PLAIN, bg: backgroundOf(end) })}\x1b[X\x1b[B`;
  return `${wrap}${mend}${setStyle(pen, PLAIN)}\r\x1b[X`;
}

/** What each of the two buffers has for itself. The cursor may be anywhere after it. */
function drawBufferState(pen: Pen, buffer: Buffer): string {
  const { tabs, scrollTop, scrollBottom, savedX, savedY, ybase, savedCurAttrData: saved } = buffer;
  const { cols, rows } = pen.core;
  const stops = Object.keys(tabs)
    .map(Number)
    .filter((x) => x < cols);
  let text = '';
  if (stops.join() !== Array.from({ length: Math.ceil(cols / 8) }, (_, n) => n * 8).join())
    text += `\x1b[3g${stops.map((x) => `\x1b[${x + 1}G\x1bH`).join('')}`;
  if (scrollTop > 0 || scrollBottom < rows - 1) text += `\x1b[${scrollTop + 1};${scrollBottom + 1}r`;
  const charset = nameCharset(buffer.savedCharset);
  if (savedX || savedY || saved.fg || saved.bg || charset) {
    // Of a link it is known that there was one: it is the one that is still open, if any.
    const { extended } = pen.core._inputHandler._curAttrData;
    const style = setStyle(pen, {
      fg: saved.fg,
      bg: saved.bg,
      extended: { ...PLAIN.extended, urlId: extended.urlId },
    });
    const place = `\x1b[${Math.max(0, savedY - ybase) + 1};${savedX + 1}H`;
    text += `${place}${style}${charset && `\x1b(${charset}`}\x1b7${charset && '\x1b(B'}${setStyle(pen, PLAIN)}`;
  }
  return text;
}

function drawCursor(pen: Pen, buffer: Buffer): string {
  const { coreService, cols } = pen.core;
  const { origin } = coreService.decPrivateModes;
  const top = origin ? buffer.scrollTop : 0;
  const place = (x: number) => `\x1b[${buffer.y - top + 1};${x + 1}H`;
  const start = origin ? '\x1b[?6h' : '';
  const line = buffer.lines.get(buffer.ybase + buffer.y);
  if (buffer.x < cols || !line) return start + place(buffer.x);
  // Behind the last cell: there it comes by writing alone.
  const isSecond = cellAt(pen, line, cols - 1).getWidth() === 0;
  const cell = cellAt(pen, line, isSecond ? cols - 2 : cols - 1);
  return start + place(isSecond ? cols - 2 : cols - 1) + setStyle(pen, cell) + (cell.getChars() || ' ');
}

const PROTOCOLS: Record<string, number> = { X10: 9, VT200: 1000, DRAG: 1002, ANY: 1003 };
const ENCODINGS: Record<string, number> = { SGR: 1006, SGR_PIXELS: 1016 };
const CURSORS = { block: 2, underline: 4, bar: 6 };
const SHIFTS = ['', '\x0e', '\x1bn', '\x1bo'];

function drawModes({
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

/** With what the next character will be written. */
function drawPen(pen: Pen): string {
  const { _curAttrData: now } = pen.core._inputHandler;
  const color = underlineColorOf(now);
  return setStyle(pen, now) + (color ? `\x1b[${color}m` : '');
}

const HAS_EXTENDED = 0x10000000;
const UNDERLINE = 0x10000000;

/** Nothing, when that is how the pen writes already. */
function setStyle(pen: Pen, look: Pick<Attributes, 'fg' | 'bg' | 'extended'>): string {
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

function watchColors({ _inputHandler }: Core): () => string {
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
function watchBlink(terminal: Terminal): () => string {
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
function nameCharset(charset: Charset): string {
  if (!charset) return '';
  charsetNames ??= listCharsets();
  return charsetNames.get(charset) ?? '';
}

/** A terminal is asked for its own tables: they are the same objects in all of them. */
function listCharsets(): Map<object, string> {
  const terminal = new headless.Terminal({ allowProposedApi: true });
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
