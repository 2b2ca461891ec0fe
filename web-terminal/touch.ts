// Scrolling a terminal by finger, which xterm.js 6.0 does not do (xtermjs/xterm.js#5489). It becomes wheel events, so that
// scrollback, full-screen programs and mouse reporting all behave as with a mouse. Knows no session.

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

/** `screen` is found when a finger comes down: it does not exist before the terminal is open. */
export function scrollByTouch(pane: HTMLElement, screen: () => Element | null): void {
  let drag: Drag | undefined;
  let rolling = 0;
  const scroll = (deltaY: number, { x, y }: { x: number; y: number }) =>
    screen()?.dispatchEvent(
      new WheelEvent('wheel', { deltaY, clientX: x, clientY: y, bubbles: true, cancelable: true }),
    );
  pane.addEventListener('touchstart', (event) => {
    cancelAnimationFrame(rolling);
    const isOurs = event.touches.length === 1 && !pane.classList.contains('overflows');
    drag = isOurs ? startDrag(event.touches[0]) : undefined;
  });
  pane.addEventListener(
    'touchmove',
    (event) => {
      const delta = drag && moveDrag(drag, event.touches[0], event.timeStamp);
      if (!drag || delta === undefined) return;
      event.preventDefault();
      scroll(delta, drag);
    },
    { passive: false },
  );
  pane.addEventListener('touchend', () => {
    const ended = drag;
    drag = undefined;
    if (!ended?.scrolling || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const roll = () => {
      ended.speed *= FRICTION;
      if (Math.abs(ended.speed) < SLOWEST_PX) return;
      scroll(ended.speed, ended);
      rolling = requestAnimationFrame(roll);
    };
    roll();
  });
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
