// The tab bar: roles, keys, its menu, renaming in place. Shows names as text; knows no session and no terminal.
import { createElement, getElement } from '../dom.ts';
import { openMenu } from '../menu.ts';
import { onHold } from '../touch/hold.ts';
import { letDrag } from './dragging.ts';

type Mark = 'ended' | 'news' | 'bell' | 'asks' | 'done' | 'failed';
/** Gone as soon as somebody looks. */
export const PASSING_MARKS = ['news', 'bell', 'asks', 'done', 'failed'] as const;

/** For those who listen. */
const MARKS: Record<Mark, string> = {
  ended: 'ended',
  bell: 'rang the bell',
  asks: 'waits for you',
  failed: 'its command failed',
  done: 'its command ended',
  news: 'has new output',
};

export interface TabBar {
  add: (id: string, name: string) => void;
  /** One that is no terminal: nobody closes or renames it, and it stays the last. */
  addFixed: (id: string, name: string) => void;
  remove: (id: string) => void;
  rename: (id: string, name: string) => void;
  /** Marks the tab as the one that is shown. */
  select: (id: string) => void;
  /**
   * `ended`: struck through. `news`: output since it was last shown; `bell`: a program rang; `asks`: somebody has to answer; `done`,
   * `failed`: a command that took long has ended.
   */
  mark: (id: string, mark: Mark, on: boolean) => void;
  /** What its program calls itself, beside the name that people gave. */
  entitle: (id: string, title: string) => void;
  /** Puts the tabs of terminals into this order. */
  arrange: (ids: string[]) => void;
  /** Puts the keyboard into the bar. */
  focus: () => void;
}

export interface TabEvents {
  onSelect: (id: string) => void;
  onClose: (id: string) => void;
  onRename: (id: string, name: string) => void;
  /** To the place number `at` among those of terminals, from 0. */
  onMove: (id: string, at: number) => void;
  /** Whether they may rename and close what is there now, and not only look. */
  mayChange: () => boolean;
}

const NAME_LENGTH = 64;
const TITLE_LENGTH = 64;

/** A program writes it: no control characters, none that turn the direction of writing, and no more than fits. */
export const cutTitle = (title: string): string =>
  title
    .slice(0, 4 * TITLE_LENGTH)
    .replaceAll(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .slice(0, TITLE_LENGTH);

const tabOf = (id: string) => document.getElementById(`tab-${id}`);
const labelOf = (id: string) => tabOf(id)?.querySelector('.label');

export function createTabBar(events: TabEvents): TabBar {
  const list = getElement('tabs');
  list.addEventListener('keydown', (event) => moveByKey(event, list, events));
  return {
    add: (id, name) => list.insertBefore(createTab(id, name, events), list.querySelector('.fixed')),
    addFixed: (id, name) => list.append(createFixedTab(id, name, events)),
    remove: (id) => tabOf(id)?.remove(),
    rename: (id, name) => {
      const label = labelOf(id);
      if (label) label.textContent = name;
    },
    select: (id) => {
      for (const tab of findTabs(list)) {
        const isSelected = tab.id === `tab-${id}`;
        tab.setAttribute('aria-selected', String(isSelected));
        tab.tabIndex = isSelected ? 0 : -1;
      }
      tabOf(id)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    },
    mark: (id, mark, on) => {
      const tab = tabOf(id);
      if (!tab || tab.classList.contains(mark) === on) return;
      tab.classList.toggle(mark, on);
      const words = (Object.keys(MARKS) as Mark[]).filter((one) => tab.classList.contains(one));
      const said = tab.querySelector('.said');
      if (said) said.textContent = words.map((one) => ` (${MARKS[one]})`).join('');
    },
    entitle: (id, title) => {
      const shown = tabOf(id)?.querySelector('.title');
      if (shown) shown.textContent = title;
    },
    arrange: (ids) => {
      const focused = list.contains(document.activeElement) ? document.activeElement : undefined;
      const fixed = list.querySelector('.fixed');
      for (const id of ids) {
        const tab = tabOf(id);
        if (tab) list.insertBefore(tab, fixed);
      }
      (focused as HTMLElement | undefined)?.focus(); // moving an element takes the keyboard from it
    },
    focus: () => list.querySelector<HTMLElement>('[aria-selected=true]')?.focus(),
  };
}

function findTabs(list: Element, which = '[role=tab]'): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>(which)];
}

/** Where a tab is among those that can be moved, from 0. */
const placeOf = (tab: HTMLElement): number =>
  tab.parentElement ? findTabs(tab.parentElement, '.tab:not(.fixed)').indexOf(tab) : -1;

function openTabMenu(tab: HTMLElement, id: string, events: TabEvents, at: { x: number; y: number }): void {
  const back = () => tab.focus();
  const mayChange = events.mayChange();
  const items = [
    ...(mayChange ? [{ label: 'Rename', key: 'F2', choose: () => startRename(tab, events, back) }] : []),
    { label: 'Move left', key: 'Ctrl+Shift+←', choose: () => move(tab, id, -1, events) },
    { label: 'Move right', key: 'Ctrl+Shift+→', choose: () => move(tab, id, 1, events) },
    ...(mayChange ? [{ label: 'Close', key: 'Delete', choose: () => events.onClose(id) }] : []),
  ];
  openMenu(items, { label: 'This terminal', owner: tab, at, onLeave: back });
}

