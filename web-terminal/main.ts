// The page for one workspace: takes the code out of the address, waits for a person, puts the parts together.
import { askText, readClipboard, showNotice, showText, writeClipboard } from './dialogs.ts';
import { beep } from './bell.ts';
import { getElement, createElement } from './dom.ts';
import { Frame } from '../agent/protocol.ts';
import { encodeAck, encodeFrame } from './connection/frames.ts';
import { createFiles } from './files/transfers.ts';
import { acceptFiles, chooseFiles, quotePath } from './files/ways.ts';
import { showOffer } from './offer.ts';
import { openHelp } from './settings/help.ts';
import { takeFrame, takeMessage } from './incoming.ts';
import { createKeyBar, type KeyBar } from './touch/keys.ts';
import { createLog, openLog } from './log/log.ts';
import { createPersonSettings } from './settings/person.ts';
import { readSettings } from './settings/settings.ts';
import { isMac, readPageKey } from './settings/shortcuts.ts';
import { createTelling } from './settings/telling.ts';
import { createLive } from './connection/live.ts';
import {
  connect,
  createConnection,
  type ConnectionState,
  isOpen,
  sendBytes,
  sendInput,
  sendMessage,
} from './connection/socket.ts';
import { createPorts } from './ports/entries.ts';
import { createSearch } from './session/search.ts';
import { forgetCompany, markShare } from './sharing/company.ts';
import { createStatus } from './status.ts';
import { createTaskTab, TASK } from './tasks/tab.ts';
import { allowStrictStyles } from './theme.ts';
import { closeSession } from './tabs/closing.ts';
import { offerProfiles } from './tabs/profiles.ts';
import {
  addPanel,
  createTerminals,
  focusTerminal,
  forgetNumbers,
  lookOn,
  getShown,
  openSession,
  redrawText,
  resizeText,
  selectTab,
  show,
  typeAhead,
  type Terminals,
} from './tabs/terminals.ts';
import { createTicketDesk, takeCode, type WorkspaceSummary } from './connection/ticket.ts';
import type { Terminal } from '@xterm/xterm';

const code = takeCode();
const workspaceId = decodeURIComponent(location.pathname.split('/')[2] ?? '');
let workspace: WorkspaceSummary | undefined;

let where = document.title;
let program = '';
/** What happened while nobody looked at the page, in the browser's own tab. */
const SIGNS = { bell: '🔔', done: '✓', failed: '✗' };
let away: keyof typeof SIGNS | undefined;
document.addEventListener('visibilitychange', () => {
  away = undefined;
  entitle(program);
});

allowStrictStyles();
followViewport();

const connection = createConnection({
  ask: createTicketDesk(workspaceId, code),
  onWorkspace: (summary, grant) => {
    showWorkspace(summary);
    lookOn(terminals, grant.isLooking === true);
    markShare(grant);
  },
  onState: (state) => {
    if (state.kind !== 'open') {
      forgetNumbers(terminals);
      files.lose();
      forgetCompany();
    }
    status.take(state);
    if (state.kind === 'open') {
      shareSettings();
      tasks.start();
      telling.start();
    } else if (state.kind === 'refused') {
      tasks.stop();
      telling.stop();
    }
    if (state.kind === 'open') ports.start();
    else ports.stop();
    if (isAboutWorkspace(state)) live.start();
    else if (state.kind !== 'opening') live.stop();
  },
  onMessage: (message) => takeMessage(terminals, files, message),
  onFrame: (frame) => takeFrame(terminals, files, frame),
});
const log = createLog(workspaceId);
const telling = createTelling(workspaceId);
const ports = createPorts(workspaceId);
const live = createLive(workspaceId, {
  onWritten: log.take,
  lastLine: log.lastId,
  onState: (state) => {
    status.tell(state);
    if (state.isOpen && connection.state.kind !== 'opening') connect(connection);
  },
  onOver: () => connect(connection),
});
const status = createStatus({
  retry: () => connect(connection),
  getName: () => workspace?.name,
  press: live.press,
  log,
});
const keys: KeyBar = createKeyBar({
  type: (text) => getShown(terminals)?.terminal.input(text),
  isApplicationCursor: () => getShown(terminals)?.terminal.modes.applicationCursorKeysMode ?? false,
  paste: () => void paste(),
  find: () => search.open(),
  copy: () => void showText('Text of the terminal', readShown()).then(() => focusTerminal(terminals)),
});
const terminals: Terminals = createTerminals(
  workspaceId,
  {
    isOpen: () => isOpen(connection),
    send: (message) => sendMessage(connection, message),
    input: (n, bytes) => sendInput(connection, n, bytes),
    acknowledge: (n, offset) => sendBytes(connection, encodeAck(n, offset)),
  },
  {
    translate: keys.modify,
    onKey: takePageKey,
    onDeadKey: status.sayUnsent,
    onTitle: entitle,
    onAway: (what) => {
      away = what;
      entitle(program);
    },
    ring: beep,
    onClose: (id) => void closeSession(terminals, id),
    onDownload: (path) => files.download(path),
    mayDownload: () => files.isAllowed,
  },
);

