// The connection to the node: ticket, socket, and back again when it breaks. Knows frames; must not know sessions or DOM.
import { Close, Frame, type TerminalMessage, type ViewerMessage } from '../../agent/protocol.ts';
import { decodeFrame, encodeFrame, type NodeFrame } from './frames.ts';
import { isPassing, type Answer, type Grant, type Refusal, type WorkspaceSummary } from './ticket.ts';

const ATTACH_MS = 10_000;
const WATCH_MS = 5_000;
/** Silence after which the node is asked whether it is there, and how long it may take: 40 s in all. */
const SILENCE_MS = 25_000;
const GRACE_MS = 15_000;
/** The same when somebody comes back to the page: they are waiting. */
const RETURN_SILENCE_MS = 3_000;
const RETURN_GRACE_MS = 5_000;
/** A connection that lived this long starts the delays from the beginning. */
const STABLE_MS = 5_000;
const MISSING_TRIES = 4;
/** Phases that pass by themselves, and the attempt whose delay (a few seconds) suits them. */
const ON_ITS_WAY = new Set(['queued', 'provisioning', 'preparing']);
const SOON = 2;
/** The attempt whose delay (8 to 16 s) is the longest between two looks at a workspace that does not run. */
const SELDOM = 4;
/** No session has this id: a node answers `gone`, which is all that is wanted of it. */
export const PROBE_ID = 'probe';

export type ConnectionState =
  | { kind: 'opening' }
  | { kind: 'open' }
  /** `retryAt`: ms since 1970. `isTold`: for the workspace; how it stands the bot tells. */
  | { kind: 'waiting'; retryAt: number; whose: 'bot' | 'node'; message?: string; isTold?: boolean }
  | { kind: 'refused'; refusal: Refusal };

export interface ConnectionOptions {
  /** Asks for a ticket; never throws. */
  ask: () => Promise<Answer>;
  onState: (state: ConnectionState) => void;
  onWorkspace: (workspace: WorkspaceSummary, grant: Grant) => void;
  onMessage: (message: TerminalMessage) => void;
  onFrame: (frame: NodeFrame) => void;
}

export interface Connection extends ConnectionOptions {
  state: ConnectionState;
  socket: WebSocket | undefined;
  /** Moves with each dial and each loss: what belongs to an older one is ignored. */
  turn: number;
  attempt: number;
  badTickets: number;
  missing: number;
  /** The node said that what ran has ended, or the bot that it is going: not found then means deleted. */
  isOver: boolean;
  /** It was let in by what somebody shares: not found then means that this is over. */
  isGuest: boolean;
  trigger: string | undefined;
  heardAt: number;
  deadAt: number | undefined;
  timers: { retry?: Timer; attach?: Timer; stable?: Timer; grace?: Timer };
}

type Timer = ReturnType<typeof setTimeout>;

/** ms before try number `attempt` (0 is the first): 0.5 s doubling to 30 s, of which the upper half is chance. */
export function computeDelay(attempt: number, random: number): number {
  const most = Math.min(30_000, 1_000 * 2 ** Math.min(attempt, 10));
  return most / 2 + (most / 2) * random;
}

/** Does nothing until `connect`. */
export function createConnection(options: ConnectionOptions): Connection {
  const connection: Connection = {
    ...options,
    state: { kind: 'opening' },
    socket: undefined,
    turn: 0,
    attempt: 0,
    badTickets: 0,
    missing: 0,
    isOver: false,
    isGuest: false,
    trigger: undefined,
    heardAt: 0,
    deadAt: undefined,
    timers: {},
  };
  setInterval(() => watch(connection), WATCH_MS);
  addEventListener('online', () => comeBack(connection));
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') comeBack(connection);
  });
  return connection;
}

/** Dials now, whatever was planned. An open connection is left alone. */
export function connect(connection: Connection): void {
  if (connection.state.kind === 'open') return;
  drop(connection);
  void dial(connection, connection.turn);
}

/** Whether what is sent now can arrive. A socket that closes is of no use before its `close` comes. */
export const isOpen = ({ state, socket }: Connection): boolean =>
  state.kind === 'open' && socket?.readyState === WebSocket.OPEN;

