// Holds the ptys of sessions and their last output while the agent is away, killed or becomes its next version. A program of its own
// that does nothing else: knows no workspace, no viewer and no network.
import { rmSync, statSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { hangUp, signalGroup } from '../system/processes.ts';
import { listenAt } from '../system/sockets.ts';
import { createHearer, frameOf, HOLDER_PROTOCOL, Word, type Hello, type Opening } from './frames.ts';
import {
  describeHeld,
  hold,
  pull,
  resetHeld,
  resize,
  setPaused,
  take,
  type Held,
  type Line,
} from './held.ts';

/** Nobody came to hear how the last session ended. */
const FORGOTTEN_MS = 10 * 60_000;
/** A restart, an update: so long a program that puts out much waits for it. */
const EXPECTED_MS = 15_000;
const LOOK_EVERY_MS = 2_000;
const GRACE_MS = 2_000;
const DYING_MS = 1_000;

interface State {
  sessions: Map<number, Held>;
  line: Line;
  agent: Socket | undefined;
  /** For the next one, for a while. */
  expecting: NodeJS.Timeout | undefined;
  /** When something last lived here, or somebody was there. */
  usedAt: number;
}

const [, , path = ''] = process.argv;

async function main(): Promise<void> {
  const state: State = {
    sessions: new Map(),
    line: {
      send(frame, done) {
        state.agent?.write(frame, done);
        return state.agent !== undefined;
      },
      backlog: () => state.agent?.writableLength,
      isExpected: () => state.expecting !== undefined,
    },
    agent: undefined,
    expecting: undefined,
    usedAt: performance.now(),
  };
  const server = createServer((socket) => serve(state, socket));
  const stop = () => void endAll(state);
  process
    .on('SIGTERM', stop)
    .on('SIGINT', stop)
    .on('SIGHUP', () => {});
  await listenAt(server, path);
  const socket = identify(path);
  setInterval(() => {
    if (isUsed(state)) state.usedAt = performance.now();
    const isForgotten = performance.now() - state.usedAt > FORGOTTEN_MS;
    // A node that was removed takes everything with it.
    const isRemoved = identify(path) !== socket;
    if (isForgotten || isRemoved) void endAll(state);
  }, LOOK_EVERY_MS);
  writeSync(1, 'ready\n');
}

const isLiving = ({ status }: Held): boolean => status === undefined;

const isUsed = ({ agent, sessions }: State): boolean =>
  agent !== undefined || [...sessions.values()].some(isLiving);

function identify(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino}`;
}

/** The last one that comes is the agent: there is one at a time, and of another only last words are left. */
function serve(state: State, socket: Socket): void {
  state.agent = socket;
  const hear = createHearer({
    streamed: [],
    onPart: () => {},
    onFrame(word, n, payload) {
      const isOld = state.agent !== socket;
      if (!isOld || (word !== Word.PAUSE && word !== Word.RESUME)) obey(state, word, n, payload);
    },
  });
  socket.on('data', hear);
  socket.on('drain', () => state.agent === socket && pullAll(state));
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => {
    if (state.agent === socket) leave(state);
  });
  const held = [...state.sessions.values()];
  for (const one of held) resetHeld(one);
  clearTimeout(state.expecting);
  state.expecting = undefined;
  const hello: Hello = { protocol: HOLDER_PROTOCOL, pid: process.pid, sessions: held.map(describeHeld) };
  socket.write(frameOf(Word.HELLO, 0, Buffer.from(JSON.stringify(hello))));
  pullAll(state);
}

function leave(state: State): void {
  state.agent = undefined;
  state.usedAt = performance.now();
  if (state.sessions.size === 0) return void endAll(state);
  for (const held of state.sessions.values()) resetHeld(held);
  state.expecting = setTimeout(() => stopExpecting(state), EXPECTED_MS);
  pullAll(state);
}

function stopExpecting(state: State): void {
  clearTimeout(state.expecting);
  state.expecting = undefined;
  pullAll(state);
}

function pullAll({ sessions, line }: State): void {
  for (const held of sessions.values()) pull(held, line);
}

function obey(state: State, word: number, n: number, payload: Buffer): void {
  if (word === Word.OPEN) return open(state, n, JSON.parse(payload.toString()) as Opening);
  if (word === Word.END) return void endAll(state);
  const held = state.sessions.get(n);
  if (!held) return;
  if (word === Word.INPUT) take(held, state.line, payload);
  if (word === Word.RESIZE) resize(held, { cols: payload.readUInt16LE(0), rows: payload.readUInt16LE(2) });
  if (word === Word.PAUSE || word === Word.RESUME) setPaused(held, word === Word.PAUSE);
  if (word === Word.CLOSE) held.pty.close();
  if (word === Word.LABEL) held.label = payload.toString();
  if (word === Word.FORGET && !isLiving(held)) state.sessions.delete(n);
}

function open({ sessions, line }: State, n: number, opening: Opening): void {
  try {
    sessions.set(n, hold(n, opening, line));
  } catch (error) {
    process.stderr.write(`no pty: ${String(error)}\n`);
    line.send(frameOf(Word.ENDED, n, Buffer.from(JSON.stringify({ code: 1, isLost: true }))));
  }
}

/** As when their windows are closed; what does not go then is killed. */
async function endAll({ sessions }: State): Promise<never> {
  rmSync(path, { force: true });
  const living = () => [...sessions.values()].filter(isLiving);
  const wait = async (ms: number) => {
    for (const until = performance.now() + ms; living().length > 0 && performance.now() < until;)
      await delay(20);
  };
  for (const { pty } of living()) hangUp(pty.pid);
  await wait(GRACE_MS);
  for (const { pty } of living()) signalGroup(pty.pid, 'SIGKILL');
  await wait(DYING_MS);
  process.exit(0);
}

await main();
