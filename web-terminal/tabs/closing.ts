// How a terminal ends: closed by somebody here, or by itself; and how another one begins in its tab. Must not know tickets or sockets.
import { askPerson, showNotice } from '../dialogs.ts';
import { createButton, createElement } from '../dom.ts';
import { takeAhead } from './ahead.ts';
import { focusTerminal, openSession, show, type Session, type Terminals } from './terminals.ts';

/** Asks first, unless nothing can be lost: a shell that waits says so, any other may run something. */
export async function closeSession(terminals: Terminals, id: string): Promise<void> {
  const session = terminals.sessions.get(id);
  if (!session) return;
  if (session.ended !== undefined) return removeSession(terminals, id);
  if (terminals.isLooking) return;
  if (session.view?.marks.state !== 'idle' && !(await confirmClose(session))) return focusTerminal(terminals);
  session.closing = terminals.outlet.send({ type: 'close', id });
  if (!session.closing) terminals.hooks.onDeadKey();
}

function confirmClose({ info, title, view }: Session): Promise<boolean> {
  const running = title && view?.marks.state === 'running' ? ` (${title})` : '';
  return askPerson({
    title: `Close “${info.name}”?`,
    text: `What runs in it${running} ends, for everyone who looks at it.`,
    yes: 'Close',
  });
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
  if (takeAhead(session).length > 0) showNotice('It ended before what you typed was sent.');
  terminals.bar.mark(id, 'ended', true);
  if (session.closing || !session.view) return removeSession(terminals, id);
  session.view.end();
  session.view.pane.append(
    createElement(
      'div',
      { class: 'over', attributes: { role: 'status' } },
      createElement('span', { text: how }),
      ...(terminals.isLooking
        ? []
        : [createButton('Start it again', () => restart(terminals, session), { class: 'primary' })]),
      createButton('Close', () => removeSession(terminals, id)),
    ),
  );
}

/** The same kind, by the same name, in the same place. */
function restart(terminals: Terminals, { info, profile }: Session): void {
  const known = terminals.profiles.find((one) =>
    profile ? one.profile === profile : one.name === info.name,
  );
  openSession(terminals, { name: info.name, instead: info.id, ...(known && { profile: known.profile }) });
}
