// How the connection is, for eyes and ears: the dot in the bar, the strip below it, the screens. Decides nothing.
import { createButton, createElement, getElement } from './dom.ts';
import type { LiveState } from './connection/live.ts';
import type { Log } from './log/log.ts';
import { describeRefusal, hideScreen, showLive, showOpening, showScreen } from './screens.ts';
import type { ConnectionState } from './connection/socket.ts';
import { isPassing } from './connection/ticket.ts';

export interface StatusOptions {
  /** Tries again now. */
  retry: () => void;
  /** What people call the workspace, once known. */
  getName: () => string | undefined;
  /** Says a verb of the workspace's; resolves with what went wrong. */
  press: (verb: string, turn: number | undefined) => Promise<string | undefined>;
  /** What its making wrote. */
  log: Log;
}

export interface Status {
  take: (state: ConnectionState) => void;
  /** How the workspace stands: as long as there is no terminal, that goes before all the page could guess. */
  tell: (state: LiveState) => void;
  /** Somebody typed while nobody listens: the strip says that nothing was sent. */
  sayUnsent: () => void;
}

const words = {
  opening: 'Connecting',
  open: 'Connected',
  waiting: 'Reconnecting',
  refused: 'Not connected',
} as const;

export function createStatus({ retry, getName, press, log }: StatusOptions): Status {
  let wasOpen = false;
  let now: ConnectionState = { kind: 'opening' };
  let told: LiveState | undefined;
  let counting: ReturnType<typeof setInterval> | undefined;
  const draw = (state: ConnectionState) => {
    if (state.kind === 'open') {
      hideScreen();
      hideStrip();
    } else if (told && !told.isOpen && !(wasOpen && told.look === 'silent')) {
      hideStrip();
      showLive(told, press, log);
    } else if (state.kind === 'refused') {
      hideStrip();
      showScreen(describeRefusal(state.refusal, getName()), retry);
    } else if (wasOpen) {
      hideScreen();
      showStrip(describeWait(state, wasOpen), retry);
    } else showOpening(describeWait(state, wasOpen), state.kind === 'waiting' ? retry : undefined);
  };
  const take = (state: ConnectionState) => {
    clearInterval(counting);
    now = state;
    wasOpen ||= state.kind === 'open';
    if (state.kind === 'open' || (state.kind === 'refused' && !isPassing(state.refusal))) told = undefined;
    showDot(state.kind);
    draw(state);
    if (state.kind === 'waiting') counting = setInterval(() => draw(state), 1_000);
  };
  const tell = (state: LiveState) => {
    told = state;
    if (now.kind !== 'open' && !told.isOpen) draw(now);
  };
  return { take, tell, sayUnsent: flashStrip };
}

function showDot(kind: ConnectionState['kind']): void {
  const dot = getElement('state');
  dot.dataset['state'] = kind;
  if (dot.textContent !== words[kind]) dot.textContent = words[kind];
}

function describeWait(state: ConnectionState, wasOpen: boolean): string {
  if (state.kind !== 'waiting') return 'Connecting…';
  const seconds = Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1_000));
  return `${state.message ?? describeSilence(state.whose, wasOpen)} Trying again in ${seconds} s.`;
}

function describeSilence(whose: 'bot' | 'node', wasOpen: boolean): string {
  if (!navigator.onLine) return 'This device is offline.';
  if (wasOpen) return 'Connection lost; what runs in the terminal goes on.';
  return whose === 'bot' ? 'Sam does not answer.' : 'The machine does not answer.';
}

// The strip is no live region: a countdown read aloud every second helps nobody. The dot's word is one.
function showStrip(line: string, retry: () => void): void {
  const strip = getElement('strip');
  const shown = strip.querySelector('span');
  if (shown) shown.textContent = line;
  else strip.append(createElement('span', { text: line }), createButton('Now', retry));
  strip.hidden = false;
}

function hideStrip(): void {
  getElement('strip').hidden = true;
  getElement('strip').replaceChildren();
  getElement('unsent').textContent = '';
}

function flashStrip(): void {
  const unsent = getElement('unsent');
  unsent.textContent = 'Not connected: what you type is not sent.';
  unsent.classList.remove('flash');
  requestAnimationFrame(() => unsent.classList.add('flash'));
}
