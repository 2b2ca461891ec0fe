// The few keys that belong to the page instead of the shell: which, and on which platform. What a key types is never the page's; knows
// no terminal.

export type PageKey =
  | { do: 'select'; index: number }
  /** `by` px; 0: as it was at first. */
  | { do: 'size'; by: number }
  | { do: 'jump'; way: 'previous' | 'next' }
  | { do: 'tabs' | 'new' | 'copy' | 'paste' | 'find' };

/** Option types characters on a Mac (`[`, `|`, `#` on many keyboards), so Ctrl and Cmd, which type nothing, stand in there. */
export const isMac = (): boolean => /^(mac|iphone|ipad)/i.test(navigator.platform);

/** For the help: what to press, and what it does. */
export function listShortcuts(mac: boolean): [string, string][] {
  const held = mac ? '⌃⌘' : 'Alt+';
  return [
    [`${held}1 … ${held}9`, 'show that tab'],
    [
      `${held}0`,
      'go to the tab bar: arrows go along it, with Ctrl+Shift they move the tab, F2 renames, Delete closes',
    ],
    ['Ctrl+Shift+Enter', 'new terminal'],
    mac
      ? ['⌘C, ⌘V', 'copy what is selected, paste']
      : ['Ctrl+Shift+C, Ctrl+Shift+V', 'copy what is selected, paste'],
    [mac ? '⌘F' : 'Ctrl+Shift+F', 'find in what was printed: Enter and Shift+Enter go on, Escape ends'],
    mac
      ? ['⌘↑, ⌘↓', 'go to the prompt before, or after, where the shell says where they are']
      : [
          'Ctrl+Shift+↑, Ctrl+Shift+↓',
          'go to the prompt before, or after, where the shell says where they are',
        ],
    [mac ? '⌘+, ⌘−, ⌘0' : 'Ctrl++, Ctrl+−, Ctrl+0', 'larger text, smaller, as at first'],
    ['Ctrl+F6', 'go to the tab bar, also without the keys above'],
  ];
}

/**
 * What a key means to the page; undefined: it is the shell's. Goes by what the key types, not by where it lies. A terminal
 * cannot tell Ctrl+Shift+letter from Ctrl+letter, so nothing is taken from a program by Ctrl+Shift+Enter, C, V and F.
 */
export function readPageKey(
  event: KeyboardEvent,
  { mac, on }: { mac: boolean; on: boolean },
): PageKey | undefined {
  const { key, altKey, ctrlKey, shiftKey, metaKey } = event;
  // Whoever turned the others off still gets out of the terminal by keyboard.
  if (key === 'F6' && ctrlKey && !altKey && !shiftKey && !metaKey) return { do: 'tabs' };
  if (!on || event.getModifierState('AltGraph')) return undefined;
  const digit = mac ? readMacDigit(event) : readAltDigit(event);
  if (digit) return digit === '0' ? { do: 'tabs' } : { do: 'select', index: Number(digit) - 1 };
  const size = readSize(event, mac);
  if (size !== undefined) return { do: 'size', by: size };
  const way = WAYS[key];
  const isMacs = mac && metaKey && !ctrlKey && !altKey && !shiftKey;
  if (way && (isMacs || (!mac && ctrlKey && shiftKey && !altKey && !metaKey))) return { do: 'jump', way };
  if (isMacs) return readLetter(event) === 'f' ? { do: 'find' } : undefined;
  if (!ctrlKey || !shiftKey || altKey || metaKey) return undefined;
  if (key === 'Enter') return { do: 'new' };
  const meaning = mac ? undefined : LETTERS[readLetter(event) ?? ''];
  return meaning && { do: meaning };
}

const WAYS: Record<string, 'previous' | 'next'> = { ArrowUp: 'previous', ArrowDown: 'next' };

// Ctrl+_, which takes Shift on many keyboards, is the shell's: it undoes.
function readSize({ key, ctrlKey, altKey, metaKey }: KeyboardEvent, mac: boolean): number | undefined {
  const isHeld = !altKey && (mac ? metaKey && !ctrlKey : ctrlKey && !metaKey);
  return isHeld ? { '+': 1, '=': 1, '-': -1, '0': 0 }[key] : undefined;
}

const LETTERS: Record<string, 'copy' | 'paste' | 'find'> = { c: 'copy', v: 'paste', f: 'find' };

// With Shift too: that is how French keyboards type a digit. On the keypad, Alt and digits make characters on Windows.
function readAltDigit({ key, code, altKey, ctrlKey, metaKey }: KeyboardEvent): string | undefined {
  const isHeld = altKey && !ctrlKey && !metaKey && !code.startsWith('Numpad');
  return isHeld && /^\d$/.test(key) ? key : undefined;
}

// Ctrl with Cmd types nothing, so where the key lies is all there is.
function readMacDigit({ code, altKey, ctrlKey, metaKey }: KeyboardEvent): string | undefined {
  return ctrlKey && metaKey && !altKey ? /^Digit(\d)$/.exec(code)?.[1] : undefined;
}

// On a keyboard of another script, the letter that lies there on a Latin one.
function readLetter({ key, code }: KeyboardEvent): string | undefined {
  return /^[a-z]$/i.test(key) ? key.toLowerCase() : /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase();
}