const files = createFiles(
  {
    send: (message) => sendMessage(connection, message),
    sendPiece: (transfer, bytes) => sendBytes(connection, encodeFrame(Frame.UPLOAD, transfer, bytes)),
  },
  (paths) =>
    showOffer({
      text: paths.length === 1 ? 'It is there now:' : `All ${paths.length} are there now:`,
      detail: paths.join(' '),
      yes: 'Type the path',
      take: () => {
        getShown(terminals)?.paste(`${paths.map(quotePath).join(' ')} `);
        focusTerminal(terminals);
      },
    }),
);
const upload = (chosen: File[]) =>
  files.isAllowed ? files.upload(chosen) : showNotice('No files can be sent here.');
acceptFiles(upload);
const openFiles = () => {
  chooseFiles(upload);
  focusTerminal(terminals);
};

const tasks = createTaskTab(workspaceId, {
  onThere(wasShown) {
    addPanel(terminals, tasks, 'Task');
    if (wasShown) show(terminals, TASK);
  },
  onNews: (what) => terminals.bar.mark(TASK, what, true),
});

const shareSettings = createPersonSettings(() => redrawText(terminals));

const search = createSearch({
  getAddon: () => getShown(terminals)?.search,
  onClose: () => focusTerminal(terminals),
});

getElement('new').addEventListener('click', () => openSession(terminals));
offerProfiles({
  more: () => (files.isAllowed ? [{ label: 'Upload files…', choose: () => openFiles() }] : []),
  list: () => terminals.profiles,
  open: ({ profile, name }) => openSession(terminals, { profile, ...(name !== undefined && { name }) }),
  onLeave: () => focusTerminal(terminals),
});
getElement('help').addEventListener('click', () =>
  openHelp(terminals, {
    find: search.open,
    log: connection.isGuest ? undefined : () => void openLog(workspaceId),
    telling: telling.createSwitches(),
  }),
);
getElement('panes').addEventListener('click', (event) => {
  if ((event.target as Element).closest('#search, .task-pane')) return;
  if (getSelection()?.isCollapsed !== false) focusTerminal(terminals);
});
document.addEventListener('keydown', (event) => {
  const isElsewhere = event.target instanceof Element && !event.target.closest('.xterm, dialog, #screen');
  if (!isElsewhere || getElement('app').inert || takePageKey(event)) return;
  if (event.target === document.body) typeAhead(terminals, event);
});
whenSeen(() => connect(connection));

/** Runs `start` once a person can see the page: what fetches links ahead of people runs scripts too, and must spend nothing. */
function whenSeen(start: () => void): void {
  status.take({ kind: 'opening' });
  if (document.visibilityState === 'visible') return start();
  document.addEventListener('visibilitychange', () => whenSeen(start), { once: true });
}

/** Whether there is no terminal because of how the workspace stands. */
function isAboutWorkspace(state: ConnectionState): boolean {
  if (state.kind === 'waiting') return state.isTold === true;
  return state.kind === 'refused' && ['not-running', 'stopped', 'not-here'].includes(state.refusal.reason);
}

function showWorkspace(summary: WorkspaceSummary): void {
  if (!workspace) installShell();
  workspace = summary;
  const label = labelOf(summary.repository);
  where = `${summary.name} · ${label}`;
  entitle('');
  getElement('workspace').textContent = summary.name;
  getElement('repository').textContent = label + (summary.ref ? ` @ ${summary.ref}` : '');
}

