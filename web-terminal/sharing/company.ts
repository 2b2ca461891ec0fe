// Who else is there, and that this page only looks on: beside the tabs, quiet. Says who came and went, never each key. Knows no socket.
import type { PersonPresent, TerminalMessage } from '../../agent/protocol.ts';
import { createElement, getElement } from '../dom.ts';
import type { Grant } from '../connection/ticket.ts';

/** Named beside the tabs; the others are counted. */
const MAX_SHOWN = 3;

type Presence = Extract<TerminalMessage, { type: 'presence' }>;

/** Who was there before, by name; undefined: nobody has said yet. */
let before: string[] | undefined;

export function showCompany({ people, more }: Presence): void {
  const others = people
    .filter(({ isYou }) => !isYou)
    .map((one) => ({ ...one, name: one.name || 'somebody' }));
  const shown = others.slice(0, MAX_SHOWN);
  const left = others.length - shown.length + more;
  const list = getElement('company');
  const items = shown.map(createPerson);
  if (left > 0) items.push(createElement('li', { class: 'person', text: `+${left}` }));
  list.replaceChildren(...items);
  list.hidden = others.length === 0;
  announce(others.map(({ name }) => name));
}

/** Whoever was there is told anew after a reconnect, and nobody came. */
export function forgetCompany(): void {
  before = undefined;
  getElement('company').hidden = true;
  getElement('company').replaceChildren();
}

function createPerson({ name, isLooking, isTyping }: PersonPresent): HTMLElement {
  const how = isTyping ? 'types' : isLooking ? 'looks on' : '';
  const person = createElement(
    'li',
    { class: isTyping ? 'person typing' : 'person' },
    createElement('span', { class: 'name', text: name }),
    ...(how === '' ? [] : [createElement('span', { class: 'how', text: ` ${how}` })]),
  );
  person.title = [name, how].filter(Boolean).join(' ');
  return person;
}

/** A live region: only when somebody comes or goes. */
function announce(names: string[]): void {
  const known = before;
  before = names;
  if (!known) return;
  const came = names.filter((name) => !known.includes(name));
  const left = known.filter((name) => !names.includes(name));
  const words = [
    ...(came.length > 0 ? [`${came.join(', ')} came.`] : []),
    ...(left.length > 0 ? [`${left.join(', ')} left.`] : []),
  ];
  if (words.length > 0) getElement('came').textContent = words.join(' ');
}

/** What this page is let in for, where it is somebody else's. */
export function markShare({ isLooking, sharedUntil }: Pick<Grant, 'isLooking' | 'sharedUntil'>): void {
  document.documentElement.classList.toggle('looking', isLooking === true);
  const mark = getElement('share');
  mark.hidden = sharedUntil === undefined;
  if (sharedUntil === undefined) return mark.replaceChildren();
  const end = new Date(sharedUntil);
  const isToday = end.toDateString() === new Date().toDateString();
  const day = isToday ? {} : ({ day: 'numeric', month: 'short' } as const);
  const until = end.toLocaleString([], { ...day, hour: '2-digit', minute: '2-digit' });
  mark.title = `Shared with you until ${end.toLocaleString()}`;
  mark.replaceChildren(
    createElement('span', { text: isLooking ? 'Looking on' : 'Shared' }),
    createElement('span', { class: 'until', text: ` until ${until}` }),
  );
}
