// What the making of the workspace writes, to read: steps that fold, with their times, a search, a copy of it all, and what came before.
// Listens to nobody: it is handed what was written, and asks only for what is older.
import { showNotice, showText, writeClipboard } from '../dialogs.ts';
import { createButton, createElement } from '../dom.ts';
import { ask } from '../connection/listener.ts';
import { readPieces } from './colours.ts';
import { createFinder, type Finder } from './finder.ts';
import {
  addLines,
  countLines,
  cut,
  readWritten,
  spentMs,
  titleOf,
  wordSpent,
  type Line,
  type Step,
  type Written,
} from './steps.ts';

export interface Log {
  element: HTMLElement;
  take: (written: Written) => void;
  /** How the workspace stands: whether its last step is under way, or failed, or neither is to be seen. */
  show: (look: string) => void;
  /** Of the newest line; undefined: there is none. */
  lastId: () => number | undefined;
}

interface Drawn {
  step: Step;
  fold: HTMLDetailsElement;
  list: HTMLElement;
  sign: HTMLElement;
  time: HTMLElement;
}

interface State {
  steps: Step[];
  drawn: Drawn[];
  /** What somebody unfolded or folded, by step; all others follow what is under way. */
  chosen: Map<number, boolean>;
  most: number;
  look: string;
  /** When the newest line came, by this browser's clock. */
  heardAt: number;
  isFollowing: boolean;
}

const MAX_LINES = 3_000;
const NEAR_PX = 40;
const TICK_MS = 1_000;
const MAKING: ReadonlySet<string> = new Set(['queued', 'provisioning', 'preparing']);

export function createLog(workspace: string): Log {
  const state = createState();
  const parts = createParts(state);
  const { element, lines, older, finder } = parts;
  older.append(createButton('Show what came before', () => void showOlder(workspace, state, parts)));
  const settle = () => {
    paint(state);
    if (state.isFollowing) lines.scrollTop = lines.scrollHeight;
  };
  let ticking: ReturnType<typeof setInterval> | undefined;
  // Until it is shown again, once it is out of the page.
  const tick = () => (element.isConnected ? paint(state) : clearInterval(ticking));
  return {
    element,
    lastId: () => state.steps.at(-1)?.lines.at(-1)?.id,
    take({ lines: added, isNew, hasOlder }) {
      if (isNew) {
        state.most = MAX_LINES;
        redraw(state, lines, []);
        older.hidden = !hasOlder;
      }
      addLines(state.steps, added);
      if (cut(state.steps, state.most)) older.hidden = false;
      state.heardAt = performance.now();
      draw(state, lines);
      element.hidden = !isShown(state);
      finder.refresh();
      settle();
    },
    show(look) {
      state.look = look;
      element.hidden = !isShown(state);
      settle();
      clearInterval(ticking);
      if (MAKING.has(look)) ticking = setInterval(tick, TICK_MS);
    },
  };
}

const createState = (): State => ({
  steps: [],
  drawn: [],
  chosen: new Map(),
  most: MAX_LINES,
  look: '',
  heardAt: 0,
  isFollowing: true,
});

const isShown = ({ steps, look }: State): boolean =>
  steps.length > 0 && (MAKING.has(look) || look === 'failed' || look === '');

interface Parts {
  element: HTMLElement;
  lines: HTMLElement;
  older: HTMLElement;
  finder: Finder;
}

function createParts(state: State): Parts {
  const older = createElement('div', { class: 'older' });
  older.hidden = true;
  // Whoever listens hears how it stands: thousands of lines read aloud help nobody.
  const attributes = { role: 'log', 'aria-live': 'off', 'aria-label': 'Log', tabindex: '0' };
  const lines = createElement('div', { class: 'log', attributes }, older);
  lines.addEventListener('scroll', () => {
    state.isFollowing = lines.scrollHeight - lines.scrollTop - lines.clientHeight < NEAR_PX;
  });
  const finder = createFinder(lines, (line) => reveal(state, line));
  const copy = createButton('Copy', () => void copyAll(state, copy));
  const tools = createElement('div', { class: 'log-tools' }, ...finder.elements, copy);
  const named = { class: 'making', attributes: { 'aria-label': 'Its log' } };
  const element = createElement('section', named, tools, lines);
  element.hidden = true;
  return { element, lines, older, finder };
}

/** What is read stays where it is, whatever comes above it. */
async function showOlder(workspace: string, state: State, { lines, older, finder }: Parts): Promise<void> {
  const found = await readBefore(workspace, state.steps[0]?.lines[0]?.id);
  if (!found) return showNotice('What came before could not be read. Try again in a moment.');
  state.most += found.lines.length;
  const steps: Step[] = [];
  addLines(steps, [...found.lines, ...state.steps.flatMap((step) => step.lines)]);
  older.hidden = !found.hasOlder;
  const before = lines.scrollHeight;
  redraw(state, lines, steps);
  lines.scrollTop += lines.scrollHeight - before;
  finder.refresh();
}

