// What the node says of the workspace's sessions becomes tabs and screens. Knows the protocol; must not know people's keys.
import type { SessionInfo, TerminalMessage } from '../agent/protocol.ts';
import { showNotice } from './dialogs.ts';
import { getElement } from './dom.ts';
import { showCompany } from './sharing/company.ts';
import type { NodeFrame } from './connection/frames.ts';
import type { Files } from './files/transfers.ts';
import {
  addSession,
  arrangeAsKept,
  findShown,
  focusTerminal,
  giveView,
  isPanelShown,
  measureFit,
  openSession,
  replaceSession,
  resume,
  show,
  type Terminals,
} from './tabs/terminals.ts';
import { noteFull, noteTaken, sendAhead, TAKEN_ID } from './tabs/input.ts';
import { end } from './tabs/closing.ts';
import { describeProfiles } from './tabs/profiles.ts';

export function takeMessage(terminals: Terminals, files: Files, message: TerminalMessage): void {
  switch (message.type) {
    case 'attached':
      files.isAllowed = message.takesFiles === true && !terminals.isLooking;
      terminals.profiles = describeProfiles(message.profiles);
      return takeAttached(terminals, message.sessions);
    case 'opened':
      return takeOpened(terminals, message.id, message.n);
    case 'resumed':
      return takeResumed(terminals, message.id, message.n, message.offset);
    case 'gone':
      if (message.id === TAKEN_ID) return noteTaken(terminals);
      return takeGone(terminals, message.id);
    case 'session':
      return takeSession(terminals, message.session);
    case 'exit':
      return end(terminals, message.id, describeExit(message));
    case 'presence':
      return showCompany(message);
    case 'error':
      if (message.code === 'input-full' && noteFull(terminals)) return;
      terminals.opening = undefined;
      return showNotice(message.message);
    case 'file':
      return files.take(message);
    default: // a newer node may say more
      return message satisfies never;
  }
}

export function takeFrame(terminals: Terminals, files: Files, frame: NodeFrame): void {
  if (frame.type === 'download') return files.takePiece(frame.n, frame.bytes);
  for (const [id, session] of terminals.sessions) {
    if (session.n !== frame.n || !session.view) continue;
    if (frame.type === 'output') session.view.output(frame.bytes);
    else session.view.snapshot(frame.offset, frame.bytes);
    if (id !== terminals.shown && frame.type === 'output') terminals.bar.mark(id, 'news', true);
  }
}

function takeAttached(terminals: Terminals, infos: SessionInfo[]): void {
  const known = new Set(infos.map(({ id }) => id));
  for (const id of terminals.sessions.keys())
    if (!known.has(id)) end(terminals, id, 'It ended while you were away.');
  for (const info of infos) takeSession(terminals, info);
  arrangeAsKept(terminals);
  const shown = findShown(terminals);
  const living = new Set(infos.filter(({ isOver }) => isOver !== true).map(({ id }) => id));
  const first = [...terminals.sessions.keys()].find((id) => living.has(id));
  const isElsewhere = isPanelShown(terminals);
  getElement('empty').hidden = first !== undefined || !terminals.isLooking;
  if (first === undefined) return isElsewhere ? undefined : openSession(terminals);
  if (isElsewhere) return;
  if (!shown || shown.ended !== undefined) show(terminals, first);
  else resume(terminals, shown);
  for (const session of terminals.sessions.values()) if (session.view) resume(terminals, session);
  if (document.activeElement === document.body) focusTerminal(terminals);
}

function takeSession(terminals: Terminals, info: SessionInfo): void {
  const session = terminals.sessions.get(info.id);
  getElement('empty').hidden = true;
  if (!session) return addSession(terminals, info);
  session.info = info;
  terminals.bar.rename(info.id, info.name);
  if (session.n !== undefined) session.view?.adoptSize(info.cols, info.rows);
}

function takeOpened(terminals: Terminals, id: string, n: number): void {
  const { size, shown, profile, instead, ahead } = terminals.opening ?? {
    size: measureFit(),
    shown: terminals.shown,
  };
  terminals.opening = undefined;
  // Its name comes with the `session` that follows.
  if (!terminals.sessions.has(id)) addSession(terminals, { id, name: '…', ...size, first: 0, end: 0 });
  const session = terminals.sessions.get(id);
  if (!session) return;
  session.asked = true;
  session.n = n;
  session.profile = profile ?? 'shell';
  const view = giveView(terminals, session);
  // What somebody chose while it opened stays chosen.
  const isWanted = terminals.shown === shown;
  if (isWanted) show(terminals, id);
  if (instead !== undefined) replaceSession(terminals, instead, id);
  view.adoptSize(session.info.cols, session.info.rows);
  view.resume(0, 0);
  view.fit();
  if (ahead) session.ahead = ahead;
  sendAhead(terminals, session);
  if (isWanted) focusTerminal(terminals);
}

function takeResumed(terminals: Terminals, id: string, n: number, offset: number): void {
  const session = terminals.sessions.get(id);
  if (!session?.view) return;
  session.n = n;
  session.view.adoptSize(session.info.cols, session.info.rows);
  session.view.resume(offset, session.info.end);
  if (id === terminals.shown) session.view.fit();
  sendAhead(terminals, session);
}

// The session, or only the offset we asked for: then the node still lists it, and its screen comes whole.
function takeGone(terminals: Terminals, id: string): void {
  const session = terminals.sessions.get(id);
  if (!session || session.ended !== undefined) return;
  if (session.view?.received === undefined) return end(terminals, id, 'It is gone.');
  session.view.forget();
  session.asked = false;
  resume(terminals, session);
}

function describeExit({ code, signal, isLost }: TerminalMessage & { type: 'exit' }): string {
  if (isLost)
    return 'Lost: its machine was restarted, or what held this terminal broke. Open another one; files are as they were.';
  return signal ? `Ended by signal ${signal}.` : `Exited with code ${code}.`;
}
