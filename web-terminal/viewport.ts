// The part of the window that a phone's keyboard leaves free, as CSS variables. Knows no terminal: those watch their own size.

const KEYBOARD_PX = 120;

/** Keeps `--height` and `--top` of the page, and the class `keyboard`, right from now on. */
export function followViewport(): void {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const update = () => {
    if (viewport.scale > 1.05) return; // somebody zoomed in to read: nothing should move under them
    const { style, classList } = document.documentElement;
    style.setProperty('--height', `${viewport.height}px`);
    style.setProperty('--top', `${viewport.offsetTop}px`);
    classList.toggle('keyboard', innerHeight - viewport.height >= KEYBOARD_PX);
  };
  viewport.addEventListener('resize', update);
  viewport.addEventListener('scroll', update);
  addEventListener('orientationchange', update);
  update();
}
