// One attached viewer: what it says, and what follows. Knows the protocol; must not know tickets or how it got here.
import type { WebSocket } from 'ws';
import { isReport, type SessionInfo, type TerminalMessage, type ViewerMessage } from '../protocol.ts';
import {
  acknowledge,
  attachViewer,
  detachViewer,
  giveTurn,
  resizeViewer,
  startAttachment,
} from '../sessions/attachment.ts';
import type { Attachment, Line, Session } from '../sessions/model.ts';
import type { ExitStatus, SpawnSpec } from '../sessions/pty.ts';
import { describeSession, typeInto } from '../sessions/session.ts';
import {
  closeSession,
  forgetLeft,
  openWorkspaceSession,
  renameSession,
  RequestError,
  tellAll,
  type SessionsViewer,
  type WorkspaceSessions,
} from '../sessions/workspace-sessions.ts';
import { createTransfers, type Transfers } from '../files/transfers.ts';
import { createLine, parseFrame, sendAs, sendDownload, type Received } from './frames.ts';
import { parseJson, parseMessage, refOf } from './messages.ts';

export interface ViewerOptions {
  /** The access that its ticket was made for. */
  access: number;
  /** It may type, not only look. */
  canWrite: boolean;
  /** What `shell` takes, where the node says it. */
  profiles: readonly string[] | undefined;
  /** By which share somebody else than the owner is let in. */
  share?: number | undefined;
  shell: (profile?: string) => SpawnSpec;
  /** As `TerminalWorkspace` has it. */
  pipe: ((script: string, words: string[]) => SpawnSpec) | undefined;
  onInput: () => void;
}

export interface Viewer extends SessionsViewer, Readonly<ViewerOptions> {
  readonly socket: WebSocket;
  readonly workspace: WorkspaceSessions;
  readonly line: Line;
  readonly attachments: Map<number, Attachment>;
  /** Absent: no files go up or down for it. */
  readonly transfers: Transfers | undefined;
  nextN: number;
  isToldReadOnly: boolean;
}

/** Without an attachment: the session has no such offset. */
type Watched = { n: number; attachment: Attachment | undefined };
type Ref = { ref?: number | string };
type Answer = TerminalMessage & Ref;
type Wanted<T extends ViewerMessage['type']> = Extract<ViewerMessage, { type: T }>;

const MAX_N = 0xffff;
// Far more than all windows of a viewer that reads: it asks and does not listen.
const HOPELESS_BYTES = 32 << 20;

/** Says `attached`; from now on `handleReceived` takes what the socket gets. */
export function createViewer(
  socket: WebSocket,
  workspace: WorkspaceSessions,
  options: ViewerOptions,
): Viewer {
  const attachments = new Map<number, Attachment>();
  const line = createLine(socket);
  const viewer: Viewer = {
    ...options,
    socket,
    workspace,
    line,
    attachments,
    transfers: openTransfers(socket, line, options),
    nextN: 1,
    isToldReadOnly: false,
    tell: (message) => sendMessage(socket, message),
    isAttachedTo: (session) => findAttachment(viewer, session) !== undefined,
  };
  workspace.viewers.add(viewer);
  if (workspace.sessions.size > 0) workspace.options.snapshots.warm(); // a page that comes back wants one next
  const { profiles } = options;
  viewer.tell({
    type: 'attached',
    sessions: listSessions(workspace),
    ...(profiles && { profiles: [...profiles] }),
    ...(viewer.transfers && { takesFiles: true }),
  });
  return viewer;
}

/** Whoever may only look gets no files and sends none. */
function openTransfers(
  socket: WebSocket,
  line: Line,
  { pipe, canWrite }: ViewerOptions,
): Transfers | undefined {
  if (!pipe || !canWrite) return undefined;
  return createTransfers({
    pipe,
    tell: (message) => sendMessage(socket, message),
    send(transfer, bytes) {
      // It says that it has what it never read.
      if (isHopeless(socket)) socket.terminate();
      else sendDownload(socket, transfer, bytes, () => giveTurn(line));
    },
  });
}

/** What was left by a restart of the machine comes last. */
const listSessions = ({ sessions, left }: WorkspaceSessions): SessionInfo[] =>
  [...sessions.values(), ...left.values()].map(describeSession);

