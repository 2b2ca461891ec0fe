// One attached viewer: what it says, and what follows. Knows the protocol; must not know tickets or how it got here.
import type { WebSocket } from 'ws';
import { Frame, FRAME_HEAD_BYTES, OFFSET_BYTES, isReport } from '../protocol.ts';
import type { TerminalMessage, ViewerMessage } from '../protocol.ts';
import { acknowledge, attachViewer, detachViewer, startAttachment } from '../sessions/attachment.ts';
import type { Attachment, Outlet } from '../sessions/attachment.ts';
import { parseJson, parseMessage, refOf, RequestError } from './messages.ts';
import {
  closeSession,
  openInPlace,
  tellAll,
  type Onlooker,
  type Place,
} from '../sessions/workspace-sessions.ts';
import type { SpawnSpec } from './terminals.ts';
import { describeSession, typeInto, type Session } from '../sessions/session.ts';
import { resizeViewer } from '../sessions/size.ts';

export interface Viewer extends Onlooker {
  readonly socket: WebSocket;
  readonly place: Place;
  /** The access that its ticket was made for. */
  readonly access: number;
  /** It may type, not only look. */
  readonly drive: boolean;
  readonly options: ViewerOptions;
  readonly outlet: Outlet;
  readonly attachments: Map<number, Attachment>;
  nextN: number;
  isToldToLook: boolean;
}

export interface ViewerOptions {
  shell: (profile?: string) => SpawnSpec;
  onInput: () => void;
}

type Ref = { ref?: number | string };
type Answer = TerminalMessage & Ref;
type Wanted<T extends ViewerMessage['type']> = Extract<ViewerMessage, { type: T }>;

const MAX_N = 0xffff;
// Far more than all windows of a viewer that reads: it asks and does not listen.
const HOPELESS_BYTES = 32 << 20;

/** Says `attached`; from now on `hearViewer` takes what the socket gets. */
export function createViewer(
  socket: WebSocket,
  place: Place,
  claims: { access: number; drive: boolean },
  options: ViewerOptions,
): Viewer {
  const attachments = new Map<number, Attachment>();
  const viewer: Viewer = {
    socket,
    place,
    access: claims.access,
    drive: claims.drive,
    options,
    attachments,
    outlet: createOutlet(socket),
    nextN: 1,
    isToldToLook: false,
    tell: (message) => sendMessage(socket, message),
    looksAt: (session) => [...attachments.values()].some((attachment) => attachment.session === session),
  };
  place.onlookers.add(viewer);
  if (place.sessions.size > 0) place.options.snapshots.warm(); // a page that comes back wants one next
  viewer.tell({ type: 'attached', sessions: [...place.sessions.values()].map(describeSession) });
  return viewer;
}

function createOutlet(socket: WebSocket): Outlet {
  return {
    send: (frame, done) => socket.send(frame, { binary: true }, () => done?.()),
    backlog: () => socket.bufferedAmount,
    waiting: new Set(),
  };
}

function sendMessage(socket: WebSocket, message: Answer): void {
  if (socket.bufferedAmount > HOPELESS_BYTES) socket.terminate();
  else socket.send(JSON.stringify(message), () => {});
}

/** The socket is gone or going: its sessions live on without it. */
export function removeViewer(viewer: Viewer): void {
  viewer.place.onlookers.delete(viewer);
  for (const attachment of viewer.attachments.values()) detachViewer(attachment);
  viewer.attachments.clear();
}

/** Takes one frame. Whatever is wrong with it becomes an answer, never a throw. */
export function hearViewer(viewer: Viewer, data: Buffer, isBinary: boolean): void {
  if (isBinary) return answerErrors(viewer, {}, () => hearFrame(viewer, data));
  let said: unknown;
  answerErrors(viewer, {}, () => (said = parseJson(data.toString())));
  if (said === undefined) return;
  answerErrors(viewer, refOf(said), () => hearMessage(viewer, parseMessage(said)));
}

function answerErrors(viewer: Viewer, ref: Ref, act: () => void): void {
  try {
    act();
  } catch (error) {
    viewer.tell({ type: 'error', ...describeError(viewer, error), ...ref });
  }
}

function describeError({ place }: Viewer, error: unknown): { code: string; message: string } {
  if (error instanceof RequestError) return { code: error.code, message: error.message };
  place.options.log('terminal: a request failed', { workspace: place.id, error });
  return { code: 'internal', message: 'Something broke on the node.' };
}

// ----------------------------------------------------------------------------------------------- bytes

function hearFrame(viewer: Viewer, frame: Buffer): void {
  if (frame.length < FRAME_HEAD_BYTES) throw new RequestError('bad-frame', 'The frame has no head.');
  const type = frame[0];
  const n = frame.readUInt16LE(1);
  const payload = frame.subarray(FRAME_HEAD_BYTES);
  if (type !== Frame.INPUT && type !== Frame.ACK) {
    throw new RequestError('bad-frame', 'The frame is of no known type.');
  }
  const attachment = viewer.attachments.get(n);
  if (!attachment) return missAttachment(viewer, n);
  if (type === Frame.INPUT) takeInput(viewer, attachment, payload);
  else takeAck(attachment, payload);
}

// What was sent before the viewer heard that the session ended is no mistake.
function missAttachment(viewer: Viewer, n: number): void {
  if (n === 0 || n >= viewer.nextN) {
    throw new RequestError('unknown-session', 'The socket has no session of that number.');
  }
}

