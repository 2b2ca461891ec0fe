// A menu that opens at a place of the page and closes with a choice, or without one. Knows nothing of what is chosen.
import { createButton, createElement } from './dom.ts';

export interface MenuItem {
  label: string;
  /** The key that does the same. */
  key?: string;
  choose: () => void;
}

interface MenuOptions {
  /** For those who listen. */
  label: string;
  /** The element that it belongs to: it lies beside it in the document, and below it on the screen unless `at` says where. */
  owner: HTMLElement;
  at?: { x: number; y: number };
  /** It was closed without a choice: the keyboard goes back to whoever had it. */
  onLeave: () => void;
}

const MARGIN_PX = 4;

export function openMenu(items: MenuItem[], { label, owner, at, onLeave }: MenuOptions): void {
  document.querySelector<HTMLElement>('.menu')?.remove();
  const menu = createElement('div', { class: 'menu', attributes: { role: 'menu', 'aria-label': label } });
  let isOver = false; // taking it away takes the keyboard from it, which closes it again
  const close = (after?: () => void) => {
    if (isOver) return;
    isOver = true;
    owner.removeAttribute('aria-expanded');
    menu.remove();
    after?.();
  };
  for (const { label: text, key, choose } of items) {
    const button = createButton(text, () => close(choose), {
      attributes: { role: 'menuitem', tabindex: '-1', ...(key && { 'aria-keyshortcuts': key }) },
    });
    if (key) button.append(createElement('kbd', { text: key, attributes: { 'aria-hidden': 'true' } }));
    menu.append(button);
  }
  menu.addEventListener('keydown', (event) => moveByKey(event, menu, () => close(onLeave)));
  menu.addEventListener('focusout', (event) => {
    if (!menu.contains(event.relatedTarget as Node | null)) close();
  });
  menu.addEventListener('contextmenu', (event) => event.preventDefault());
  owner.closest('header')?.append(menu);
  owner.setAttribute('aria-expanded', 'true');
  place(menu, at ?? { x: owner.getBoundingClientRect().left, y: owner.getBoundingClientRect().bottom });
  menu.querySelector('button')?.focus();
}

function place(menu: HTMLElement, { x, y }: { x: number; y: number }): void {
  const { width, height } = menu.getBoundingClientRect();
  const within = (wanted: number, most: number) => Math.max(MARGIN_PX, Math.min(wanted, most - MARGIN_PX));
  menu.style.left = `${within(x, innerWidth - width)}px`;
  menu.style.top = `${within(y + MARGIN_PX, innerHeight - height)}px`;
}

function moveByKey(event: KeyboardEvent, menu: HTMLElement, leave: () => void): void {
  const buttons = [...menu.querySelectorAll('button')];
  const at = buttons.indexOf(event.target as HTMLButtonElement);
  const steps: Record<string, number> = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: -1 };
  const step = steps[event.key];
  event.stopPropagation();
  if (step !== undefined) buttons.at(step % buttons.length)?.focus();
  else if (event.key === 'Escape' || event.key === 'Tab') leave();
  else return;
  event.preventDefault();
}
