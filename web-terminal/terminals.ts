// The workspace's sessions as tabs: what people do with them becomes requests. Knows the protocol; must not know tickets, nor how
// the connection comes and goes.
import type { SessionInfo, ViewerMessage } from '../agent/protocol.ts';
import { askPerson, showNotice } from './dialogs.ts';
import { createButton, createElement, getElement } from './dom.ts';
import { cutInput } from './connection/frames.ts';
import { createSessionView, type SessionView } from './session.ts';
import { createTabBar, type TabBar } from './tabs.ts';
import { getColours, getFont, onThemeChange } from './theme.ts';

/** What a terminal takes at once: the node queues no more for a program that does not read. */
const PASTE_BYTES = 1_000_000;
/** What the fit addon leaves for xterm's scroll bar. */
const SCROLLBAR_PX = 14;

export interface Outlet {
  isOpen: () => boolean;
  send: (message: ViewerMessage) => boolean;
  input: (n: number, bytes: Uint8Array) => void;
  acknowledge: (n: number, offset: number) => void;
}

interface Hooks {
  translate: (text: string) => string;
  onKey: (event: KeyboardEvent) => boolean;
  /** Somebody typed, but nobody is connected. */
  onDeadKey: () => void;
  /** What the program in the terminal that is shown calls itself; empty: nothing. */
  onTitle: (title: string) => void;
  /** A program rang while nobody looked at the page. */
  onBellAway: () => void;
}

interface Size {
  cols: number;
  rows: number;
}

interface Session {
  info: SessionInfo;
  /** Made when the tab is first shown. */
  view?: SessionView;
  /** Its number on this socket, once the node said it. */
  n?: number;
  /** The size that fits this window. */
  fit?: Size;
  asked: boolean;
  /** Somebody here closed it: its tab goes when it has ended. */
  closing: boolean;
  /** What its program calls itself. */
  title?: string;
  /** How it ended; its screen stays until somebody closes it. */
  ended?: string;
}

export interface Panel {
  id: string;
  show: (on: boolean) => void;
  focus: () => void;
}

export interface Terminals {
  outlet: Outlet;
  hooks: Hooks;
  bar: TabBar;
  sessions: Map<string, Session>;
  shown: string | undefined;
  /** What has a tab and is no terminal, once there is one. */
  panel: Panel | undefined;
  /** Of an `open` that was sent and not answered: the size in it, and what was shown then. */
  opening: { size: Size; shown: string | undefined } | undefined;
  /** Whoever has this page looks on: nothing of theirs goes to the node. */
  isLooking: boolean;
  /** Whether xterm keeps its text readable for screen readers. */
  screenReader: boolean;
}

export function createTerminals(outlet: Outlet, hooks: Hooks): Terminals {
  const terminals: Terminals = {
    outlet,
    hooks,
    sessions: new Map(),
    shown: undefined,
    panel: undefined,
    opening: undefined,
    isLooking: false,
    screenReader: false,
    bar: createTabBar({
      onSelect: (id) => {
        show(terminals, id);
        focusTerminal(terminals);
      },
      onClose: (id) => void closeSession(terminals, id),
      onRename: (id, name) =>
        terminals.isLooking || outlet.send({ type: 'rename', id, name }) || hooks.onDeadKey(),
    }),
  };
  onThemeChange(() => {
    for (const { view } of terminals.sessions.values())
      if (view) Object.assign(view.terminal.options, getColours());
  });
  return terminals;
}

/** The terminal that is shown, if any. */
export function getShown(terminals: Terminals): SessionView | undefined {
  return findShown(terminals)?.view;
}

export function findShown({ shown, sessions }: Terminals): Session | undefined {
  return shown === undefined ? undefined : sessions.get(shown);
}

/** The one that is shown, or what is shown in its place. */
export function focusTerminal(terminals: Terminals): void {
  if (isPanelShown(terminals)) terminals.panel?.focus();
  else getShown(terminals)?.terminal.focus();
}

