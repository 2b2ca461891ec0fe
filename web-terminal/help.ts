// What keys and gestures the page has, and the switch for screen readers. Stores nothing.
import { createButton, createElement } from './dom.ts';
import type { Terminals } from './terminals.ts';
import { focusTerminal } from './terminals.ts';

const touch: [string, string][] = [
  ['Ctrl, then a key', 'both together'],
  ['Copy', 'the text of the terminal, to select'],
  ['Drag', 'scroll'],
  ['Two fingers', 'zoom'],
  ['Double tap on a tab', 'rename it'],
];
const keys: [string, string][] = [
  ['Alt+1 … Alt+9', 'show that tab'],
  ['Alt+0', 'go to the tab bar: arrows move, F2 renames, Delete closes'],
  ['Ctrl+Shift+Enter', 'new terminal'],
  ['Ctrl+Shift+C, Ctrl+Shift+V', 'copy what is selected, paste'],
  ['Double click on a tab', 'rename it'],
  ['Middle click on a tab', 'close it'],
];

export function openHelp(terminals: Terminals): void {
  const dialog = createElement('dialog', {
    class: 'dialog',
    attributes: { 'aria-labelledby': 'help-title' },
  });
  const list = createElement('dl', { class: 'keys' });
  for (const [key, what] of matchMedia('(pointer: coarse)').matches ? touch : keys)
    list.append(
      createElement('dt', {}, createElement('kbd', { text: key })),
      createElement('dd', { text: what }),
    );
  dialog.append(
    createElement('h2', { text: 'Keys', attributes: { id: 'help-title' } }),
    list,
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
  const box = createElement('input', { attributes: { type: 'checkbox' } });
  box.checked = terminals.screenReader;
  box.addEventListener('change', () => {
    terminals.screenReader = box.checked;
    for (const { view } of terminals.sessions.values())
      if (view) view.terminal.options.screenReaderMode = box.checked;
  });
  return createElement(
    'label',
    { class: 'switch' },
    box,
    document.createTextNode('Read the terminal aloud (screen reader mode)'),
  );
}
