// One session on the screen: an xterm and how far it has come. Counts bytes; knows no socket, no tabs and no other session.
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import { ACK_EVERY_BYTES, isReport } from '../../agent/protocol.ts';
import { useWidths } from '../../agent/widths.ts';
import { createElement } from '../dom.ts';
import { offerDownloads } from '../files/ways.ts';
import { writeClipboard } from '../dialogs.ts';
import { createHyperlinks, openLink } from './links.ts';
import { followPrompts, type CommandEnd, type Marks } from './marks.ts';
import { offerCopies } from './offers.ts';
import { readSettings } from '../settings/settings.ts';
import { acceptPastes } from './paste.ts';
import { getColours, getFont } from '../theme.ts';
import { takeFingers } from '../touch/fingers.ts';

export interface SessionEvents {
  /** Somebody typed or pasted, or a program asked the terminal something and this is the answer. */
  onInput: (bytes: Uint8Array) => void;
  /** Everything before `offset` was drawn. */
  onDrawn: (offset: number) => void;
  /** The size that fits this window, whoever sets it. */
  onFit: (cols: number, rows: number) => void;
  /** Changes what was typed before it goes out: the key bar's Ctrl. */
  translate: (text: string) => string;
  /** A program rang the bell, just now. */
  onBell: () => void;
  /** What a program calls itself from now on, as it says it. */
  onTitle: (title: string) => void;
  /** Somebody wants that file of the workspace's. */
  onDownload: (path: string) => void;
  mayDownload: () => boolean;
  /** A command that somebody here saw begin has ended. */
  onCommandEnd: (command: CommandEnd) => void;
  /** True: the key was the page's, the shell shall not see it. */
  onKey: (event: KeyboardEvent) => boolean;
}

export interface SessionView {
  pane: HTMLElement;
  terminal: Terminal;
  search: SearchAddon;
  marks: Marks;
  /** As if somebody had pasted it here. */
  paste: (text: string) => void;
  /** The offset after the last byte that came; undefined before the first. A reconnect goes on from here. */
  readonly received: number | undefined;
  output: (bytes: Uint8Array) => void;
  snapshot: (offset: number, bytes: Uint8Array) => void;
  /** From now on comes what follows `offset`; up to `liveFrom` it is old, and nobody waits for a terminal's answers in it. */
  resume: (offset: number, liveFrom: number) => void;
  /** What came is of another life: the next resume brings the whole screen. */
  forget: () => void;
  show: (visible: boolean) => void;
  /** Takes the size that another viewer set. */
  adoptSize: (cols: number, rows: number) => void;
  /** Sends `onFit` again: the node has not heard it yet. */
  fit: () => void;
  /** Its program has ended: the screen stays, without a cursor. */
  end: () => void;
  dispose: () => void;
}

/** Ends whatever sequence was cut off (CAN), then a full reset (RIS): in the stream, so it comes after what is still queued. */
const RESET = Uint8Array.of(0x18, 0x1b, 0x63);
const HIDE_CURSOR = '\x1b[?25l';
const FIT_DELAY_MS = 100;

export function createSessionView(id: string, events: SessionEvents): SessionView {
  const pane = createElement('div', {
    class: 'pane',
    attributes: { role: 'tabpanel', id: `pane-${id}`, 'aria-labelledby': `tab-${id}` },
  });
  const terminal: Terminal = createTerminal(() => terminal);
  const fitting = new FitAddon();
  terminal.loadAddon(fitting);
  const search = new SearchAddon();
  terminal.loadAddon(search);
  terminal.loadAddon(new WebLinksAddon((_event, address) => openLink(address)));
  const marks = followPrompts(terminal, events.onCommandEnd);
  const progress = trackProgress(terminal, { onDrawn: events.onDrawn, onRedraw: marks.forget });
  sendInput(terminal, events, progress.isReplaying);
  const isLive = () => !progress.isReplaying();
  terminal.onBell(() => isLive() && events.onBell());
  terminal.onTitleChange(events.onTitle);
  const isWatched = () => isLive() && !pane.hidden && document.hasFocus();
  offerCopies(terminal, isWatched);
  offerDownloads(terminal, () => isWatched() && events.mayDownload(), events.onDownload);
  copySelections(pane, terminal);
  takeFingers(pane, terminal);
  const paste = acceptPastes(pane, terminal, (text) => events.onInput(new TextEncoder().encode(text)));

  const fit = () => {
    markOverflow(pane);
    const size = pane.hidden || !pane.isConnected ? undefined : fitting.proposeDimensions();
    if (size && size.cols > 1 && size.rows > 1) events.onFit(size.cols, size.rows);
  };
  const watching = watchSize(pane, fit);
  return Object.assign(progress, {
    pane,
    terminal,
    search,
    marks,
    paste,
    fit,
    show: (visible: boolean) => {
      pane.hidden = !visible;
      if (visible && !terminal.element) terminal.open(pane);
    },
    adoptSize: (cols: number, rows: number) => {
      if (cols !== terminal.cols || rows !== terminal.rows) terminal.resize(cols, rows);
      markOverflow(pane);
    },
    end: () => {
      terminal.options.disableStdin = true;
      terminal.write(HIDE_CURSOR);
    },
    dispose: () => {
      watching.disconnect();
      terminal.dispose();
      pane.remove();
    },
  });
}