export const isPanelShown = ({ panel, shown }: Terminals): boolean =>
  panel !== undefined && panel.id === shown;

export function addPanel(terminals: Terminals, panel: Panel, name: string): void {
  terminals.panel = panel;
  terminals.bar.addFixed(panel.id, name);
}

/** Asks the node for a new session, a shell unless told; its tab comes with the answer. */
export function openSession(terminals: Terminals, what: { name?: string; profile?: string } = {}): void {
  if (terminals.opening || terminals.isLooking) return;
  const size = findShown(terminals)?.fit ?? measureFit();
  if (terminals.outlet.send({ type: 'open', ...what, ...size }))
    terminals.opening = { size, shown: terminals.shown };
  else terminals.hooks.onDeadKey();
}

/** The size that will fit, before there is a terminal to ask: as xterm.js and its fit addon reckon. */
export function measureFit(): Size {
  const { fontFamily, fontSize, lineHeight } = getFont();
  const pane = createElement('div', { class: 'pane' });
  const probe = createElement('span', { class: 'probe', text: 'W'.repeat(32) });
  probe.style.font = `${fontSize}px ${fontFamily}`;
  pane.append(probe);
  getElement('panes').append(pane);
  const { width, height } = probe.getBoundingClientRect();
  const cols = Math.floor((pane.clientWidth - SCROLLBAR_PX) / (width / 32));
  const rows = Math.floor(pane.clientHeight / Math.floor(Math.ceil(height) * lineHeight));
  pane.remove();
  return { cols: Math.min(500, Math.max(20, cols)), rows: Math.min(200, Math.max(5, rows)) };
}

/** Shows the tab number `index`, from 0. */
export function selectTab(terminals: Terminals, index: number): void {
  const { panel, sessions } = terminals;
  const id = [...sessions.keys(), ...(panel ? [panel.id] : [])][index];
  if (id !== undefined) show(terminals, id);
  focusTerminal(terminals);
}

/** The socket is gone: numbers mean nothing any more, offsets do. */
export function forgetNumbers(terminals: Terminals): void {
  terminals.opening = undefined;
  for (const session of terminals.sessions.values()) {
    delete session.n;
    session.asked = false;
  }
}

export function addSession(terminals: Terminals, info: SessionInfo): void {
  terminals.sessions.set(info.id, { info, asked: false, closing: false });
  terminals.bar.add(info.id, info.name);
  // Who cannot open one sees the first that there is.
  if (terminals.isLooking && terminals.shown === undefined) show(terminals, info.id);
}

/** From now on whoever has this page looks on, or types. */
export function lookOn(terminals: Terminals, isLooking: boolean): void {
  terminals.isLooking = isLooking;
  for (const { view, ended } of terminals.sessions.values())
    if (view) view.terminal.options.disableStdin = isLooking || ended !== undefined;
}

export function resume(terminals: Terminals, session: Session): void {
  if (session.asked || session.ended !== undefined || !session.view) return;
  const offset = session.view.received;
  const { id } = session.info;
  session.asked = terminals.outlet.send({ type: 'resume', id, ...(offset !== undefined && { offset }) });
}

export function show(terminals: Terminals, id: string): void {
  const { panel, sessions } = terminals;
  const session = sessions.get(id);
  if (!session && id !== panel?.id) return;
  if (session) giveView(terminals, session);
  terminals.shown = id;
  for (const [other, { view }] of sessions) view?.show(other === id);
  panel?.show(id === panel.id);
  terminals.bar.select(id);
  for (const mark of ['news', 'bell', 'asks'] as const) terminals.bar.mark(id, mark, false);
  terminals.hooks.onTitle(session?.title ?? '');
  if (session) resume(terminals, session);
}

/** Out of sight until it is shown. */
export function giveView(terminals: Terminals, session: Session): SessionView {
  if (session.view) return session.view;
  session.view = createView(terminals, session);
  session.view.show(false);
  return session.view;
}

