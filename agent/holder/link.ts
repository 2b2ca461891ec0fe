// The agent's connection to one holder: sessions' ptys as if they were here. Knows no workspace; must not know how a holder comes to be.
import type { Socket } from 'node:net';
import { createOutput } from '../sessions/output.ts';
import {
  INPUT_QUEUE_BYTES,
  LOST,
  type ExitStatus,
  type SessionPty,
  type SessionPtyOptions,
} from '../sessions/pty.ts';
import { pushRing } from '../sessions/ring.ts';
import type { Listening } from '../sessions/session.ts';
import type { KeptSession } from '../sessions/workspace-sessions.ts';
import {
  createHearer,
  frameOf,
  HOLDER_PROTOCOL,
  Word,
  type HeldSession,
  type Hello,
  type Opening,
} from './frames.ts';

const HELLO_MS = 10_000;

export interface Link {
  /**
   * Sessions of before, once what is kept of them is here. Rejects where nobody is, and for a holder of another protocol, which was
   * told to end.
   */
  readonly found: Promise<KeptSession[]>;
  open: (options: SessionPtyOptions) => SessionPty;
  /** How many sessions it holds. */
  count: () => number;
  /** They go on without this agent. */
  leave: () => void;
}

export interface LinkOptions {
  /** The last session has ended. */
  onEmpty: () => void;
  /** Nothing comes of it any more; its sessions have heard. */
  onGone: () => void;
}

/** Connects to the holder, whose bytes go to `onBytes`: from the first on, and to be copied. */
export type Connect = (onBytes: (bytes: Buffer) => void) => Promise<Socket>;

interface State extends LinkOptions {
  greeted: PromiseWithResolvers<Keeping[]>;
  socket: Socket | undefined;
  /** What is to be said once it is connected. */
  unsaid: Buffer[];
  remotes: Map<number, Remote>;
  nextN: number;
}

/** One session's pty. */
interface Remote {
  readonly n: number;
  pid: number;
  readonly started: PromiseWithResolvers<void>;
  listening: Listening;
  /** Input that was sent, how much of it is known to be there, and what waited there then. */
  sent: number;
  received: number;
  waiting: number;
}

/** Sessions can be opened at once, and begin when it is connected. */
export function createLink(connect: Connect, options: LinkOptions): Link {
  const greeted = Promise.withResolvers<Keeping[]>();
  const state: State = { ...options, greeted, socket: undefined, unsaid: [], remotes: new Map(), nextN: 1 };
  const hear = createHearer({
    streamed: [Word.OUTPUT],
    onPart: (_word, n, bytes) => state.remotes.get(n)?.listening.onBytes(bytes, bytes.length),
    onFrame: (word, n, payload) => takeFrame(state, word, n, payload),
  });
  const found = connect(hear).then(
    (socket) => greet(state, socket),
    (error: unknown) => {
      lose(state);
      throw error;
    },
  );
  // Who opens sessions hears of their ends.
  for (const promise of [found, greeted.promise]) promise.catch(() => {});
  return {
    found,
    open: (opening) => open(state, opening),
    count: () => state.remotes.size,
    leave() {
      state.remotes.clear();
      state.socket?.destroySoon(); // behind what was typed last
    },
  };
}

function say({ socket, unsaid }: State, frame: Buffer): void {
  if (socket) socket.write(frame);
  else unsaid.push(frame);
}

function lose(state: State): void {
  for (const remote of state.remotes.values()) end(state, remote, LOST);
  state.onGone();
}

async function greet(state: State, socket: Socket): Promise<KeptSession[]> {
  state.socket = socket;
  for (const frame of state.unsaid.splice(0)) socket.write(frame);
  const { greeted } = state;
  const end = () => {
    greeted.reject(new Error('the holder went away'));
    lose(state);
  };
  if (socket.closed) end();
  else socket.on('close', end);
  const deadline = setTimeout(() => socket.destroy(), HELLO_MS);
  const keeping = await greeted.promise.finally(() => clearTimeout(deadline));
  await Promise.all(keeping.map(({ loaded }) => loaded));
  return keeping.map(({ kept }) => kept);
}

