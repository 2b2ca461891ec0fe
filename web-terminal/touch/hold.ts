// A finger that stays where it is: what a right click is to a mouse. Browsers of phones do not all say so by themselves. Knows no menu.

const HOLD_MS = 500;
const SLOP_PX = 8;

/** `act`: where the finger is; it is still down. The tap that would follow is none. */
export function onHold(element: HTMLElement, act: (at: { x: number; y: number }) => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let from = { x: 0, y: 0 };
  const cancel = () => clearTimeout(timer);
  element.addEventListener('touchstart', (event) => {
    cancel();
    const [touch] = event.touches;
    if (!touch || event.touches.length > 1) return;
    from = { x: touch.clientX, y: touch.clientY };
    timer = setTimeout(() => {
      element.addEventListener('touchend', swallow, { once: true });
      act(from);
    }, HOLD_MS);
  });
  element.addEventListener('touchmove', ({ touches: [touch] }) => {
    if (touch && Math.hypot(touch.clientX - from.x, touch.clientY - from.y) > SLOP_PX) cancel();
  });
  element.addEventListener('touchend', cancel);
  element.addEventListener('touchcancel', () => {
    cancel();
    element.removeEventListener('touchend', swallow);
  });
}

const swallow = (event: Event): void => {
  if (event.cancelable) event.preventDefault();
};