function createView(terminals: Terminals, session: Session): SessionView {
  const { outlet, hooks } = terminals;
  const { id } = session.info;
  const view = createSessionView(id, {
    ...hooks,
    onBell: () => ring(terminals, id),
    onTitle: (title) => {
      terminals.bar.entitle(id, title);
      session.title = title;
      if (terminals.shown === id) hooks.onTitle(title);
    },
    onInput: (bytes) => typeInto(terminals, session, bytes),
    onDrawn: (offset) => session.n !== undefined && outlet.acknowledge(session.n, offset),
    onFit: (cols, rows) => {
      session.fit = { cols, rows };
      tellSize(terminals, session);
    },
  });
  view.terminal.options.screenReaderMode = terminals.screenReader;
  view.terminal.options.disableStdin = terminals.isLooking;
  getElement('panes').append(view.pane);
  return view;
}

function ring(terminals: Terminals, id: string): void {
  if (document.visibilityState !== 'visible') terminals.hooks.onBellAway();
  if (id !== terminals.shown) terminals.bar.mark(id, 'bell', true);
}

/** The size of the text in all of them, from now on. */
export function resizeText({ sessions }: Terminals, fontSize: number): void {
  for (const { view } of sessions.values()) {
    if (!view) continue;
    view.terminal.options.fontSize = fontSize;
    view.fit();
  }
}

// The node knows everybody's size and decides whose counts; what it says of the session is what is drawn.
function tellSize(terminals: Terminals, { info, n, fit }: Session): void {
  if (!terminals.isLooking && fit && n !== undefined)
    terminals.outlet.send({ type: 'resize', id: info.id, ...fit });
}

function typeInto(terminals: Terminals, session: Session, bytes: Uint8Array): void {
  if (session.ended !== undefined || terminals.isLooking) return;
  if (session.n === undefined || !terminals.outlet.isOpen()) return terminals.hooks.onDeadKey();
  if (bytes.length > PASTE_BYTES)
    return showNotice(
      'That is more than a terminal takes at once (1 MB). Nothing was sent; put it into a file.',
    );
  for (const piece of cutInput(bytes)) terminals.outlet.input(session.n, piece);
}

async function closeSession(terminals: Terminals, id: string): Promise<void> {
  const session = terminals.sessions.get(id);
  if (!session) return;
  if (session.ended !== undefined) return removeSession(terminals, id);
  if (terminals.isLooking) return;
  const title = `Close “${session.info.name}”?`;
  const text = 'What runs in it ends, for everyone who looks at it.';
  if (!(await askPerson({ title, text, yes: 'Close' }))) return focusTerminal(terminals);
  session.closing = terminals.outlet.send({ type: 'close', id });
  if (!session.closing) terminals.hooks.onDeadKey();
}

function removeSession(terminals: Terminals, id: string): void {
  const ids = [...terminals.sessions.keys()];
  const at = ids.indexOf(id);
  terminals.sessions.get(id)?.view?.dispose();
  terminals.sessions.delete(id);
  terminals.bar.remove(id);
  if (terminals.shown !== id) return;
  terminals.shown = undefined;
  const next = ids[at + 1] ?? ids[at - 1];
  if (next !== undefined) show(terminals, next);
  focusTerminal(terminals);
}

export function end(terminals: Terminals, id: string, how: string): void {
  const session = terminals.sessions.get(id);
  if (!session || session.ended !== undefined) return;
  session.ended = how;
  delete session.n;
  terminals.bar.mark(id, 'ended', true);
  if (session.closing || !session.view) return removeSession(terminals, id);
  const reopen = () => {
    removeSession(terminals, id);
    openSession(terminals);
  };
  const close = () => removeSession(terminals, id);
  session.view.end();
  session.view.pane.append(
    createElement(
      'div',
      { class: 'over', attributes: { role: 'status' } },
      createElement('span', { text: how }),
      ...(terminals.isLooking ? [] : [createButton('Open a new one', reopen, { class: 'primary' })]),
      createButton('Close', close),
    ),
  );
}