function findAttachment({ attachments }: Viewer, session: Session): Attachment | undefined {
  return [...attachments.values()].find((one) => one.session === session);
}

const isHopeless = ({ bufferedAmount }: WebSocket): boolean => bufferedAmount > HOPELESS_BYTES;

function sendMessage(socket: WebSocket, message: Answer): void {
  if (isHopeless(socket)) socket.terminate();
  else socket.send(JSON.stringify(message), () => {});
}

/** The socket is gone or going: its sessions live on without it. */
export function removeViewer(viewer: Viewer): void {
  viewer.workspace.viewers.delete(viewer);
  for (const attachment of viewer.attachments.values()) detachViewer(attachment);
  viewer.attachments.clear();
  viewer.transfers?.cancelAll();
}

/** Takes what came in one piece. Whatever is wrong with it becomes an answer, never a throw. */
export function handleReceived(viewer: Viewer, { data, isBinary }: Received): void {
  if (isBinary) return answerErrors(viewer, {}, () => handleFrame(viewer, data));
  let said: unknown;
  answerErrors(viewer, {}, () => (said = parseJson(data.toString())));
  if (said === undefined) return;
  answerErrors(viewer, refOf(said), () => handleMessage(viewer, parseMessage(said)));
}

function answerErrors(viewer: Viewer, ref: Ref, act: () => void): void {
  try {
    act();
  } catch (error) {
    viewer.tell({ type: 'error', ...describeError(viewer, error), ...ref });
  }
}

function describeError({ workspace }: Viewer, error: unknown): { code: string; message: string } {
  if (error instanceof RequestError) return { code: error.code, message: error.message };
  workspace.options.log('terminal: a request failed', { workspace: workspace.id, error });
  return { code: 'internal', message: 'Something broke on the node.' };
}

function handleFrame(viewer: Viewer, data: Buffer): void {
  const frame = parseFrame(data);
  if (frame.type === 'upload') return viewer.transfers?.take(frame.n, frame.bytes);
  const attachment = viewer.attachments.get(frame.n);
  if (!attachment) return missAttachment(viewer, frame.n);
  if (frame.type === 'input') takeInput(viewer, attachment, frame.bytes);
  else takeAck(attachment, frame.total);
}

// What was sent before the viewer heard that the session ended is no mistake.
function missAttachment(viewer: Viewer, n: number): void {
  if (n === 0 || n >= viewer.nextN) {
    throw new RequestError('unknown-session', 'The socket has no session of that number.');
  }
}

function takeInput(viewer: Viewer, attachment: Attachment, bytes: Buffer): void {
  if (!viewer.canWrite) return tellReadOnly(viewer);
  if (bytes.length === 0) return;
  if (!typeInto(attachment, bytes)) {
    throw new RequestError('input-full', 'The program does not read; what you typed last was dropped.');
  }
  // What a terminal answers by itself keeps no workspace alive.
  if (!isShortReport(bytes)) viewer.onInput();
}

/** Answers are short: a paste need not be searched for them. */
const isShortReport = (bytes: Buffer): boolean =>
  bytes[0] === 0x1b && bytes.length <= 256 && isReport(bytes.toString('latin1'));

function tellReadOnly(viewer: Viewer): void {
  if (viewer.isToldReadOnly) return;
  viewer.isToldReadOnly = true;
  throw new RequestError('look-only', 'You may look here, not type.');
}

function takeAck(attachment: Attachment, total: number): void {
  if (!Number.isSafeInteger(total) || total < 0)
    throw new RequestError('bad-frame', 'The ACK has no offset.');
  acknowledge(attachment, total);
}

function handleMessage(viewer: Viewer, message: ViewerMessage): void {
  if (message.type !== 'resume' && !viewer.canWrite) {
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
    case 'upload':
    case 'download':
    case 'taken':
    case 'cancel':
      return handleFile(viewer, message);
    default:
      message satisfies never;
  }
}

