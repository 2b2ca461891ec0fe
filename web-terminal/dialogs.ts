// The page's own questions and notices. Shows text as text; knows nothing of what is asked or noted.
import { createButton, createElement, getElement } from './dom.ts';

export interface Question {
  title: string;
  text: string;
  /** Shown in one block of its own, as it is: an address, a name. */
  detail?: string;
  yes: string;
}

/** True when somebody pressed the button named `yes`; Escape and everything else is no. */
export function askPerson({ title, text, detail, yes }: Question): Promise<boolean> {
  const dialog = createElement('dialog', { class: 'dialog', attributes: { 'aria-labelledby': 'question' } });
  const end = (answer: string) => () => dialog.close(answer);
  dialog.append(
    createElement('h2', { text: title, attributes: { id: 'question' } }),
    createElement('p', { text }),
    ...(detail === undefined ? [] : [createElement('code', { class: 'block', text: detail })]),
    createElement(
      'div',
      { class: 'actions' },
      createButton('Cancel', end('no')),
      createButton(yes, end('yes'), { class: 'primary' }),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    dialog.showModal();
  });
}

/** A text of any length to read, select and copy; at its end first. */
export function showText(title: string, text: string): Promise<void> {
  const dialog = createElement('dialog', {
    class: 'dialog',
    attributes: { 'aria-labelledby': 'text-title' },
  });
  const shown = createElement('pre', {
    class: 'block text',
    text,
    attributes: { tabindex: '0', 'aria-labelledby': 'text-title' },
  });
  const actions = createElement('div', { class: 'actions' });
  actions.append(
    createCopyButton(text, shown),
    createButton('Close', () => dialog.close(), { class: 'primary' }),
  );
  dialog.append(createElement('h2', { text: title, attributes: { id: 'text-title' } }), shown, actions);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve();
    });
    dialog.showModal();
    shown.scrollTop = shown.scrollHeight;
  });
}

/** A text that somebody types or pastes into a field of the page's own; nothing where they would not. */
export function askText(title: string, yes: string): Promise<string | undefined> {
  const dialog = createElement('dialog', { class: 'dialog', attributes: { 'aria-labelledby': 'asked' } });
  const field = createElement('textarea', {
    class: 'block field',
    attributes: { rows: '5', 'aria-labelledby': 'asked', autocapitalize: 'off', spellcheck: 'false' },
  });
  dialog.append(
    createElement('h2', { text: title, attributes: { id: 'asked' } }),
    field,
    createElement(
      'div',
      { class: 'actions' },
      createButton('Cancel', () => dialog.close('')),
      createButton(yes, () => dialog.close('yes'), { class: 'primary' }),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes' ? field.value : undefined);
    });
    dialog.showModal();
    field.focus();
  });
}

const NOTICE_MS = 6_000;
let hiding: ReturnType<typeof setTimeout> | undefined;

/** One line at the bottom for a few seconds; the next one takes its place. */
export function showNotice(text: string): void {
  const notice = getElement('notice');
  if (notice.textContent !== text) notice.textContent = text;
  notice.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    notice.hidden = true;
    notice.textContent = '';
  }, NOTICE_MS);
}

/** A button that puts `text` on the clipboard and says so; where that is not allowed, it selects the text to copy by hand. */
export function createCopyButton(text: string, shown: Element): HTMLButtonElement {
  const button = createButton('Copy', () => void copy());
  const copy = async () => {
    const isCopied = await writeClipboard(text);
    if (!isCopied) getSelection()?.selectAllChildren(shown);
    button.textContent = isCopied ? 'Copied' : 'Selected';
    setTimeout(() => (button.textContent = 'Copy'), 2_000);
  };
  return button;
}

/** Undefined where the browser does not allow it. */
export async function readClipboard(): Promise<string | undefined> {
  try {
    return await navigator.clipboard.readText();
  } catch {
    return undefined;
  }
}

/** False where the browser does not allow it. */
export async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
