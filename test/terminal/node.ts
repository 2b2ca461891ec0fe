// A terminal server on a port of its own, with real shells, and viewers that speak the protocol.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { ProfileError } from '../../agent/runtimes/runtime.ts';
import type { ExitStatus } from '../../agent/sessions/pty.ts';
import { createTerminals } from '../../agent/terminal/server.ts';
import type { TerminalOptions, Terminals, TicketClaims } from '../../agent/terminal/terminals.ts';
import { Frame, type SessionInfo, type SharesOpen, type TerminalMessage } from '../../agent/protocol.ts';
import { ptysHere } from '../testers/ptys.ts';
import { PATIENCE_MS } from '../until.ts';

export const ORIGIN = 'https://sam.example';

export interface Node extends AsyncDisposable {
  terminals: Terminals;
  port: number;
  workspaces: Map<string, { running: boolean; access: number; shares?: SharesOpen }>;
  /** Tickets that were asked about, in order. */
  verified: string[];
  inputs: string[];
  counts: number[];
  server: Server;
}

/** A ticket is the JSON of its claims; `bad` is none. */
export function ticketFor(claims: Partial<TicketClaims> = {}): string {
  return JSON.stringify({ workspace: 'ws-a', user: 'u1', access: 1, jti: 'j', drive: true, ...claims });
}

const profiles: Record<string, { file: string; args: string[] }> = {
  bash: { file: 'bash', args: ['--norc', '--noprofile', '--noediting'] },
  sh: { file: 'sh', args: [] },
};

/** A profile of this program. */
export function program(file: string, ...args: string[]): string {
  const profile = `program-${Object.keys(profiles).length}`;
  profiles[profile] = { file, args };
  return profile;
}

/** A profile of this script for bash. */
export function run(script: string): string {
  return program('bash', '-c', script);
}

function findProfile(profile = 'bash') {
  const found = profiles[profile];
  if (!found) throw new ProfileError('unknown-profile', `There is no profile ${profile}.`);
  return found;
}

export async function startNode(options: Partial<TerminalOptions> = {}): Promise<Node> {
  const workspaces: Node['workspaces'] = new Map([
    ['ws-a', { running: true, access: 1 }],
    ['ws-b', { running: true, access: 1 }],
    ['ws-stopped', { running: false, access: 1 }],
  ]);
  const verified: string[] = [];
  const inputs: string[] = [];
  const counts: number[] = [];
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', PS1: '$ ', HOME: '/', LANG: 'C.UTF-8' };
  const terminals = createTerminals({
    origin: ORIGIN,
    verifyTicket: async (ticket) => {
      verified.push(ticket);
      if (ticket === 'bad') throw new Error('bad ticket');
      return JSON.parse(ticket) as TicketClaims;
    },
    find: (id) => {
      const workspace = workspaces.get(id);
      return workspace && { ...workspace, shell: (profile) => ({ ...findProfile(profile), env, cwd: '/' }) };
    },
    ptys: ptysHere,
    onInput: (id) => inputs.push(id),
    onSessions: (_, count) => counts.push(count),
    ...options,
  });
  const server = createServer().on('upgrade', (req, socket, head) =>
    terminals.handleUpgrade(req, socket, head),
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    await terminals.close();
    for (const id of workspaces.keys()) await terminals.endWorkspace(id);
    await new Promise((done) => server.close(done));
  };
  return { terminals, port, workspaces, verified, inputs, counts, server, [Symbol.asyncDispose]: stop };
}

/** Resolves once `claim` is true; it is asked again whenever `poke` is called, and now and then. */
export async function until(claim: () => boolean, what: string, deadlineMs = PATIENCE_MS): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!claim()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 2));
  }
}

/** What a viewer knows of one session. */
export interface Screen {
  id: string;
  n: number;
  /** Offset of the next byte of output. */
  at: number;
  /** Offset of the first byte of output, or of the last snapshot. */
  from: number;
  /** Output since `from`. */
  parts: Buffer[];
  /** Snapshots and output as they came. */
  feed: Buffer[];
  snapshots: { offset: number; bytes: Buffer }[];
  acked: number;
  status?: ExitStatus;
}

export interface TestViewer {
  socket: WebSocket;
  messages: TerminalMessage[];
  screens: Map<number, Screen>;
  closed: number | undefined;
  /** Off: it does not acknowledge. */
  acks: boolean;
  /** Called for each frame of output. */
  onOutput?: (screen: Screen, bytes: Buffer) => void;
}