function handleFile(
  { transfers, onInput }: Viewer,
  message: Wanted<'upload' | 'download' | 'taken' | 'cancel'>,
): void {
  if (!transfers) throw new RequestError('no-files', 'This node takes no files.');
  const { transfer } = message;
  switch (message.type) {
    case 'upload':
      onInput();
      return transfers.upload(transfer, message.name, message.size);
    case 'download':
      onInput();
      return transfers.download(transfer, message.path);
    case 'taken':
      return transfers.acknowledge(transfer, message.bytes);
    case 'cancel':
      return transfers.cancel(transfer);
    default:
      message satisfies never;
  }
}

function open(viewer: Viewer, { name, profile, cols, rows, ref }: Wanted<'open'>): void {
  const { workspace } = viewer;
  const session = openWorkspaceSession(workspace, { name, spec: findShell(viewer, profile), cols, rows });
  const { n, attachment } = watch(viewer, session, 0);
  if (!attachment) throw new Error('terminal: a new session has no beginning');
  viewer.tell({ type: 'opened', id: session.id, n, ...refFrom(ref) });
  startAttachment(attachment);
  resizeViewer(attachment, { cols, rows });
  tellAll(workspace, { type: 'session', session: describeSession(session) });
}

function findShell({ shell }: Viewer, profile: string | undefined): SpawnSpec {
  try {
    return shell(profile);
  } catch (error) {
    const { name, code, message } = error as { name: string; code: string; message: string };
    // What else goes wrong is in the log: nobody in a terminal can do anything about it.
    if (name !== 'ProfileError') throw error;
    throw new RequestError(code, message);
  }
}

function resume(viewer: Viewer, { id, offset, ref }: Wanted<'resume'>): void {
  const { sessions, left } = viewer.workspace;
  const session = sessions.get(id) ?? left.get(id);
  if (session) leave(viewer, session);
  const { n, attachment } = session ? watch(viewer, session, offset) : {};
  if (n === undefined || !attachment) return viewer.tell({ type: 'gone', id, ...refFrom(ref) });
  viewer.tell({ type: 'resumed', id, n, offset: attachment.sent, ...refFrom(ref) });
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

function watch(viewer: Viewer, session: Session, offset: number | undefined): Watched {
  const { socket, line, canWrite, attachments } = viewer;
  const n = takeNumber(viewer);
  const onExit = (status: ExitStatus) => {
    attachments.delete(n);
    viewer.tell({ type: 'exit', id: session.id, ...status });
  };
  const attachment = attachViewer(session, { ...sendAs(n, socket), line, canWrite, onExit }, offset);
  if (attachment) attachments.set(n, attachment);
  return { n, attachment };
}

// Numbers are not used again soon: late input must not reach another session.
function takeNumber(viewer: Viewer): number {
  const n = viewer.nextN;
  if (n > MAX_N) throw new RequestError('too-many-sessions', 'The socket is used up; connect again.');
  viewer.nextN++;
  return n;
}

function close(viewer: Viewer, { id, ref }: Wanted<'close'>): void {
  if (viewer.workspace.left.has(id)) forgetLeft(viewer.workspace, id);
  const session = viewer.workspace.sessions.get(id);
  if (!session) return viewer.tell({ type: 'gone', id, ...refFrom(ref) });
  closeSession(viewer.workspace, session);
  viewer.tell({ type: 'session', session: describeSession(session), ...refFrom(ref) });
}

function rename(viewer: Viewer, { id, name, ref }: Wanted<'rename'>): void {
  const session = viewer.workspace.sessions.get(id);
  if (!session) return viewer.tell({ type: 'gone', id, ...refFrom(ref) });
  renameSession(viewer.workspace, session, name);
  const described = describeSession(session);
  viewer.tell({ type: 'session', session: described, ...refFrom(ref) });
  tellAll(viewer.workspace, { type: 'session', session: described }, viewer);
}

function resize(viewer: Viewer, { id, cols, rows, ref }: Wanted<'resize'>): void {
  const session = viewer.workspace.sessions.get(id);
  if (!session) return viewer.tell({ type: 'gone', id, ...refFrom(ref) });
  const attachment = findAttachment(viewer, session);
  if (!attachment) throw new RequestError('not-looking', 'Resume the session before you resize it.');
  resizeViewer(attachment, { cols, rows });
  viewer.tell({ type: 'session', session: describeSession(session), ...refFrom(ref) });
}

function refFrom(ref: number | string | undefined): Ref {
  return ref === undefined ? {} : { ref };
}