/** Of the browser's tab: what runs, where, and what happened while nobody looked. */
function entitle(title: string): void {
  program = title;
  document.title = [away ? SIGNS[away] : '', title, where].filter(Boolean).join(' · ');
}

/** True when the key was the page's. */
function takePageKey(event: KeyboardEvent): boolean {
  const key = readPageKey(event, { mac: isMac(), on: readSettings().shortcuts });
  if (!key) return false;
  if (key.do === 'paste') return true; // the browser pastes by itself, into the terminal's own field
  // A program that has the screen to itself, or a shell that says nothing of prompts, keeps these.
  if (key.do === 'jump' && !getShown(terminals)?.marks.jump(key.way)) return false;
  event.preventDefault();
  if (key.do === 'size') resizeText(terminals, key.by);
  if (key.do === 'select') selectTab(terminals, key.index);
  if (key.do === 'new') openSession(terminals);
  if (key.do === 'tabs') terminals.bar.focus();
  if (key.do === 'find') search.open();
  const selected = key.do === 'copy' ? getShown(terminals)?.terminal.getSelection() : '';
  if (selected) void writeClipboard(selected);
  return true;
}

/** What is selected, or else the last of what was printed. */
function readShown(): string {
  const terminal = getShown(terminals)?.terminal;
  return terminal ? terminal.getSelection() || readText(terminal) : '';
}

async function paste(): Promise<void> {
  // Where the browser keeps the clipboard to itself it still pastes into a field that is held.
  const text = (await readClipboard()) ?? (await askText('Paste it here', 'Send'));
  if (text) getShown(terminals)?.paste(text);
  else focusTerminal(terminals);
}

/** `acme/api`, `git.example.com/acme/api`, or the folder's name: nobody needs the path of it up there. */
function labelOf(repository: string): string {
  if (repository.startsWith('/')) return repository.split('/').findLast(Boolean) ?? repository;
  return repository.replace(/^https?:\/\/(github\.com\/)?/, '');
}

const MAX_ROWS = 500;

/** The last rows, each line in one piece however it is wrapped; without what is empty at the end. */
function readText({ buffer: { active } }: Pick<Terminal, 'buffer'>): string {
  const first = Math.max(0, active.length - MAX_ROWS);
  const rows = Array.from({ length: active.length - first }, (_, at) => active.getLine(first + at));
  return rows
    .map((row, at) => {
      const next = rows[at + 1]?.isWrapped === true;
      return `${row?.translateToString(!next) ?? ''}${next ? '' : '\n'}`;
    })
    .join('')
    .trimEnd();
}

const KEYBOARD_PX = 120;

/** Keeps `--height` and `--top` of the page, and the class `keyboard`, right from now on. */
function followViewport(): void {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const update = () => {
    if (viewport.scale > 1.05) return; // somebody zoomed in to read: nothing should move under them
    const { style, classList } = document.documentElement;
    style.setProperty('--height', `${viewport.height}px`);
    style.setProperty('--top', `${viewport.offsetTop}px`);
    classList.toggle('keyboard', innerHeight - viewport.height >= KEYBOARD_PX);
  };
  viewport.addEventListener('resize', update);
  viewport.addEventListener('scroll', update);
  addEventListener('orientationchange', update);
  update();
}

const WORKER = '/assets/service-worker.js';

interface TrustedTypes {
  createPolicy: (
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ) => {
    createScriptURL: (url: string) => string;
  };
}

/**
 * Called once somebody was let in. The manifest has no start_url, so the installed app opens this workspace; it is linked
 * here and not in the HTML, so that no browser reads it while the one-time code is still in the address.
 */
function installShell(): void {
  document.head.append(
    createElement('link', { attributes: { rel: 'manifest', href: '/assets/manifest.webmanifest' } }),
  );
  navigator.serviceWorker?.register(trustWorker(), { scope: '/w/' }).catch(() => undefined);
}

// The policy of the page demands that addresses of scripts are made in one named place: this one, of one constant.
function trustWorker(): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  return (
    types?.createPolicy('sam-shell', { createScriptURL: () => WORKER }).createScriptURL(WORKER) ?? WORKER
  );
}
