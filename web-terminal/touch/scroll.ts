// Scrolling a terminal by finger, which xterm.js 6.0 does not do (xtermjs/xterm.js#5489). Knows no session.
import type { Terminal } from '@xterm/xterm';

const START_PX = 8;
const FRICTION = 0.94;
const SLOWEST_PX = 0.5;

interface Drag {
  x: number;
  y: number;
  scrolling: boolean;
  /** px a frame, for the way it rolls on. */
  speed: number;
  at: number;
}

type Scroll = (deltaY: number, at: { x: number; y: number }) => void;

/** Until the pane is gone. A pane that is smaller than its terminal scrolls by itself, and is left to. */
export function scrollByTouch(pane: HTMLElement, terminal: Terminal): void {
  const scroll = createScroll(pane, terminal);
  let drag: Drag | undefined;
  let rolling = 0;
  const move = (event: TouchEvent) => {
    const delta = drag && moveDrag(drag, event.touches[0], event.timeStamp);
    if (!drag || delta === undefined) return;
    event.preventDefault();
    scroll(delta, drag);
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
    if (drag?.scrolling && !matchMedia('(prefers-reduced-motion: reduce)').matches) roll(drag);
    drag = undefined;
  });
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
  return touch && { x: touch.clientX, y: touch.clientY, scrolling: false, speed: 0, at: 0 };
}

/** How far to scroll, in px; undefined while it may still be a tap. */
function moveDrag(drag: Drag, touch: Touch | undefined, at: number): number | undefined {
  if (!touch) return undefined;
  const delta = drag.y - touch.clientY;
  if (!drag.scrolling && Math.abs(delta) < START_PX) return undefined;
  const frames = Math.max(1, (at - drag.at) / 16.7);
  Object.assign(drag, { scrolling: true, y: touch.clientY, at, speed: delta / frames });
  return delta;
}
