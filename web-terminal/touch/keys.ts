// The bar of keys that stands in for those a phone lacks. Knows no terminal.
import { createButton, getElement } from '../dom.ts';

export interface KeyBar {
  /** What goes to the shell for what was typed: with Ctrl on, the control character; with Alt, ESC before it. */
  modify: (text: string) => string;
}

interface KeyBarOptions {
  /** Types `text` into the terminal that is shown. */
  type: (text: string) => void;
  /** Whether the program in it asked for the other kind of arrow keys (DECCKM). */
  isApplicationCursor: () => boolean;
  paste: () => void;
  /** Shows what is on the screen as text: a finger selects nothing in a terminal. */
  copy: () => void;
  /** Opens the search. */
  find: () => void;
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

export function createKeyBar({ type, isApplicationCursor, paste, copy, find }: KeyBarOptions): KeyBar {
  const bar = getElement('keys');
  const key = (label: string, name: string, press: () => void) => {
    const button = createButton(label, press, { attributes: { 'aria-label': name } });
    bar.append(button);
    return button;
  };
  const arrow = (label: string, name: string, letter: string) => {
    const press = () => {
      const held = 1 + (alt.take() ? 2 : 0) + (ctrl.take() ? 4 : 0);
      const plain = isApplicationCursor() ? `\x1bO${letter}` : `\x1b[${letter}`;
      type(held === 1 ? plain : `\x1b[1;${held}${letter}`);
    };
    repeatWhileHeld(key(label, name, press), press);
  };
  const sign = (text: string) => key(text, text, () => type(text));
  // Two rows of eight, with the arrows as on a keyboard.
  key('Esc', 'Esc', () => type('\x1b'));
  key('Tab', 'Tab', () => type('\t'));
  key('⇧Tab', 'Shift+Tab', () => type('\x1b[Z'));
  sign('|');
  sign('~');
  arrow('↑', 'Up', 'A');
  key('Find', 'Find', find);
  key('Paste', 'Paste', paste);
  const ctrl = createModifier('Ctrl', key);
  const alt = createModifier('Alt', key);
  sign('/');
  sign('-');
  arrow('←', 'Left', 'D');
  arrow('↓', 'Down', 'B');
  arrow('→', 'Right', 'C');
  key('Copy', 'Copy', copy);
  // The terminal keeps the focus, or the phone's keyboard would close with every tap.
  bar.addEventListener('pointerdown', (event) => event.preventDefault());
  return {
    modify: (text) => {
      if (text.startsWith('\x1b')) return text;
      const typed = ctrl.take() ? toControl(text) : text;
      return alt.take() ? `\x1b${typed}` : typed;
    },
  };
}

interface Modifier {
  /** Whether it is on for what is typed now; one that is on for the next key alone goes off. */
  take: () => boolean;
}

/** One tap: for the next key. Another: held, until a third. */
function createModifier(
  label: string,
  key: (label: string, name: string, press: () => void) => HTMLButtonElement,
): Modifier {
  const names = {
    off: `${label}, for the next key`,
    next: `${label}, for the next key`,
    held: `${label}, held`,
  };
  const after = { off: 'next', next: 'held', held: 'off' } as const;
  let state: keyof typeof names = 'off';
  const enter = (to: typeof state) => {
    state = to;
    button.setAttribute('aria-pressed', String(state !== 'off'));
    button.setAttribute('aria-label', names[state]);
    button.classList.toggle('held', state === 'held');
  };
  const button = key(label, names.off, () => enter(after[state]));
  enter('off');
  return {
    take() {
      const isOn = state !== 'off';
      if (state === 'next') enter('off');
      return isOn;
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
