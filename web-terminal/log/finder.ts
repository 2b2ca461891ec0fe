// The search through the lines of a log: a field, how many there are, and from one to the next. Knows no step and no bot.
import { createButton, createElement } from '../dom.ts';

export interface Finder {
  elements: HTMLElement[];
  /** The lines have changed: looks again, and stays where it was. */
  refresh: () => void;
}

/** `reveal`: brings a line that may be folded away into sight. */
export function createFinder(lines: HTMLElement, reveal: (line: Element) => void): Finder {
  const input = createElement('input', {
    attributes: {
      type: 'search',
      'aria-label': 'Find in the log',
      placeholder: 'Find',
      enterkeyhint: 'search',
    },
  });
  const count = createElement('span', { class: 'count', attributes: { role: 'status' } });
  let found: Element[] = [];
  let current: Element | undefined;
  const say = () => {
    const at = current ? found.indexOf(current) : -1;
    const place = at < 0 ? `${found.length} found` : `${at + 1} of ${found.length}`;
    count.textContent = input.value === '' ? '' : found.length === 0 ? 'nothing' : place;
    next.disabled = previous.disabled = found.length === 0;
  };
  const refresh = () => {
    const wanted = input.value.toLowerCase();
    for (const line of found) line.classList.remove('match');
    found =
      wanted === ''
        ? []
        : [...lines.querySelectorAll('.line')].filter((line) =>
            line.textContent.toLowerCase().includes(wanted),
          );
    for (const line of found) line.classList.add('match');
    if (current && !found.includes(current)) choose(undefined);
    say();
  };
  const choose = (line: Element | undefined) => {
    current?.classList.remove('current');
    current = line;
    line?.classList.add('current');
  };
  const go = (by: 1 | -1) => {
    if (found.length === 0) return;
    const at = current ? found.indexOf(current) : by > 0 ? -1 : 0;
    choose(found.at((at + by) % found.length));
    if (current) reveal(current);
    current?.scrollIntoView({ block: 'nearest' });
    say();
  };
  const button = (sign: string, name: string, by: 1 | -1) =>
    createButton(sign, () => go(by), { attributes: { 'aria-label': name, title: name } });
  const previous = button('↑', 'Previous match', -1);
  const next = button('↓', 'Next match', 1);
  input.addEventListener('input', refresh);
  input.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'Enter') go(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
  });
  say();
  return { elements: [input, count, previous, next], refresh };
}
