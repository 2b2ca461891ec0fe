// What fingers do in a terminal, which xterm.js 6.0 leaves alone (xtermjs/xterm.js#5489): up and down scroll, sideways types arrows, and one
// that is held selects. Knows no session.
import type { Terminal } from '@xterm/xterm';
import { onHold } from './hold.ts';
import { startSelection, type TouchSelection } from './selection.ts';

const START_PX = 8;
/** So much of a way sideways is one arrow. */
const ARROW_PX = 24;
const FRICTION = 0.94;
const SLOWEST_PX = 0.5;

interface Drag {
  x: number;
  y: number;
  /** Undefined: it may still be a tap. */
  way: 'along' | 'across' | undefined;
  /** px a frame, for the way it rolls on. */
  speed: number;
  at: number;
}

type Scroll = (deltaY: number, at: { x: number; y: number }) => void;

/** Until the pane is gone. A pane that is smaller than its terminal scrolls by itself, and is left to. */
export function takeFingers(pane: HTMLElement, terminal: Terminal): void {
  const scroll = createScroll(pane, terminal);
  let drag: Drag | undefined;
  let selection: TouchSelection | undefined;
  let rolling = 0;
  const move = (event: TouchEvent) => {
    const [touch] = event.touches;
    if (!touch || (!drag && !selection)) return;
    if (selection) selection.extend({ x: touch.clientX, y: touch.clientY });
    else if (drag && !follow(drag, touch, event.timeStamp, { scroll, terminal })) return;
    event.preventDefault();
  };
  const roll = (ended: Drag) => {
    ended.speed *= FRICTION;
    if (Math.abs(ended.speed) < SLOWEST_PX) return;
    scroll(ended.speed, ended);
    rolling = requestAnimationFrame(() => roll(ended));
  };
  pane.addEventListener('touchstart', (event) => {
    cancelAnimationFrame(rolling);
    const isOurs = event.touches.length === 1 && !pane.classList.contains('overflows');
    drag = isOurs ? startDrag(event.touches[0]) : undefined;
  });
  pane.addEventListener('touchmove', move, { passive: false });
  pane.addEventListener('touchend', () => {
    const isRolling = drag?.way === 'along' && !matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (drag && isRolling) roll(drag);
    selection?.end();
    selection = drag = undefined;
  });
  // The system has taken the finger for something of its own.
  pane.addEventListener('touchcancel', () => (selection = drag = undefined));
  onHold(pane, (at) => {
    drag = undefined;
    selection = startSelection(pane, terminal, at);
  });
  // The menu of the browser's own, for the field that the keyboard writes into.
  pane.addEventListener('contextmenu', (event) => selection && event.preventDefault(), { capture: true });
}

/** Moves through what was printed; a program that has the screen or the mouse to itself gets wheel events instead. */
function createScroll(pane: HTMLElement, terminal: Terminal): Scroll {
  let rest = 0;
  return (deltaY, { x, y }) => {
    const screen = pane.querySelector('.xterm-screen');
    if (!screen) return;
    const isOurs = terminal.buffer.active.type === 'normal' && terminal.modes.mouseTrackingMode === 'none';
    if (!isOurs) {
      const wheel = { deltaY, clientX: x, clientY: y, bubbles: true, cancelable: true };
      return void screen.dispatchEvent(new WheelEvent('wheel', wheel));
    }
    rest += deltaY / (screen.clientHeight / terminal.rows);
    const lines = Math.trunc(rest);
    rest -= lines;
    if (lines !== 0) terminal.scrollLines(lines);
  };
}

function startDrag(touch: Touch | undefined): Drag | undefined {
  return touch && { x: touch.clientX, y: touch.clientY, way: undefined, speed: 0, at: 0 };
}

/** False while it may still be a tap. */
function follow(
  drag: Drag,
  { clientX, clientY }: Touch,
  at: number,
  { scroll, terminal }: { scroll: Scroll; terminal: Terminal },
): boolean {
  const [across, along] = [clientX - drag.x, drag.y - clientY];
  if (!drag.way && Math.hypot(across, along) < START_PX) return false;
  drag.way ??= Math.abs(across) > 2 * Math.abs(along) ? 'across' : 'along';
  if (drag.way === 'across') {
    const count = Math.trunc(across / ARROW_PX);
    drag.x += count * ARROW_PX;
    const start = terminal.modes.applicationCursorKeysMode ? '\x1bO' : '\x1b[';
    if (count !== 0) terminal.input(`${start}${count > 0 ? 'C' : 'D'}`.repeat(Math.abs(count)));
    return true;
  }
  const frames = Math.max(1, (at - drag.at) / 16.7);
  Object.assign(drag, { y: clientY, at, speed: along / frames });
  scroll(along, drag);
  return true;
}
