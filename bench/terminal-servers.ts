// What the bench of terminals puts beside each other: ttyd, and an agent with its holder, each started anew and ended. Measures nothing.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ACK_EVERY_BYTES,
  Frame,
  FRAME_HEAD_BYTES,
  OFFSET_BYTES,
  type TerminalMessage,
} from '../agent/protocol.ts';
import { endPrograms } from '../agent/system/ending.ts';
import { traceMarked } from '../agent/system/processes.ts';
import { newWorkspaceId } from '../bot/ids.ts';
import { findFreePort } from '../test/free-port.ts';
import { ORIGIN, startBot } from '../test/testers/node-bot.ts';
import type { Demo } from '../tools/demo.ts';
import { createViewer, type Viewer } from './terminal-viewer.ts';
import { openWire, type Wire } from './terminal-wire.ts';

const MAIN = join(import.meta.dirname, '../agent/main.ts');
const COLS = 80;
const ROWS = 24;
/** The most that a node opens in one workspace. */
const SESSIONS = 20;
const START_MS = 60_000;

export interface Server {
  /** Of the processes that make it up, without what runs in its terminals. */
  pids: () => number[];
  /** One more terminal. */
  open: () => Promise<Viewer>;
  end: () => Promise<void>;
}

/** Of `ttyd` by `TTYD` or on the path; undefined: there is none. */
export function findTtyd(): string | undefined {
  const file = process.env['TTYD'] ?? 'ttyd';
  try {
    execFileSync(file, ['--version'], { stdio: 'ignore' });
    return file;
  } catch {
    return undefined;
  }
}

/** What its page does when it cannot keep up (in bytes that wait). */
const TTYD_PAUSES = { above: 1_000_000, below: 400_000 };

export async function startTtyd(file: string): Promise<Server> {
  const port = await findFreePort();
  const args = ['-p', String(port), '-i', '127.0.0.1', '-W', '-d', '0', 'bash', '--norc', '--noprofile'];
  const child = spawn(file, args, { stdio: 'ignore' });
  await answers(port, child);
  const wires: Wire[] = [];
  return {
    pids: () => [child.pid ?? 0],
    async open() {
      let wire: Wire | undefined = undefined;
      let isPaused = false;
      const viewer = createViewer({
        type: (text) => wire?.sendBinary(Buffer.from(`0${text}`)),
        note(_parsed, queued) {
          if (isPaused ? queued > TTYD_PAUSES.below : queued < TTYD_PAUSES.above) return;
          isPaused = !isPaused;
          wire?.sendBinary(Buffer.from(isPaused ? '2' : '3'));
        },
      });
      let isOutput = false;
      wire = await openWire({
        port,
        path: '/ws',
        headers: { 'sec-websocket-protocol': 'tty' },
        headBytes: 1,
        onText: () => {},
        onPiece(bytes, isFirst) {
          if (isFirst) isOutput = bytes[0] === '0'.charCodeAt(0);
          if (isOutput) viewer.take(isFirst ? bytes.subarray(1) : bytes);
        },
      });
      wires.push(wire);
      wire.sendBinary(Buffer.from(JSON.stringify({ AuthToken: '', columns: COLS, rows: ROWS })));
      return viewer;
    },
    async end() {
      for (const wire of wires) wire.close();
      await endChild(child);
    },
  };
}