/** `null`: without an Origin. */
/** `from`: another of this machine's addresses. */
export function dial(node: Node, origin: string | null = ORIGIN, from?: string): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${node.port}/terminal`, {
    ...(origin !== null && { origin }),
    ...(from !== undefined && { localAddress: from }),
  });
}

/** Connects and sends the ticket; waits for nothing but the connection. */
export async function call(node: Node, ticket: string = ticketFor()): Promise<TestViewer> {
  const socket = dial(node);
  const viewer: TestViewer = { socket, messages: [], screens: new Map(), closed: undefined, acks: true };
  socket.on('message', (data: Buffer, isBinary) =>
    isBinary ? takeFrame(viewer, data) : take(viewer, data.toString()),
  );
  socket.on('close', (code) => (viewer.closed = code));
  socket.on('error', () => {});
  await new Promise((done) => socket.once('open', done));
  say(viewer, { type: 'attach', ticket });
  return viewer;
}

export async function attach(node: Node, claims: Partial<TicketClaims> = {}): Promise<TestViewer> {
  const viewer = await call(node, ticketFor(claims));
  await hear(viewer, 'attached');
  return viewer;
}

function take(viewer: TestViewer, text: string): void {
  const message = JSON.parse(text) as TerminalMessage;
  viewer.messages.push(message);
  if (message.type === 'opened') addScreen(viewer, message.id, message.n, 0);
  if (message.type === 'resumed') addScreen(viewer, message.id, message.n, message.offset);
  if (message.type !== 'exit') return;
  for (const screen of viewer.screens.values()) {
    const { code, signal, isLost } = message;
    if (screen.id === message.id)
      screen.status = { code, ...(signal !== undefined && { signal }), ...(isLost && { isLost }) };
  }
}

function addScreen(viewer: TestViewer, id: string, n: number, at: number): void {
  viewer.screens.set(n, { id, n, at, from: at, parts: [], feed: [], snapshots: [], acked: at });
}

function takeFrame(viewer: TestViewer, frame: Buffer): void {
  const screen = viewer.screens.get(frame.readUInt16LE(1));
  if (!screen) throw new Error('a frame of a session that was not opened');
  if (frame[0] === Frame.SNAPSHOT) {
    const offset = frame.readDoubleLE(3);
    const bytes = Buffer.from(frame.subarray(11));
    if (offset !== screen.snapshots.at(-1)?.offset) screen.parts = [];
    screen.at = offset;
    screen.from = offset;
    screen.feed.push(bytes);
    screen.acked = Math.max(screen.acked, offset);
    screen.snapshots.push({ offset, bytes });
    return;
  }
  const bytes = Buffer.from(frame.subarray(3));
  screen.at += bytes.length;
  screen.parts.push(bytes);
  screen.feed.push(bytes);
  viewer.onOutput?.(screen, bytes);
  if (viewer.acks && screen.at - screen.acked >= 32768) ack(viewer, screen);
}

export function ack(viewer: TestViewer, screen: Screen, total = screen.at): void {
  screen.acked = total;
  const frame = Buffer.alloc(11);
  frame[0] = Frame.ACK;
  frame.writeUInt16LE(screen.n, 1);
  frame.writeDoubleLE(total, 3);
  viewer.socket.send(frame);
}

export function say(viewer: TestViewer, message: object): void {
  viewer.socket.send(JSON.stringify(message));
}

type Said<T extends TerminalMessage['type']> = Extract<TerminalMessage, { type: T }>;

/** The first message of a type, whenever it comes; it is taken out, so the next call waits for the next one. */
export async function hear<T extends TerminalMessage['type']>(viewer: TestViewer, type: T): Promise<Said<T>> {
  const index = () => viewer.messages.findIndex((message) => message.type === type);
  const heard = () => JSON.stringify(viewer.messages.slice(-5));
  await until(() => index() >= 0 || viewer.closed !== undefined, `${type}; heard ${heard()}`);
  if (index() < 0) throw new Error(`closed with ${viewer.closed} before ${type}`);
  return viewer.messages.splice(index(), 1)[0] as Said<T>;
}

export async function open(viewer: TestViewer, options: object = {}): Promise<Screen> {
  say(viewer, { type: 'open', cols: 80, rows: 24, ...options });
  const { n } = await hear(viewer, 'opened');
  return viewer.screens.get(n)!;
}

export async function resume(viewer: TestViewer, id: string, offset?: number): Promise<Screen> {
  say(viewer, { type: 'resume', id, offset });
  const { n } = await hear(viewer, 'resumed');
  return viewer.screens.get(n)!;
}

export function type(viewer: TestViewer, screen: Screen, text: string | Buffer): void {
  viewer.socket.send(
    Buffer.concat([Buffer.from([Frame.INPUT, screen.n & 255, screen.n >> 8]), Buffer.from(text)]),
  );
}

export function bytesOf({ parts }: Screen): Buffer {
  return Buffer.concat(parts);
}

export function textOf({ parts }: Screen): string {
  return Buffer.concat(parts).toString();
}

export function snapshotOf({ snapshots }: Screen): string {
  return Buffer.concat(snapshots.map(({ bytes }) => bytes)).toString();
}

export function sees(screen: Screen, text: string): Promise<void> {
  let looked = 0;
  let rest = '';
  const found = () => {
    const fresh = rest + Buffer.concat(screen.parts.slice(looked)).toString('latin1');
    looked = screen.parts.length;
    rest = fresh.slice(-text.length);
    return fresh.includes(text);
  };
  return until(found, `the text ${JSON.stringify(text)}`);
}

export async function ended(screen: Screen): Promise<ExitStatus> {
  await until(() => screen.status !== undefined, 'the exit');
  return screen.status!;
}

export async function closedWith(viewer: TestViewer): Promise<number> {
  await until(() => viewer.closed !== undefined, 'the close');
  return viewer.closed!;
}

export function infoOf(node: Node, id: string, workspace = 'ws-a'): SessionInfo {
  const info = node.terminals.sessions(workspace).find((session) => session.id === id);
  if (!info) throw new Error('no such session');
  return info;
}