function createTerminal(getTerminal: () => Terminal): Terminal {
  const terminal = new Terminal({
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    ...getFont(),
    ...getColours(),
    linkHandler: createHyperlinks(getTerminal),
    scrollback: 5_000,
    allowProposedApi: true, // for the widths
  });
  useWidths(terminal);
  return terminal;
}

/** Where its person wants that: what they select with the mouse. The search selects too, and again with each output. */
function copySelections(pane: HTMLElement, terminal: Terminal): void {
  let isPressed = false;
  pane.addEventListener('mousedown', () => {
    isPressed = true;
    // At the window: xterm tells of a selection when the document hears it, which is before.
    addEventListener('mouseup', () => (isPressed = false), { once: true });
  });
  terminal.onSelectionChange(() => {
    const text = terminal.getSelection();
    if (isPressed && text && readSettings().copyOnSelect) void writeClipboard(text);
  });
}

/** Writes bytes as they are (xterm decodes UTF-8 across pieces) and counts them as they are drawn. */
function trackProgress(
  terminal: Terminal,
  { onDrawn, onRedraw }: { onDrawn: (offset: number) => void; onRedraw: () => void },
) {
  let received: number | undefined;
  let drawn = 0;
  let told = 0;
  let liveFrom = 0;
  let snapshots = 0;
  let snapshotAt: number | undefined;
  const tell = (offset: number) => {
    drawn = offset;
    if (drawn - told < ACK_EVERY_BYTES) return;
    told = drawn;
    onDrawn(drawn);
  };
  return {
    get received() {
      return received;
    },
    isReplaying: () => snapshots > 0 || drawn < liveFrom,
    forget: () => {
      received = undefined;
    },
    resume: (offset: number, from: number) => {
      if (offset !== received) drawn = told = offset;
      received = offset;
      liveFrom = from;
      snapshotAt = undefined;
    },
    output: (bytes: Uint8Array) => {
      const end = (received ?? 0) + bytes.length;
      received = end;
      snapshotAt = undefined;
      terminal.write(bytes, () => tell(end));
    },
    snapshot: (offset: number, bytes: Uint8Array) => {
      if (snapshotAt !== offset) terminal.write(RESET, onRedraw);
      snapshotAt = received = offset;
      snapshots++;
      terminal.write(bytes, () => {
        snapshots--;
        told = Math.min(told, offset - ACK_EVERY_BYTES);
        tell(offset);
      });
    },
  };
}

function sendInput(terminal: Terminal, events: SessionEvents, isReplaying: () => boolean): void {
  const encoder = new TextEncoder();
  terminal.onData((text) => {
    if (isReplaying() && isReport(text)) return;
    events.onInput(encoder.encode(events.translate(text)));
  });
  terminal.onBinary((text) => events.onInput(Uint8Array.from(text, (sign) => sign.charCodeAt(0))));
  terminal.attachCustomKeyEventHandler((event) => !(event.type === 'keydown' && events.onKey(event)));
}

function markOverflow(pane: HTMLElement): void {
  const screen = pane.querySelector('.xterm-screen');
  if (!screen || pane.hidden) return;
  const { clientWidth, clientHeight, classList } = pane;
  classList.toggle('overflows', screen.clientWidth > clientWidth || screen.clientHeight > clientHeight);
}

function watchSize(pane: HTMLElement, fit: () => void): ResizeObserver {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(fit, FIT_DELAY_MS);
  });
  observer.observe(pane);
  return observer;
}
