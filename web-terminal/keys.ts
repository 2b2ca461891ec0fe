// The bar of keys that stands in for those a phone lacks. Knows no terminal.
import { createButton, getElement } from './dom.ts';

export interface KeyBar {
  /** What goes to the shell for what was typed: with Ctrl armed, the control character. */
  applyCtrl: (text: string) => string;
}

interface KeyBarOptions {
  /** Types `text` into the terminal that is shown. */
  type: (text: string) => void;
  /** Whether the program in it asked for the other kind of arrow keys (DECCKM). */
  isApplicationCursor: () => boolean;
  paste: () => void;
  /** Shows what is on the screen as text: a finger selects nothing in a terminal. */
  copy: () => void;
}

const REPEAT_AFTER_MS = 400;
const REPEAT_EVERY_MS = 60;

/** The control character that Ctrl and `text` make, or `text` itself when there is none. */
export function toControl(text: string): string {
  if (/^[a-z[\\\]^_@]$/i.test(text)) return String.fromCharCode(text.toUpperCase().charCodeAt(0) & 31);
  if (text === ' ') return '\0';
  if (text === '/' || text === '-') return '\x1f';
  return text === '?' ? '\x7f' : text;
}

export function createKeyBar({ type, isApplicationCursor, paste, copy }: KeyBarOptions): KeyBar {
  const bar = getElement('keys');
  let armed = false;
  const arm = (on: boolean) => {
    armed = on;
    ctrl.setAttribute('aria-pressed', String(on));
  };
  const key = (label: string, name: string, press: () => void) => {
    const button = createButton(label, press, { attributes: { 'aria-label': name } });
    bar.append(button);
    return button;
  };
  const arrow = (label: string, name: string, letter: string) => {
    const press = () => {
      const plain = isApplicationCursor() ? `\x1bO${letter}` : `\x1b[${letter}`;
      type(armed ? `\x1b[1;5${letter}` : plain);
      arm(false);
    };
    repeatWhileHeld(key(label, name, press), press);
  };
  const sign = (text: string) => key(text, text, () => type(text));
  // Two rows of seven, with the arrows as on a keyboard.
  key('Esc', 'Esc', () => type('\x1b'));
  key('Tab', 'Tab', () => type('\t'));
  key('⇧Tab', 'Shift+Tab', () => type('\x1b[Z'));
  sign('|');
  arrow('↑', 'Up', 'A');
  sign('~');
  key('Paste', 'Paste', paste);
  const ctrl = key('Ctrl', 'Ctrl, for the next key', () => arm(!armed));
  sign('/');
  sign('-');
  arrow('←', 'Left', 'D');
  arrow('↓', 'Down', 'B');
  arrow('→', 'Right', 'C');
  key('Copy', 'Copy', copy);
  arm(false);
  // The terminal keeps the focus, or the phone's keyboard would close with every tap.
  bar.addEventListener('pointerdown', (event) => event.preventDefault());
  return {
    applyCtrl: (text) => {
      if (!armed || text.startsWith('\x1b')) return text;
      arm(false);
      return toControl(text);
    },
  };
}

function repeatWhileHeld(button: HTMLButtonElement, press: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const repeat = () => {
    press();
    timer = setTimeout(repeat, REPEAT_EVERY_MS);
  };
  const stop = () => clearTimeout(timer);
  button.addEventListener('pointerdown', () => (timer = setTimeout(repeat, REPEAT_AFTER_MS)));
  for (const end of ['pointerup', 'pointercancel', 'pointerleave']) button.addEventListener(end, stop);
}
