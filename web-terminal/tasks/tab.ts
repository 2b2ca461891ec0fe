// The task tab: the conversation with the workspace's coding agent as it happens, and the field to ask in. Knows no terminal.
import { newKey } from '../connection/press.ts';
import { createButton, createElement, getElement } from '../dom.ts';
import { createComposer } from './composer.ts';
import { createFeed, type Told, type Turn } from './feed.ts';
import { createTurnView, freeButtons, keyOf, type TurnActions, type TurnView } from './turn.ts';

export const TASK = 'task';

export interface TaskTab {
  id: string;
  /** Listens until `stop`. Repeatable. */
  start: () => void;
  stop: () => void;
  show: (on: boolean) => void;
  focus: () => void;
}

interface TaskEvents {
  /** There is a tab to show; called once. `wasShown`: it was before this page was loaded anew. */
  onThere: (wasShown: boolean) => void;
  /** While it is not shown. `asks`: a person has to answer. */
  onNews: (what: 'news' | 'asks') => void;
}

/** Of a conversation that is longer the older turns are folded behind a button. */
const MAX_TURNS = 30;
/** Whoever is that near to the end follows it. */
const NEAR_PX = 80;

/** The turns in the order in which they were asked. */
function createTurnList(log: HTMLElement, actions: TurnActions) {
  const views = new Map<string, TurnView>();
  function clear(): void {
    for (const { element } of views.values()) element.remove();
    views.clear();
  }
  /** True: there was anything. */
  function insert({
    turns,
    happened,
    isNew,
  }: Pick<Told, 'turns' | 'happened'> & { isNew?: boolean }): boolean {
    if (isNew) clear();
    const touched = new Map<string, Turn>();
    for (const turn of turns) {
      touched.set(keyOf(turn), turn);
      if (!views.has(keyOf(turn))) place(turn);
    }
    for (const one of happened) {
      const view = views.get(keyOf(one));
      if (!view) continue;
      view.take(one.event);
      if (!touched.has(keyOf(one))) touched.set(keyOf(one), view.turn);
    }
    for (const [key, turn] of touched) views.get(key)?.draw(turn);
    return touched.size > 0;
  }
  function place(turn: Turn): void {
    const view = createTurnView(turn, actions);
    const next = [...views.values()]
      .filter((one) => one.turn.order > turn.order)
      .toSorted((a, b) => a.turn.order - b.turn.order)[0];
    log.insertBefore(view.element, next?.element ?? null);
    views.set(keyOf(turn), view);
  }
  /** Takes the oldest away while there are too many, unless somebody reads them. True: some are gone. */
  function fold(): boolean {
    const inOrder = [...views.entries()].toSorted(([, a], [, b]) => a.turn.order - b.turn.order);
    const gone = isNear(log) ? inOrder.slice(0, Math.max(0, inOrder.length - MAX_TURNS)) : [];
    for (const [key, { element }] of gone) {
      element.remove();
      views.delete(key);
    }
    return gone.length > 0;
  }
  return { views, insert, fold };
}

export function createTaskTab(workspace: string, events: TaskEvents): TaskTab {
  const { pane, log, older, empty } = createPane();
  /** What was pressed, by key: of which turn. */
  const said = new Map<string, string>();
  let isThere = false;
  const feed = createFeed(workspace, take);
  const composer = createComposer(workspace, (prompt, key) => feed.say('ask', { prompt }, key));
  const actions: TurnActions = {
    decide: ({ task, turn }, request, verb, always) =>
      void say(verb, { task, turn, request, ...(always && { always }) }, keyOf({ task, turn })),
    cancel: ({ task, turn }) => void say('cancel', { task, turn }, keyOf({ task, turn })),
  };
  const { views, insert, fold } = createTurnList(log, actions);
  async function say(verb: string, body: object, about: string): Promise<void> {
    const key = newKey();
    said.set(key, about);
    composer.complain('');
    const wrong = await feed.say(verb, body, key);
    if (wrong !== undefined) refuse(key, wrong);
  }
  function refuse(key: string, text: string): void {
    const view = views.get(said.get(key) ?? '');
    if (said.delete(key)) composer.complain(text);
    if (view) freeButtons(view);
  }
  function take(told: Told): void {
    const wasNear = isNear(log);
    const news = insert(told);
    const isFolded = fold();
    older.hidden = !(isFolded || (told.isNew ? told.hasOlder : !older.hidden));
    composer.take(told);
    for (const { key, text } of told.refused) refuse(key, text);
    empty.hidden = views.size > 0;
    if (wasNear) log.scrollTop = log.scrollHeight;
    if (told.isShown && !isThere) events.onThere(wasShown(workspace));
    isThere ||= told.isShown;
    if (!pane.hidden) return;
    if (news && !told.isNew) events.onNews('news');
    if ([...views.values()].some((view) => view.isAsking())) events.onNews('asks');
  }
  const readOlder = async () => {
    const first = Math.min(...[...views.values()].map(({ turn }) => turn.order));
    const told = await feed.readBefore(first);
    if (!told) return composer.complain('Sam does not answer. Try again in a moment.');
    keepPlace(log, () => insert({ ...told, isNew: false }));
    older.hidden = !told.hasOlder;
  };
  put(pane, composer.form, older, () => void readOlder());
  return {
    id: TASK,
    start: feed.start,
    stop: feed.stop,
    show(on) {
      pane.hidden = !on;
      document.body.classList.toggle('on-task', on);
      keepShown(workspace, on);
      if (on) log.scrollTop = log.scrollHeight;
    },
    // A finger wants to read first: its keyboard would cover half of it.
    focus: () => (matchMedia('(pointer: coarse)').matches ? log.focus() : composer.focus()),
  };
}

const SHOWN = 'sam.task';

/** In this tab of the browser. One that keeps nothing begins with a terminal. */
function wasShown(workspace: string): boolean {
  try {
    return sessionStorage.getItem(SHOWN) === workspace;
  } catch {
    return false;
  }
}

function keepShown(workspace: string, on: boolean): void {
  try {
    if (on) sessionStorage.setItem(SHOWN, workspace);
    else sessionStorage.removeItem(SHOWN);
  } catch {
    // Then it is not kept.
  }
}

function put(pane: HTMLElement, form: HTMLElement, older: HTMLElement, readOlder: () => void): void {
  older.append(createButton('Show what was asked before', readOlder));
  pane.append(form);
  getElement('panes').append(pane);
}

/** What is read stays where it is, whatever comes above it. */
function keepPlace(log: HTMLElement, insert: () => void): void {
  const before = log.scrollHeight;
  insert();
  log.scrollTop += log.scrollHeight - before;
}

const isNear = (log: HTMLElement): boolean => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;

function createPane() {
  const older = createElement('div', { class: 'older' });
  const empty = createElement(
    'div',
    { class: 'empty' },
    createElement('h2', { text: 'Give Claude Code something to do' }),
    createElement('p', {
      text: 'It works in this workspace with your own key. What it may not do unasked it asks here, and in the chat.',
    }),
  );
  const log = createElement(
    'div',
    {
      class: 'log',
      attributes: { role: 'log', 'aria-live': 'polite', 'aria-label': 'Conversation', tabindex: '0' },
    },
    older,
    empty,
  );
  older.hidden = true;
  const pane = createElement(
    'div',
    {
      class: 'task-pane',
      attributes: { id: `pane-${TASK}`, role: 'tabpanel', 'aria-labelledby': `tab-${TASK}` },
    },
    log,
  );
  pane.hidden = true;
  return { pane, log, older, empty };
}
