// The search through what a terminal has printed: a bar in its corner. Knows no session, no tab and no socket.
import type { SearchAddon } from '@xterm/addon-search';
import { createButton, createElement, getElement } from '../dom.ts';
import { getSearchColours } from '../theme.ts';

export interface Search {
  /** Opens the bar, or goes back into it. */
  open: () => void;
  close: () => void;
}

interface SearchOptions {
  /** Of the terminal that is shown. */
  getAddon: () => SearchAddon | undefined;
  /** Gives the keyboard back to the terminal. */
  onClose: () => void;
}

export function createSearch({ getAddon, onClose }: SearchOptions): Search {
  const bar = getElement('search');
  const input = createElement('input', {
    attributes: { type: 'text', 'aria-label': 'Find', placeholder: 'Find', enterkeyhint: 'search' },
  });
  const count = createElement('span', { class: 'count', attributes: { role: 'status' } });
  const target = followTarget(getAddon, (index, all) => {
    count.textContent = input.value === '' ? '' : describeCount(index, all);
  });
  let isExact = false;
  const find = (way: 'next' | 'previous' | 'same') => {
    const options = { caseSensitive: isExact, decorations: getSearchColours(), incremental: way === 'same' };
    const addon = target.get();
    if (input.value === '') target.clear();
    else if (way === 'previous') addon?.findPrevious(input.value, options);
    else addon?.findNext(input.value, options);
  };
  const close = () => {
    bar.hidden = true;
    target.clear();
    onClose();
  };
  const exact = createButton('Aa', () => turn(), {
    attributes: { 'aria-label': 'Aa: match case', 'aria-pressed': 'false' },
  });
  const turn = () => {
    isExact = !isExact;
    exact.setAttribute('aria-pressed', String(isExact));
    target.clear();
    find('same');
  };
  const button = (sign: string, name: string, press: () => void) =>
    createButton(sign, press, { attributes: { 'aria-label': name, title: name } });
  bar.append(
    input,
    count,
    exact,
    button('↑', 'Previous match', () => find('previous')),
    button('↓', 'Next match', () => find('next')),
    button('×', 'Close the search', close),
  );
  input.addEventListener('input', () => find('same'));
  bar.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') close();
    else if (event.key === 'Enter' && event.target === input && !event.isComposing)
      find(event.shiftKey ? 'previous' : 'next');
    else return;
    event.preventDefault();
  });
  return {
    open() {
      bar.hidden = false;
      input.focus();
      input.select();
      if (input.value) find('same');
    },
    close,
  };
}

const describeCount = (index: number, all: number): string =>
  all === 0 ? 'nothing' : index < 0 ? `${all} found` : `${index + 1} of ${all}`;

/** The terminal that is shown when one asks; what was marked in another is not any more. */
function followTarget(getAddon: SearchOptions['getAddon'], onResults: (index: number, all: number) => void) {
  let addon: SearchAddon | undefined;
  let listening: { dispose: () => void } | undefined;
  const clear = () => {
    addon?.clearDecorations();
    onResults(-1, 0);
  };
  return {
    clear,
    get(): SearchAddon | undefined {
      const now = getAddon();
      if (now === addon) return addon;
      addon?.clearDecorations();
      listening?.dispose();
      addon = now;
      listening = addon?.onDidChangeResults(({ resultIndex, resultCount }) =>
        onResults(resultIndex, resultCount),
      );
      return addon;
    },
  };
}