/** Undefined: it could not be had. */
async function readBefore(workspace: string, id: number | undefined): Promise<Written | undefined> {
  try {
    const before = id === undefined ? '' : `?before=${id}`;
    const response = await ask(`/w/${encodeURIComponent(workspace)}/log${before}`);
    return response.ok ? readWritten(await response.text()) : undefined;
  } catch {
    return undefined;
  }
}

function redraw(state: State, into: HTMLElement, steps: Step[]): void {
  for (const { fold } of state.drawn) fold.remove();
  state.drawn = [];
  state.steps = steps;
  draw(state, into);
  paint(state);
}

/** What is there stays, selected and scrolled as it is. */
function draw(state: State, into: HTMLElement): void {
  const kept = new Set(state.steps);
  for (const { step, fold } of state.drawn) if (!kept.has(step)) fold.remove();
  const known = new Map(state.drawn.map((one) => [one.step, one]));
  state.drawn = state.steps.map((step) => known.get(step) ?? addStep(state, into, step));
  for (const { step, list } of state.drawn) {
    const first = String(step.lines[0]?.id);
    while (list.firstElementChild && idOf(list.firstElementChild) !== first) list.firstElementChild.remove();
    list.append(...step.lines.slice(list.childElementCount).map((line) => createLine(line, step)));
  }
}

const idOf = (line: Element): string | undefined => (line as HTMLElement).dataset['id'];

function addStep(state: State, into: HTMLElement, step: Step): Drawn {
  const sign = createElement('span', { class: 'said' });
  const time = createElement('span', { class: 'time' });
  const summary = createElement(
    'summary',
    {},
    createElement('span', { class: 'title', text: titleOf(step) }),
    sign,
    time,
  );
  const list = createElement('div', { class: 'lines' });
  const fold = createElement('details', { class: 'step' }, summary, list);
  summary.addEventListener('click', () => state.chosen.set(step.id, !fold.open));
  into.append(fold);
  return { step, fold, list, sign, time };
}

function createLine(line: Line, step: Step): HTMLElement {
  const shown = createElement(
    'div',
    { class: 'line' },
    ...readPieces(line.text).map(({ text, classes }) =>
      classes.length > 0
        ? createElement('span', { class: classes.join(' '), text })
        : document.createTextNode(text),
    ),
  );
  shown.dataset['id'] = String(line.id);
  // Beside it, and in no copy of it.
  const ms = Date.parse(line.at) - Date.parse(step.at);
  shown.dataset['time'] = (Math.max(0, ms) / 1_000).toFixed(1);
  return shown;
}

const SIGNS = { done: 'done', doing: 'under way', failed: 'failed' };

/** Signs, times and folds, as the workspace stands. */
function paint(state: State): void {
  const isMaking = MAKING.has(state.look);
  state.drawn.forEach(({ step, fold, sign, time }, at) => {
    const isLast = at === state.drawn.length - 1;
    const how = isLast && isMaking ? 'doing' : isLast && state.look === 'failed' ? 'failed' : 'done';
    if (fold.dataset['state'] !== how) {
      fold.dataset['state'] = how;
      sign.textContent = ` (${SIGNS[how]})`;
    }
    const silentMs = how === 'doing' ? performance.now() - state.heardAt : 0;
    const words = wordSpent(spentMs(step, state.steps[at + 1]) + silentMs);
    if (time.textContent !== words) time.textContent = words;
    fold.open = state.chosen.get(step.id) ?? isLast;
  });
}

/** The step of a line that somebody looks for, unfolded. */
function reveal({ drawn, chosen }: State, line: Element): void {
  const found = drawn.find(({ list }) => list.contains(line));
  if (!found) return;
  chosen.set(found.step.id, true);
  found.fold.open = true;
}

const wordsOf = ({ text }: Line): string =>
  readPieces(text)
    .map((piece) => piece.text)
    .join('');

async function copyAll(state: State, button: HTMLButtonElement): Promise<void> {
  const text = state.steps
    .map((step) => [`== ${titleOf(step)}`, ...step.lines.map(wordsOf)].join('\n'))
    .join('\n');
  if (!(await writeClipboard(text))) return showText('Log', text);
  button.textContent = `Copied ${countLines(state.steps)} lines`;
  setTimeout(() => (button.textContent = 'Copy'), 2_000);
}

/** Of a workspace that runs: what was written until now. */
export async function openLog(workspace: string): Promise<void> {
  const log = createLog(workspace);
  const dialog = createElement('dialog', {
    class: 'dialog wide',
    attributes: { 'aria-labelledby': 'log-title' },
  });
  const empty = createElement('p', { attributes: { role: 'status' }, text: 'Reading…' });
  const close = createButton('Close', () => dialog.close(), { class: 'primary' });
  dialog.append(
    createElement('h2', { text: 'Log', attributes: { id: 'log-title' } }),
    empty,
    log.element,
    createElement('div', { class: 'actions' }, close),
  );
  document.body.append(dialog);
  const closed = new Promise((resolve) => dialog.addEventListener('close', resolve));
  dialog.showModal();
  const written = await readBefore(workspace, undefined);
  if (written) log.take(written);
  log.show('');
  empty.textContent = written ? 'Nothing was written.' : 'It could not be read. Try again in a moment.';
  empty.hidden = !log.element.hidden;
  await closed;
  dialog.remove();
}
