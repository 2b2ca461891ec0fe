// What keys and gestures the page has, and the switches for its keys and for screen readers.
import { createButton, createElement } from './dom.ts';
import { areShortcutsOn, isMac, listShortcuts, turnShortcuts } from './shortcuts.ts';
import type { Terminals } from './terminals.ts';
import { focusTerminal } from './terminals.ts';

const touch: [string, string][] = [
  ['Ctrl, then a key', 'both together'],
  ['Copy', 'the text of the terminal, to select'],
  ['Drag', 'scroll'],
  ['Two fingers', 'zoom'],
  ['Double tap on a tab', 'rename it'],
];
const mouse: [string, string][] = [
  ['Double click on a tab', 'rename it'],
  ['Middle click on a tab', 'close it'],
];

export function openHelp(terminals: Terminals): void {
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
    createElement('h2', { text: 'Keys', attributes: { id: 'help-title' } }),
    list,
    createSwitch(
      'Keyboard shortcuts of this page (off: the shell gets these keys)',
      areShortcutsOn(),
      turnShortcuts,
    ),
    createReaderSwitch(terminals),
    createElement(
      'div',
      { class: 'actions' },
      createElement('a', { class: 'button', text: 'Sign out', attributes: { href: '/login' } }),
      createButton('Close', () => dialog.close(), { class: 'primary' }),
    ),
  );
  dialog.addEventListener('close', () => {
    dialog.remove();
    focusTerminal(terminals);
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

function createSwitch(text: string, isOn: boolean, turn: (on: boolean) => void): HTMLElement {
  const box = createElement('input', { attributes: { type: 'checkbox' } });
  box.checked = isOn;
  box.addEventListener('change', () => turn(box.checked));
  return createElement('label', { class: 'switch' }, box, document.createTextNode(text));
}