/** False: nothing was sent, because nobody is attached. */
export function sendMessage(connection: Connection, message: ViewerMessage): boolean {
  if (!isOpen(connection)) return false;
  connection.socket?.send(JSON.stringify(message));
  return true;
}

export function sendInput(connection: Connection, n: number, bytes: Uint8Array): void {
  sendBytes(connection, encodeFrame(Frame.INPUT, n, bytes));
}

export function sendBytes(connection: Connection, frame: Uint8Array<ArrayBuffer>): void {
  if (isOpen(connection)) connection.socket?.send(frame);
}

async function dial(connection: Connection, turn: number): Promise<void> {
  enter(connection, { kind: 'opening' });
  const answer = await connection.ask();
  if (turn === connection.turn) takeAnswer(connection, answer);
}

function takeAnswer(connection: Connection, answer: Answer): void {
  if ('refusal' in answer) return refuse(connection, answer.refusal);
  connection.trigger = answer.grant.trigger ?? connection.trigger;
  connection.isGuest = answer.grant.sharedUntil !== undefined;
  connection.onWorkspace(answer.grant.workspace, answer.grant);
  attach(connection, answer.grant, connection.turn);
}

function attach(connection: Connection, grant: Grant, turn: number): void {
  const socket = openSocket(grant.url);
  if (!socket)
    return refuse(connection, {
      reason: 'broken',
      message: 'Sam named an address that is not one of a terminal.',
    });
  connection.socket = socket;
  connection.timers.attach = setTimeout(() => lose(connection), ATTACH_MS);
  const mine = () => turn === connection.turn;
  socket.addEventListener('open', () => {
    socket.send(JSON.stringify({ type: 'attach', ticket: grant.ticket } satisfies ViewerMessage));
  });
  socket.addEventListener(
    'message',
    (event) => mine() && hear(connection, event.data as string | ArrayBuffer),
  );
  socket.addEventListener('close', (event) => mine() && takeClose(connection, event.code));
}

function openSocket(url: string): WebSocket | undefined {
  try {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    return socket;
  } catch {
    return undefined;
  }
}

function hear(connection: Connection, data: string | ArrayBuffer): void {
  connection.heardAt = Date.now();
  connection.deadAt = undefined;
  if (typeof data === 'string') return takeMessage(connection, data);
  const frame = decodeFrame(data);
  if (frame) connection.onFrame(frame);
}

function takeMessage(connection: Connection, text: string): void {
  const message = parseMessage(text);
  if (!message || (message.type === 'gone' && message.id === PROBE_ID)) return;
  if (message.type === 'attached') {
    clearTimeout(connection.timers.attach);
    connection.isOver = false;
    connection.timers.stable = setTimeout(() => {
      connection.attempt = connection.badTickets = connection.missing = 0;
    }, STABLE_MS);
    enter(connection, { kind: 'open' });
  }
  connection.onMessage(message);
}

function parseMessage(text: string): TerminalMessage | undefined {
  try {
    return JSON.parse(text) as TerminalMessage;
  } catch {
    return undefined;
  }
}

function takeClose(connection: Connection, code: number): void {
  drop(connection);
  if (code === Close.STOPPED) return takeStop(connection);
  if (code === Close.TOO_MANY) return refuse(connection, { reason: 'too-many' });
  if (code === Close.NOT_HERE && ++connection.missing >= MISSING_TRIES)
    return refuse(connection, { reason: 'not-here' });
  if (code !== Close.BAD_TICKET) return wait(connection, 'node');
  if (++connection.badTickets > 1) return refuse(connection, { reason: 'ticket-refused' });
  void dial(connection, connection.turn);
}

/** Stopped, deleted, or failed: the bot says which. A node that ends each connection so is asked ever more seldom. */
function takeStop(connection: Connection): void {
  connection.isOver = true;
  if (connection.attempt > 0) return refuse(connection, { reason: 'stopped' });
  connection.attempt = SOON;
  void dial(connection, connection.turn);
}