async function answers(port: number, child: ChildProcess): Promise<void> {
  const until = performance.now() + START_MS;
  while (performance.now() < until && child.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise<boolean>((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    );
    socket.destroy();
    if (isThere) return;
    await delay(20);
  }
  await endChild(child);
  throw new Error(`${child.spawnfile} did not listen`);
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** With room for so many terminals, in as many workspaces as these take. */
export async function startSam({ folder, repository }: Demo, terminals: number): Promise<Server> {
  const bot = await startBot();
  const dir = join(folder, bot.node);
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      SAM_URL: bot.url,
      SAM_NODE: bot.node,
      SAM_BOOTSTRAP_TOKEN: bot.bootstrapToken,
      SAM_DIR: dir,
      SAM_USERS: 'own',
    },
    stdio: 'ignore',
  });
  const links: Link[] = [];
  const end = async () => {
    for (const { close } of links) close();
    await endChild(child);
    await bot.vanish();
    await endPrograms([await traceMarked(`SAM_NODE=${bot.node}`)], { graceMs: 0 });
  };
  const ids = Array.from({ length: Math.ceil(terminals / SESSIONS) }, newWorkspaceId);
  const goal = { desired: 'running', run: 1, access: 0, force: false, repository } as const;
  bot.want(...ids.map((id, at) => ({ ...goal, id, name: `bench-${at}` })));
  try {
    for (const id of ids) await bot.report(id, ({ phase }) => phase === 'running', START_MS);
  } catch (error) {
    await end();
    throw error;
  }
  const port = bot.state.hellos.at(-1)?.terminalPort ?? 0;
  let opened = 0;
  return {
    pids: () => [child.pid ?? 0, ...findHolders(dir)],
    async open() {
      const id = ids[Math.floor(opened / SESSIONS)] ?? '';
      if (opened++ % SESSIONS === 0) links.push(await attach(port, await bot.ticket(id)));
      const link = links.at(-1);
      if (!link) throw new Error('nobody is attached');
      return link.open();
    },
    end,
  };
}

function findHolders(dir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const [, program = '', socket = ''] = readCommand(pid);
      return program.includes('holder') && socket.startsWith(dir);
    })
    .map(Number);
}

function readCommand(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has ended
  }
}

interface Link {
  open: () => Promise<Viewer>;
  close: () => void;
}

/** A page's connection: all its terminals over one socket. */
async function attach(port: number, ticket: string): Promise<Link> {
  const viewers = new Map<number, ReturnType<typeof createViewer>>();
  const heard: ((message: TerminalMessage) => void)[] = [];
  let current: ReturnType<typeof createViewer> | undefined;
  const wire = await openWire({
    port,
    path: '/terminal',
    headers: { origin: ORIGIN },
    headBytes: FRAME_HEAD_BYTES,
    onText(text) {
      const message = JSON.parse(text) as TerminalMessage;
      if (message.type === 'error') throw new Error(`${message.code}: ${message.message}`);
      if (message.type === 'attached' || message.type === 'opened') heard.shift()?.(message);
    },
    onPiece(bytes, isFirst) {
      if (!isFirst) return current?.take(bytes);
      if (bytes[0] !== Frame.OUTPUT) throw new Error('bytes were left out: a screen came in their place');
      current = viewers.get(bytes.readUInt16LE(1));
      current?.take(bytes.subarray(FRAME_HEAD_BYTES));
    },
  });
  const attached = new Promise<unknown>((resolve) => heard.push(resolve));
  wire.sendText(JSON.stringify({ type: 'attach', ticket }));
  await attached;
  return { close: wire.close, open: () => openSession(wire, viewers, heard) };
}

function openSession(
  wire: Wire,
  viewers: Map<number, ReturnType<typeof createViewer>>,
  heard: ((message: TerminalMessage) => void)[],
): Promise<Viewer> {
  let n = 0;
  let told = 0;
  const viewer = createViewer({
    type: (text) => wire.sendBinary(frameOf(Frame.INPUT, n, Buffer.from(text))),
    note(parsed) {
      if (parsed - told < ACK_EVERY_BYTES) return;
      told = parsed;
      const offset = Buffer.alloc(OFFSET_BYTES);
      offset.writeDoubleLE(parsed);
      wire.sendBinary(frameOf(Frame.ACK, n, offset));
    },
  });
  wire.sendText(JSON.stringify({ type: 'open', cols: COLS, rows: ROWS }));
  // At once: its first bytes may have come with the answer.
  return new Promise((resolve) =>
    heard.push((message) => {
      if (message.type === 'opened') viewers.set((n = message.n), viewer);
      resolve(viewer);
    }),
  );
}

function frameOf(type: number, n: number, payload: Buffer): Buffer {
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16LE(n, 1);
  return Buffer.concat([head, payload]);
}
