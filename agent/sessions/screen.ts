// A terminal as the text that makes it again: its screens, cell by cell, and all of its state that xterm.js keeps. Must not know
// sessions, output or threads.
import { coreOf, type Attributes, type Buffer, type Cell, type Line, type Terminal } from './inside.ts';
import {
  drawPen,
  PLAIN,
  setStyle,
  type Pen,
  drawModes,
  nameCharset,
  watchBlink,
  watchColors,
} from './drawing.ts';

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
      last: { fg: 0, bg: 0 },
      style: '',
      link: 0,
      newCell: () => terminal.buffer.normal.getNullCell() as unknown as Cell,
    };
    let text = drawBuffer(pen, normal);
    if (active === alt) text += `${setStyle(pen, PLAIN)}\x1b[?47h\x1b[H${drawBuffer(pen, alt)}`;
    return text + drawCursor(pen, active) + drawModes(core) + blink() + colors() + drawPen(pen);
  };
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
    const characters = cell.getChars();
    if (characters) {
      text += setStyle(pen, cell) + characters;
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