function refuse(connection: Connection, told: Refusal): void {
  const refusal = judge(connection, told);
  const isTold = refusal.phase !== undefined;
  if (refusal.reason === 'unavailable') return wait(connection, 'bot', refusal.message, isTold);
  if (refusal.phase !== undefined && ON_ITS_WAY.has(refusal.phase)) {
    connection.attempt = Math.min(connection.attempt, SOON);
    return wait(connection, 'bot', refusal.message ?? 'The workspace is on its way.', isTold);
  }
  connection.badTickets = connection.missing = 0;
  if (!isSame(connection.state, refusal)) enter(connection, { kind: 'refused', refusal });
  if (isPassing(refusal)) lookLater(connection);
  else connection.attempt = 0;
}

/** What a refusal means to a page that knows what went before it. */
function judge(connection: Connection, refusal: Refusal): Refusal {
  connection.isOver ||= refusal.phase === 'deleting';
  connection.trigger = refusal.trigger ?? connection.trigger;
  const { isOver, isGuest, trigger, state } = connection;
  const known = trigger === undefined ? {} : { trigger };
  if (isGuest && !isOver && refusal.reason === 'not-found') return { ...known, reason: 'share-over' };
  if (isOver && refusal.reason === 'not-found') return { ...known, reason: 'deleted' };
  if (isOver && refusal.reason === 'unavailable')
    return state.kind === 'refused' ? state.refusal : { ...known, reason: 'stopped' };
  return { ...known, ...refusal };
}

const isSame = (state: ConnectionState, { reason, phase }: Refusal): boolean =>
  state.kind === 'refused' && state.refusal.reason === reason && state.refusal.phase === phase;

// Its screen stays meanwhile, with the keyboard where it is.
function lookLater(connection: Connection): void {
  connection.attempt = Math.max(SOON, Math.min(connection.attempt, SELDOM));
  const delay = computeDelay(connection.attempt++, Math.random());
  clearTimeout(connection.timers.retry);
  connection.timers.retry = setTimeout(() => void look(connection), delay);
}

async function look(connection: Connection): Promise<void> {
  if (document.visibilityState !== 'visible') return; // goes on when somebody comes back
  drop(connection);
  const { turn } = connection;
  const answer = await connection.ask();
  if (turn === connection.turn) takeAnswer(connection, answer);
}

function lose(connection: Connection): void {
  drop(connection);
  wait(connection, 'node');
}

function wait(connection: Connection, whose: 'bot' | 'node', message?: string, isTold = false): void {
  const delay = computeDelay(connection.attempt++, Math.random());
  connection.timers.retry = setTimeout(() => connect(connection), delay);
  enter(connection, {
    kind: 'waiting',
    retryAt: Date.now() + delay,
    whose,
    isTold,
    ...(message !== undefined && { message }),
  });
}

/** Lets go of the socket and every timer; whatever they still bring is not heard. */
function drop(connection: Connection): void {
  connection.turn++;
  Object.values(connection.timers).forEach(clearTimeout);
  connection.timers = {};
  connection.deadAt = undefined;
  connection.socket?.close();
  connection.socket = undefined;
}

function enter(connection: Connection, state: ConnectionState): void {
  connection.state = state;
  connection.onState(state);
}

// A browser shows pages no WebSocket pings, so silence proves nothing until the node was asked something.
function watch(connection: Connection): void {
  if (connection.state.kind !== 'open' || document.visibilityState !== 'visible') return;
  if (connection.deadAt !== undefined) return Date.now() >= connection.deadAt ? lose(connection) : undefined;
  if (Date.now() - connection.heardAt >= SILENCE_MS) probe(connection, GRACE_MS);
}

function comeBack(connection: Connection): void {
  const { state } = connection;
  if (state.kind === 'waiting') return connect(connection);
  if (state.kind === 'refused' && isPassing(state.refusal)) return void look(connection);
  if (connection.state.kind !== 'open' || Date.now() - connection.heardAt < RETURN_SILENCE_MS) return;
  probe(connection, RETURN_GRACE_MS);
  clearTimeout(connection.timers.grace);
  connection.timers.grace = setTimeout(() => watch(connection), RETURN_GRACE_MS + 50);
}

function probe(connection: Connection, graceMs: number): void {
  connection.deadAt = Date.now() + graceMs;
  sendMessage(connection, { type: 'resume', id: PROBE_ID });
}
