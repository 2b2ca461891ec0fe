// The workspace's sessions as tabs: what people do with them becomes requests. Knows the protocol; must not know tickets, nor how
// the connection comes and goes.
import type { SessionInfo, ViewerMessage } from '../../agent/protocol.ts';
import { showNotice } from '../dialogs.ts';
import { createElement, getElement } from '../dom.ts';
import { createSessionView, type SessionView } from '../session/session.ts';
import type { CommandEnd } from '../session/marks.ts';
import { readSettings, stepFontSize } from '../settings/settings.ts';
import { createTabBar, cutTitle, PASSING_MARKS, type TabBar } from './bar.ts';
import { keepAhead, readTyped, takeAhead, type Ahead } from './ahead.ts';
import { loseTyped, typeInto, type Feed } from './input.ts';
import { keepOrder, sortAsKept } from './order.ts';
import { describeProfiles, type Profile } from './profiles.ts';
import { getColours, getFont, onThemeChange } from '../theme.ts';

/** Whoever waits for a command longer than that looks at something else meanwhile. */
const LONG_MS = 10_000;
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
  /** While nobody looked at the page: a program rang, or a command that took long has ended. */
  onAway: (what: 'bell' | 'done' | 'failed') => void;
  onDownload: (path: string) => void;
  /** Whether files may be fetched here, now. */
  mayDownload: () => boolean;
  /** Out loud. */
  ring: () => void;
  /** Somebody wants it closed. */
  onClose: (id: string) => void;
}

interface Size {
  cols: number;
  rows: number;
}

export interface Session extends Ahead {
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
  /** Of what was opened here; absent: nobody knows. */
  profile?: string;
  /** What its program calls itself. */
  title?: string;
  /** A large paste under way. */
  feed?: Feed;
  /** How it ended; its screen stays until somebody closes it. */
  ended?: string;
}

interface Opening {
  name?: string;
  profile?: string;
  /** The one that has ended, whose tab it gets. */
  instead?: string;
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
  /** Of an `open` that was sent and not answered: what was asked for, the size in it, and what was shown then. */
  opening: (Opening & Ahead & { size: Size; shown: string | undefined }) | undefined;
  /** Those that the node has. */
  profiles: Profile[];
  workspace: string;
  /** Whoever has this page looks on: nothing of theirs goes to the node. */
  isLooking: boolean;
  /** Whether xterm keeps its text readable for screen readers. */
  screenReader: boolean;
}

export function createTerminals(workspace: string, outlet: Outlet, hooks: Hooks): Terminals {
  const terminals: Terminals = {
    workspace,
    profiles: describeProfiles(),
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
      onClose: hooks.onClose,
      onMove: (id, at) => moveTab(terminals, id, at),
      onRename: (id, name) => outlet.send({ type: 'rename', id, name }) || hooks.onDeadKey(),
      mayChange: () => !terminals.isLooking,
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
export function openSession(terminals: Terminals, wanted: Opening = {}): void {
  if (terminals.opening || terminals.isLooking) return;
  const size = findShown(terminals)?.fit ?? measureFit();
  const { instead: _tab, ...what } = wanted;
  if (terminals.outlet.send({ type: 'open', ...what, ...size }))
    terminals.opening = { ...wanted, size, shown: terminals.shown };
  else terminals.hooks.onDeadKey();
}

/** A key that no element took, while the first terminal comes: the terminal gets it. */
export function typeAhead({ opening, shown }: Terminals, event: KeyboardEvent): void {
  const text = opening && shown === undefined ? readTyped(event) : undefined;
  if (opening && text !== undefined && keepAhead(opening, new TextEncoder().encode(text)))
    event.preventDefault();
}

/** Puts the tab to that place among those of terminals, and says where it is. */
function moveTab(terminals: Terminals, id: string, wanted: number): void {
  const ids = [...terminals.sessions.keys()].filter((other) => other !== id);
  const at = Math.min(ids.length, Math.max(0, wanted));
  arrange(terminals, ids.toSpliced(at, 0, id));
  keepOrder(terminals.workspace, [...terminals.sessions.keys()]);
  const name = terminals.sessions.get(id)?.info.name ?? '';
  showNotice(`“${name}” is tab ${at + 1} of ${ids.length + 1}.`);
}

function arrange(terminals: Terminals, ids: string[]): void {
  const { sessions } = terminals;
  const moved = ids.map((id) => [id, sessions.get(id)] as const);
  for (const [id, session] of moved) {
    sessions.delete(id);
    if (session) sessions.set(id, session);
  }
  terminals.bar.arrange(ids);
}

/** As the person of this browser has put them. */
export function arrangeAsKept(terminals: Terminals): void {
  const ids = [...terminals.sessions.keys()];
  const sorted = sortAsKept(terminals.workspace, ids);
  if (sorted.join() !== ids.join()) arrange(terminals, sorted);
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
  if (takeAhead(terminals.opening ?? {}).length > 0) terminals.hooks.onDeadKey();
  terminals.opening = undefined;
  loseTyped(terminals);
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

/** In the place of `old`, which goes. */
export function replaceSession(terminals: Terminals, old: string, id: string): void {
  const ids = [...terminals.sessions.keys()].filter((other) => other !== id);
  terminals.sessions.get(old)?.view?.dispose();
  arrange(
    terminals,
    ids.map((other) => (other === old ? id : other)),
  );
  terminals.sessions.delete(old);
  terminals.bar.remove(old);
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
  for (const mark of PASSING_MARKS) terminals.bar.mark(id, mark, false);
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
    onCommandEnd: (command) => noteEnd(terminals, id, command),
    onTitle: (said) => {
      const title = cutTitle(said);
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
  const { bell } = readSettings();
  if (bell === 'off') return;
  if (bell === 'sound') terminals.hooks.ring();
  if (document.visibilityState !== 'visible') terminals.hooks.onAway('bell');
  if (id !== terminals.shown) terminals.bar.mark(id, 'bell', true);
}

/** Of one that took long, while nobody looked at it. */
function noteEnd(terminals: Terminals, id: string, { code = 0, ms }: CommandEnd): void {
  const isSeen = document.visibilityState === 'visible' && id === terminals.shown;
  if (ms < LONG_MS || isSeen) return;
  const what = code === 0 ? 'done' : 'failed';
  if (document.visibilityState !== 'visible') terminals.hooks.onAway(what);
  if (id === terminals.shown) return;
  terminals.bar.mark(id, code === 0 ? 'failed' : 'done', false);
  terminals.bar.mark(id, what, true);
}

/** The text of all of them, from now on; 0: as large as it is when nobody has said. Returns its size in px. */
export function resizeText(terminals: Terminals, by: number): number {
  const fontSize = stepFontSize(by);
  redrawText(terminals);
  return fontSize;
}

/** As large as it is to be from now on. */
export function redrawText({ sessions }: Terminals): void {
  const { fontSize } = getFont();
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