/** In this tick: what it has to say of its sessions follows. */
function takeHello(state: State, hello: Hello): void {
  const { greeted } = state;
  if (hello.protocol === HOLDER_PROTOCOL)
    return greeted.resolve(hello.sessions.map((held) => keep(state, held)));
  say(state, frameOf(Word.END, 0));
  greeted.reject(new Error(`a holder speaks protocol ${hello.protocol}`));
}

function takeFrame(state: State, word: number, n: number, payload: Buffer): void {
  if (word === Word.HELLO) return takeHello(state, JSON.parse(payload.toString()) as Hello);
  const remote = state.remotes.get(n);
  if (!remote) return;
  if (word === Word.OUTPUT) remote.listening.onBatch();
  if (word === Word.STARTED) start(remote, payload.readUInt32LE(0));
  if (word === Word.TAKEN) {
    remote.received = payload.readDoubleLE(0);
    remote.waiting = payload.readUInt32LE(8);
  }
  if (word !== Word.ENDED) return;
  end(state, remote, JSON.parse(payload.toString()) as ExitStatus);
  say(state, frameOf(Word.FORGET, n));
}

function start(remote: Remote, pid: number): void {
  remote.pid = pid;
  remote.started.resolve();
}

function end({ remotes, onEmpty }: State, remote: Remote, status: ExitStatus): void {
  remotes.delete(remote.n);
  start(remote, 0);
  remote.listening.onEnd(status);
  if (remotes.size === 0) onEmpty();
}

function addRemote({ remotes }: State, n: number, listening: Listening): Remote {
  const started = Promise.withResolvers<void>();
  const remote: Remote = { n, pid: 0, started, listening, sent: 0, received: 0, waiting: 0 };
  remotes.set(n, remote);
  return remote;
}

function open(state: State, options: SessionPtyOptions): SessionPty {
  const { label, file, args, env, cwd, cols, rows, ...listening } = options;
  const remote = addRemote(state, state.nextN++, listening);
  const opening: Opening = { label, file, args, env, cwd, cols, rows };
  say(state, frameOf(Word.OPEN, remote.n, Buffer.from(JSON.stringify(opening))));
  return createPty(state, remote);
}

function createPty(state: State, remote: Remote): SessionPty {
  const tell = (word: number, payload?: Uint8Array) => {
    if (state.remotes.has(remote.n)) say(state, frameOf(word, remote.n, payload));
  };
  return {
    get pid() {
      return remote.pid;
    },
    started: remote.started.promise,
    pause: () => tell(Word.PAUSE),
    resume: () => tell(Word.RESUME),
    resize: (cols, rows) => tell(Word.RESIZE, new Uint8Array(Uint16Array.of(cols, rows).buffer)),
    write(bytes) {
      const waiting = remote.waiting + remote.sent - remote.received;
      if (waiting + bytes.length > INPUT_QUEUE_BYTES) return false;
      remote.sent += bytes.length;
      tell(Word.INPUT, bytes);
      return true;
    },
    close: () => tell(Word.CLOSE),
    relabel: (label) => tell(Word.LABEL, Buffer.from(label)),
  };
}

interface Keeping {
  kept: KeptSession;
  loaded: Promise<void>;
}

/** Until somebody takes it over its output is kept here. */
function keep(state: State, held: HeldSession): Keeping {
  const { n, label, pid, first, end: wanted, sizes, waiting, status } = held;
  const { on, style, rest } = held.modes;
  const modes = { on: new Map(on), style, rest: Buffer.from(rest, 'base64') };
  const output = createOutput(sizes, first, modes);
  const loaded = Promise.withResolvers<void>();
  const look = () => output.ring.end >= wanted && loaded.resolve();
  const remote = addRemote(state, n, {
    onBytes: (bytes, length) => pushRing(output.ring, bytes, length),
    onBatch: look,
    onEnd(ended) {
      kept.status = ended;
      loaded.resolve();
    },
  });
  start(remote, pid);
  remote.waiting = waiting;
  state.nextN = Math.max(state.nextN, n + 1);
  look();
  const kept: KeptSession = {
    ...output,
    label,
    status,
    takeOver(listening) {
      remote.listening = listening;
      const { status: ended } = kept;
      if (ended && !state.remotes.has(n)) setImmediate(() => listening.onEnd(ended));
      return createPty(state, remote);
    },
    end: () => say(state, frameOf(Word.CLOSE, n)),
  };
  return { kept, loaded: loaded.promise };
}
