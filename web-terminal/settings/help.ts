// What a person may have otherwise, as this browser keeps it, and the bot; and the help: which keys and gestures the page has. Acts on no key.
import { BELLS, type Bell } from '../../agent/protocol.ts';
import { createButton, createElement } from '../dom.ts';
import { keepSettings, readSettings } from './settings.ts';
import { isMac, listShortcuts } from './shortcuts.ts';
import { type Terminals, focusTerminal, resizeText } from '../tabs/terminals.ts';

const touch: [string, string][] = [
  ['Ctrl or Alt, then a key', 'both together; tapped twice it is held'],
  ['Copy', 'the text of the terminal, to select'],
  ['Drag', 'scroll; sideways: the arrow keys'],
  ['Hold, then drag', 'select, to copy'],
  ['Two fingers', 'zoom'],
  ['Double tap on a tab', 'rename it'],
  ['Hold a tab', 'rename, move or close it'],
];
const mouse: [string, string][] = [
  ['Double click on a tab', 'rename it'],
  ['Middle click on a tab', 'close it'],
  ['Drag a tab', 'move it'],
];

/** What else can be opened from here: fingers have no key for it. */
interface Opened {
  /** The search. */
  find: () => void;
  /** What the making of the workspace wrote; undefined: it is for its owner alone. */
  log: (() => void) | undefined;
  /** What this device is told of while nobody looks. */
  telling: HTMLElement;
}

export function openHelp(terminals: Terminals, opened: Opened): void {
  const dialog = createElement('dialog', {
    class: 'dialog',
    attributes: { 'aria-labelledby': 'help-title' },
  });
  const list = createElement('dl', { class: 'keys' });
  const isTouched = matchMedia('(pointer: coarse)').matches;
  for (const [key, what] of isTouched ? touch : [...listShortcuts(isMac()), ...mouse])
    list.append(
      createElement('dt', {}, createElement('kbd', { text: key })),
      createElement('dd', { text: what }),
    );
  dialog.append(
    createElement('h2', { text: 'Settings', attributes: { id: 'help-title' } }),
    createSizes(terminals),
    createBells(),
    createSwitch('Copy what is selected at once', readSettings().copyOnSelect, (copyOnSelect) =>
      keepSettings({ copyOnSelect }),
    ),
    createSwitch('Ask before more than 1 MB is pasted', readSettings().askLargePaste, (askLargePaste) =>
      keepSettings({ askLargePaste }),
    ),
    createReaderSwitch(terminals),
    createSwitch(
      'Keyboard shortcuts of this page (off: the shell gets these keys)',
      readSettings().shortcuts,
      (shortcuts) => keepSettings({ shortcuts }),
    ),
    createElement('p', {
      class: 'kept',
      text: 'They are yours alone: this browser keeps them, and Sam does while you are signed in.',
    }),
    opened.telling,
    createElement('h3', { text: 'Keys' }),
    list,
    createElement(
      'div',
      { class: 'actions' },
      createButton('Find', () => dialog.close('find')),
      ...(opened.log ? [createButton('Log', () => dialog.close('log'))] : []),
      createElement('a', { class: 'button', text: 'Sign out', attributes: { href: '/login' } }),
      createButton('Close', () => dialog.close(), { class: 'primary' }),
    ),
  );
  dialog.addEventListener('close', () => {
    dialog.remove();
    const { returnValue } = dialog;
    if (returnValue === 'find' || returnValue === 'log') opened[returnValue]?.();
    else focusTerminal(terminals);
  });
  document.body.append(dialog);
  dialog.showModal();
}

function createReaderSwitch(terminals: Terminals): HTMLElement {
  return createSwitch('Read the terminal aloud (screen reader mode)', terminals.screenReader, (on) => {
    terminals.screenReader = on;
    for (const { view } of terminals.sessions.values()) if (view) view.terminal.options.screenReaderMode = on;
  });
}

function createSizes(terminals: Terminals): HTMLElement {
  const shown = createElement('output', { text: `${readSettings().fontSize} px` });
  const step = (by: number) => () => (shown.textContent = `${resizeText(terminals, by)} px`);
  return createElement(
    'div',
    { class: 'sizes', attributes: { role: 'group', 'aria-label': 'Size of the text' } },
    document.createTextNode('Size of the text'),
    createButton('−', step(-1), { attributes: { 'aria-label': 'Smaller' } }),
    shown,
    createButton('+', step(1), { attributes: { 'aria-label': 'Larger' } }),
  );
}

const BELL_WORDS: Record<Bell, string> = {
  mark: 'marks the tab',
  sound: 'marks the tab and sounds',
  off: 'does nothing',
};

function createBells(): HTMLElement {
  const list = createElement('select');
  for (const bell of BELLS)
    list.append(createElement('option', { text: BELL_WORDS[bell], attributes: { value: bell } }));
  list.value = readSettings().bell;
  list.addEventListener('change', () => {
    const bell = BELLS.find((one) => one === list.value);
    if (bell !== undefined) keepSettings({ bell });
  });
  return createElement('label', { class: 'switch' }, document.createTextNode('A bell'), list);
}

function createSwitch(text: string, isOn: boolean, turn: (on: boolean) => void): HTMLElement {
  const box = createElement('input', { attributes: { type: 'checkbox' } });
  box.checked = isOn;
  box.addEventListener('change', () => turn(box.checked));
  return createElement('label', { class: 'switch' }, box, document.createTextNode(text));
}