function move(tab: HTMLElement, id: string, by: number, { onMove }: TabEvents): void {
  const at = placeOf(tab);
  if (at < 0) return;
  tab.focus();
  onMove(id, at + by);
}

function createTab(id: string, name: string, events: TabEvents): HTMLElement {
  const label = createElement('span', { class: 'label', text: name });
  // Not a button inside the tab: that has no place in the tree that screen readers see. Delete does the same by keyboard.
  const close = createElement('span', { class: 'close', text: '×', attributes: { 'aria-hidden': 'true' } });
  const tab = createElement(
    'div',
    {
      class: 'tab',
      attributes: { role: 'tab', id: `tab-${id}`, 'aria-controls': `pane-${id}`, tabindex: '-1' },
    },
    label,
    createElement('span', { class: 'title' }),
    createElement('span', { class: 'said' }),
    close,
  );
  tab.dataset['id'] = id;
  tab.title = 'Double-click or F2 to rename; middle click or Delete to close; drag to move';
  tab.addEventListener('click', () => events.onSelect(id));
  tab.addEventListener('dblclick', () => startRename(tab, events, () => events.onSelect(id)));
  tab.addEventListener('auxclick', (event) => event.button === 1 && events.onClose(id));
  tab.addEventListener('mousedown', (event) => event.button === 1 && event.preventDefault());
  tab.addEventListener('contextmenu', (event) => {
    event.preventDefault();
    const { left, bottom } = tab.getBoundingClientRect();
    openTabMenu(tab, id, events, { x: event.clientX || left, y: event.clientY || bottom });
  });
  onHold(tab, (at) => openTabMenu(tab, id, events, at));
  letDrag(tab, id, events.onMove);
  close.addEventListener('click', (event) => {
    event.stopPropagation();
    events.onClose(id);
  });
  return tab;
}

function createFixedTab(id: string, name: string, { onSelect }: TabEvents): HTMLElement {
  const tab = createElement(
    'div',
    {
      class: 'tab fixed',
      attributes: { role: 'tab', id: `tab-${id}`, 'aria-controls': `pane-${id}`, tabindex: '-1' },
    },
    createElement('span', { class: 'label', text: name }),
    createElement('span', { class: 'said' }),
  );
  tab.dataset['id'] = id;
  tab.addEventListener('click', () => onSelect(id));
  return tab;
}

function moveByKey(event: KeyboardEvent, list: HTMLElement, events: TabEvents): void {
  const tabs = findTabs(list);
  const at = tabs.indexOf(event.target as HTMLElement);
  const id = tabs[at]?.dataset['id'];
  if (id === undefined) return;
  const steps: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    Home: 0,
    End: tabs.length - 1,
  };
  const step = steps[event.key];
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (way !== undefined && event.ctrlKey && event.shiftKey)
    move(event.target as HTMLElement, id, way, events);
  else if (step !== undefined) tabs.at(step % tabs.length)?.focus();
  else if (event.key === 'F2') startRename(event.target as HTMLElement, events, () => tabs[at]?.focus());
  else if (event.key === 'Delete') events.onClose(id);
  else if (event.key === 'Enter' || event.key === ' ') events.onSelect(id);
  else return;
  event.preventDefault();
}

/** `back` gives the keyboard to whoever had it before. The field lies over the tab, not in it: a tab holds no other control. */
function startRename(tab: HTMLElement, { onRename, mayChange }: TabEvents, back: () => void): void {
  if (!mayChange()) return;
  const label = tab.querySelector('.label');
  const id = tab.dataset['id'];
  if (!label || id === undefined || tab.classList.contains('fixed') || document.querySelector('.rename'))
    return;
  const before = label.textContent;
  const input = createElement('input', {
    class: 'rename',
    attributes: {
      'aria-label': 'Name of the terminal',
      maxlength: String(NAME_LENGTH),
      enterkeyhint: 'done',
    },
  });
  input.value = before;
  let isOver = false; // taking the field away blurs it, which ends it again
  const end = (name: string) => {
    if (isOver) return;
    isOver = true;
    input.remove();
    if (name && name !== before) onRename(id, name);
  };
  input.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key !== 'Enter' && event.key !== 'Escape') return;
    event.preventDefault(); // or the terminal, which has the keyboard next, gets the Enter too
    end(event.key === 'Enter' ? input.value.trim() : '');
    back();
  });
  input.addEventListener('blur', () => end(input.value.trim()));
  const { left, top, width, height } = label.getBoundingClientRect();
  Object.assign(input.style, { left: `${left - 4}px`, top: `${top - 2}px` });
  Object.assign(input.style, { width: `${width + 8}px`, height: `${height + 4}px` });
  tab.parentElement?.after(input);
  input.focus();
  input.select();
}
