// Selecting by a finger that is held and then moved, which xterm.js 6.0 does not do: a word at first, then up to wherever the finger is.
// Knows no session.
import type { Terminal } from '@xterm/xterm';
import { writeClipboard } from '../dialogs.ts';
import { showOffer } from '../offer.ts';
import { readSettings } from '../settings/settings.ts';

interface Point {
  x: number;
  y: number;
}

interface Cell {
  column: number;
  /** In the buffer. */
  row: number;
}

export interface TouchSelection {
  extend: (to: Point) => void;
  /** The finger has gone: what is selected can be copied. */
  end: () => void;
}

const SHOWN_CHARACTERS = 80;

/** Undefined: the finger is beside the terminal. */
export function startSelection(pane: HTMLElement, terminal: Terminal, at: Point): TouchSelection | undefined {
  const cell = findCell(pane, terminal, at);
  if (!cell) return undefined;
  const word = findWord(terminal, cell);
  select(terminal, word.from, word.to);
  return {
    extend(to) {
      const now = findCell(pane, terminal, to);
      if (!now) return;
      const isBefore = offsetOf(terminal, now) < offsetOf(terminal, word.from);
      if (isBefore) select(terminal, now, word.to);
      else select(terminal, word.from, offsetOf(terminal, now) > offsetOf(terminal, word.to) ? now : word.to);
    },
    end: () => offerSelection(terminal),
  };
}

function findCell(pane: HTMLElement, { cols, rows, buffer }: Terminal, { x, y }: Point): Cell | undefined {
  const screen = pane.querySelector('.xterm-screen')?.getBoundingClientRect();
  if (!screen || screen.width === 0 || screen.height === 0) return undefined;
  const within = (share: number, count: number) =>
    Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return {
    column: within((x - screen.left) / screen.width, cols),
    row: within((y - screen.top) / screen.height, rows) + buffer.active.viewportY,
  };
}

/** What stands without a gap, in its row. */
function findWord({ buffer, cols }: Terminal, { column, row }: Cell): { from: Cell; to: Cell } {
  const line = buffer.active.getLine(row);
  const isPart = (at: number) => {
    const cell = at >= 0 && at < cols ? line?.getCell(at) : undefined;
    // The second half of a wide character has no sign of its own.
    return cell !== undefined && (cell.getWidth() === 0 || cell.getChars().trim() !== '');
  };
  let [from, to] = [column, column];
  if (!isPart(column)) return { from: { column, row }, to: { column, row } };
  while (isPart(from - 1)) from--;
  while (isPart(to + 1)) to++;
  return { from: { column: from, row }, to: { column: to, row } };
}

const offsetOf = ({ cols }: Terminal, { column, row }: Cell): number => row * cols + column;

function select(terminal: Terminal, from: Cell, to: Cell): void {
  terminal.select(from.column, from.row, offsetOf(terminal, to) - offsetOf(terminal, from) + 1);
}

function offerSelection(terminal: Terminal): void {
  const text = terminal.getSelection();
  if (text.trim() === '') return terminal.clearSelection();
  if (readSettings().copyOnSelect) return void writeClipboard(text);
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  showOffer({ text: 'Selected:', detail: shown, yes: 'Copy it', take: () => void writeClipboard(text) });
}