function takeInput(viewer: Viewer, attachment: Attachment, bytes: Buffer): void {
  if (!viewer.drive) return tellToLook(viewer);
  if (bytes.length === 0) return;
  if (!typeInto(attachment, bytes)) {
    throw new RequestError('input-full', 'The program does not read; what you typed last was dropped.');
  }
  // What a terminal answers by itself keeps nobody's workspace alive.
  if (!isShortReport(bytes)) viewer.options.onInput();
}

/** Answers are short: a paste need not be searched for them. */
const isShortReport = (bytes: Buffer): boolean =>
  bytes[0] === 0x1b && bytes.length <= 256 && isReport(bytes.toString('latin1'));

function tellToLook(viewer: Viewer): void {
  if (viewer.isToldToLook) return;
  viewer.isToldToLook = true;
  throw new RequestError('look-only', 'You may look here, not type.');
}

function takeAck(attachment: Attachment, payload: Buffer): void {
  const total = payload.length === OFFSET_BYTES ? payload.readDoubleLE(0) : NaN;
  if (!Number.isSafeInteger(total) || total < 0)
    throw new RequestError('bad-frame', 'The ACK has no offset.');
  acknowledge(attachment, total);
}

// ----------------------------------------------------------------------------------------------- messages

function hearMessage(viewer: Viewer, message: ViewerMessage): void {
  if (message.type !== 'resume' && message.type !== 'resize' && !viewer.drive) {
    throw new RequestError('look-only', 'You may look here, not change anything.');
  }
  switch (message.type) {
    case 'attach':
      throw new RequestError('bad-message', 'type: the socket is attached already');
    case 'open':
      return open(viewer, message);
    case 'resume':
      return resume(viewer, message);
    case 'close':
      return close(viewer, message);
    case 'rename':
      return rename(viewer, message);
    case 'resize':
      return resize(viewer, message);
    default:
      message satisfies never;
  }
}

function open(viewer: Viewer, { name, profile, cols, rows, ref }: Wanted<'open'>): void {
  const { place } = viewer;
  const session = openInPlace(place, { name, spec: findShell(viewer, profile), cols, rows });
  const attachment = look(viewer, session, 0);
  if (!attachment) throw new Error('terminal: a new session has no beginning');
  viewer.tell({ type: 'opened', id: session.id, n: attachment.n, ...refFrom(ref) });
  startAttachment(attachment);
  resizeViewer(attachment, { cols, rows });
  tellAll(place, { type: 'session', session: describeSession(session) });
}

function findShell({ options }: Viewer, profile: string | undefined): SpawnSpec {
  try {
    return options.shell(profile);
  } catch (error) {
    const { name, code, message } = error as { name: string; code: string; message: string };
    // What else goes wrong is in the log: nobody in a terminal can do anything about it.
    if (name !== 'ProfileError') throw error;
    throw new RequestError(code, message);
  }
}

function resume(viewer: Viewer, { id, offset, ref }: Wanted<'resume'>): void {
  const session = viewer.place.sessions.get(id);
  if (session) leave(viewer, session);
  const attachment = session && look(viewer, session, offset);
  if (!attachment) return viewer.tell({ type: 'gone', id, ...refFrom(ref) });
  viewer.tell({ type: 'resumed', id, n: attachment.n, offset: attachment.sent, ...refFrom(ref) });
  startAttachment(attachment);
}

// A viewer looks at a session once; asking again begins again.
function leave(viewer: Viewer, session: Session): void {
  for (const [n, attachment] of viewer.attachments) {
    if (attachment.session !== session) continue;
    viewer.attachments.delete(n);
    detachViewer(attachment);
  }
}

function look(viewer: Viewer, session: Session, offset: number | undefined): Attachment | undefined {
  const { outlet, drive, attachments } = viewer;
  const n = takeNumber(viewer);
  const onExit = (status: { code: number; signal?: number }) => {
    attachments.delete(n);
    viewer.tell({ type: 'exit', id: session.id, ...status });
  };
  const attachment = attachViewer(session, { n, outlet, drive, onExit }, offset);
  if (attachment) attachments.set(n, attachment);
  return attachment;
}

// Numbers are not used again soon: late input must not reach another session.
function takeNumber(viewer: Viewer): number {
  const n = viewer.nextN;
  if (n > MAX_N) throw new RequestError('too-many-sessions', 'The socket is used up; connect again.');
  viewer.nextN++;
  return n;
}

function close(viewer: Viewer, { id, ref }: Wanted<'close'>): void {
  const session = viewer.place.sessions.get(id);
  if (!session) return viewer.tell({ type: 'gone', id, ...refFrom(ref) });
  closeSession(viewer.place, session);
  viewer.tell({ type: 'session', session: describeSession(session), ...refFrom(ref) });
}

function rename(viewer: Viewer, { id, name, ref }: Wanted<'rename'>): void {
  const session = viewer.place.sessions.get(id);
  if (!session) return viewer.tell({ type: 'gone', id, ...refFrom(ref) });
  session.name = name;
  const described = describeSession(session);
  viewer.tell({ type: 'session', session: described, ...refFrom(ref) });
  tellAll(viewer.place, { type: 'session', session: described }, viewer);
}

function resize(viewer: Viewer, { id, cols, rows, ref }: Wanted<'resize'>): void {
  const session = viewer.place.sessions.get(id);
  if (!session) return viewer.tell({ type: 'gone', id, ...refFrom(ref) });
  const attachment = [...viewer.attachments.values()].find((one) => one.session === session);
  if (!attachment) throw new RequestError('not-looking', 'Resume the session before you resize it.');
  resizeViewer(attachment, { cols, rows });
  viewer.tell({ type: 'session', session: describeSession(session), ...refFrom(ref) });
}

function refFrom(ref: number | string | undefined): Ref {
  return ref === undefined ? {} : { ref };
}
