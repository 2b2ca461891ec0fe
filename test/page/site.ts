// A site with the page as a bot would serve it, answers to ticket requests that a test may replace, and real terminals.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROMPT_MARKS } from '../../agent/runtimes/prompt-marks.ts';
import { layOutDownload } from '../../agent/files/command.ts';
import type { PageSettings } from '../../agent/protocol.ts';
import { createTerminals } from '../../agent/terminal/server.ts';
import type { Terminals } from '../../agent/terminal/terminals.ts';
import { answerAsset, bundlePage, type PageFiles } from '../../bot/http/page-bundle.ts';

import { ptysHere } from '../testers/ptys.ts';
import { hearOn, stateOf, tell, tellNothing, writtenAfter, writtenBefore, type Told } from './told.ts';

export const WORKSPACE = 'ws-abcdefghij23';

export interface TicketRequest {
  workspace: string;
  code?: string;
  /** The signature in the page's address. */
  s?: string;
}

export interface TicketAnswer {
  status: number;
  body: object;
}

export interface Site {
  /** The page's address, with what follows the path. */
  page: (tail?: string) => string;
  /** What was asked of `POST /api/terminal/token`, oldest first. */
  asked: TicketRequest[];
  /** Every path that was requested. */
  paths: string[];
  /** Answers ticket requests from now on; undefined grants again. */
  answerTickets: (answer?: (request: TicketRequest) => TicketAnswer | undefined) => void;
  /** Whose pages come from now on; undefined: the owner's. */
  letIn: (guest?: Guest) => void;
  /** Nothing is shared any more: the node closes what guests have open, and the bot knows them no more. */
  endShares: () => void;
  /** What is asked at paths with this end waits for its answer, from now on until the returned function is called. */
  hold: (end: string) => () => void;
  /** Breaks every connection, as a network does: no goodbye. */
  cut: () => void;
  /** While true, sockets are refused. */
  isDown: boolean;
  /** Sockets stay open but nothing more is heard from the node. */
  freeze: () => void;
  terminals: Terminals;
  /** Tickets are for looking alone, from now on. */
  onlyLook: () => void;
  /** Shells say where their prompts are, from now on. */
  marksPrompts: boolean;
  /** Where its sessions begin. */
  folder: string;
  /** It stands so from now on, and no more runs: viewers are told, sessions end. */
  stop: (phase?: 'stopped' | 'failed' | 'deleting' | 'deleted') => Promise<void>;
  /** The bot says it stands so; no node hears of it. */
  phase: (phase: Told['phase']) => void;
  /** And this beside it, from now on. */
  tell: (more: Partial<Told>) => void;
  /** Pages that listen to how the workspace stands. */
  listeners: Set<ServerResponse>;
  /** Buttons that were pressed: the verb, and the key and the turn that came with it. */
  pressed: { verb: string; key: string; turn: string | null }[];
  /** Answers to presses from now on. */
  answerPresses: (answer: (tries: number) => TicketAnswer) => void;
  /** Answers whatever is asked of coding agents, from now on; until then there are none. */
  answerTasks: (answer: TaskAnswer) => void;
  /** What the bot keeps of what a person wants of the page; undefined: nobody is signed in. */
  wanted: PageSettings | undefined;
  /** What listens in the workspace, for pages that are opened from then on. */
  ports: number[];
  start: () => void;
  revoke: (access: number) => void;
  close: () => Promise<void>;
}

export interface Guest {
  name: string;
  may: 'view' | 'drive';
}

type TaskAnswer = (request: IncomingMessage, response: ServerResponse) => void;

interface State {
  mayOnlyLook: boolean;
  asked: TicketRequest[];
  paths: string[];
  answer: ((request: TicketRequest) => TicketAnswer | undefined) | undefined;
  held: { end: string; released: Promise<void> } | undefined;
  /** Of each that was not spent: whose it is. */
  tickets: Map<string, Guest | undefined>;
  guest: Guest | undefined;
  isShared: boolean;
  access: number;
  told: Told;
  listeners: Set<ServerResponse>;
  pressed: Site['pressed'];
  answerPress: (tries: number) => TicketAnswer;
  answerTask: TaskAnswer;
  ports: number[];
  files: PageFiles;
}

function answerPorts({ ports }: State, response: ServerResponse): void {
  const all = ports.map((port) => ({ port, address: `https://${port}--${WORKSPACE}.ports.test/` }));
  const text = `event: ports\ndata: ${JSON.stringify({ ports: all })}\n\n`;
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text);
}

export const grantless = (status: number, error: string, more: object = {}): (() => TicketAnswer) => {
  return () => ({ status, body: { error, message: `The bot says ${error}.`, ...more } });
};

let bundled: Promise<PageFiles> | undefined;

async function bundleOnce(): Promise<PageFiles> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sam-page-bundle-'));
  try {
    return await bundlePage(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function startSite(): Promise<Site> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sam-page-'));
  const files = await (bundled ??= bundleOnce());
  await layOutDownload(path.join(folder, '.bin'));
  const state: State = {
    mayOnlyLook: false,
    asked: [],
    paths: [],
    answer: undefined,
    held: undefined,
    tickets: new Map(),
    guest: undefined,
    isShared: true,
    access: 1,
    told: tellNothing(),
    listeners: new Set(),
    pressed: [],
    answerPress: () => ({ status: 202, body: {} }),
    answerTask: (_request, response) => void response.writeHead(404).end(),
    ports: [],
    files,
  };
  const sockets = new Set<Socket>();
  const server = createServer((request, response) =>
    request.url === '/api/page-settings'
      ? void answerSettings(site, request, response)
      : void answer(state, request, response),
  );
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const terminals = openTerminals(state, origin, folder, () => site.marksPrompts);
  const upgraded = new Set<Socket>();
  const site: Site = {
    page: (tail = '') => `${origin}/w/${WORKSPACE}${tail}`,
    asked: state.asked,
    paths: state.paths,
    answerTickets: (next) => (state.answer = next),
    letIn: (guest) => (state.guest = guest),
    endShares: () => {
      state.isShared = false;
      terminals.lookAtGuests(WORKSPACE);
    },
    hold: (end) => {
      const { promise: released, resolve } = Promise.withResolvers<void>();
      state.held = { end, released };
      return () => {
        state.held = undefined;
        resolve();
      };
    },
    cut: () => upgraded.forEach((socket) => socket.destroy()),
    isDown: false,
    wanted: undefined,
    freeze: () => upgraded.forEach((socket) => (socket.write = () => true)),
    terminals,
    onlyLook: () => void (state.mayOnlyLook = true),
    marksPrompts: false,
    folder,
    listeners: state.listeners,
    ports: state.ports,
    pressed: state.pressed,
    answerPresses: (next) => (state.answerPress = next),
    answerTasks: (next) => (state.answerTask = next),
    tell: (more) => {
      Object.assign(state.told, more);
      for (const listener of state.listeners) tell(listener, state.told);
    },
    phase: (phase) => site.tell({ phase }),
    stop: async (phase = 'stopped') => {
      Object.assign(state.told, { phase });
      await terminals.endWorkspace(WORKSPACE);
      site.phase(phase);
    },
    start: () => site.phase('running'),
    revoke: (access) => {
      state.access = access;
      terminals.revoke(WORKSPACE, access);
    },
    close: async () => {
      await terminals.close();
      await terminals.endWorkspace(WORKSPACE);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  server.on('upgrade', (request, socket, head) => {
    if (site.isDown || request.url !== '/terminal') return socket.destroy();
    upgraded.add(socket as Socket);
    socket.on('close', () => upgraded.delete(socket as Socket));
    terminals.handleUpgrade(request, socket, head);
  });
  return site;
}

function openTerminals(state: State, origin: string, folder: string, marksPrompts: () => boolean): Terminals {
  const env = {
    PATH: `${process.env['PATH'] ?? ''}:${path.join(folder, '.bin')}`,
    HOME: folder,
    TERM: 'xterm-256color',
    LANG: 'C.UTF-8',
  };
  const rcfile = path.join(folder, 'bashrc');
  writeFileSync(rcfile, "PS1='api-412 $ '\n");
  const shell = (profile = 'shell') => ({
    file: '/bin/bash',
    args: ['--rcfile', rcfile],
    env: { ...env, ...(marksPrompts() && PROMPT_MARKS), PROFILE: profile },
    cwd: folder,
  });
  return createTerminals({
    origin,
    verifyTicket: (ticket) => {
      if (!state.tickets.has(ticket)) throw new Error('spent');
      const guest = state.tickets.get(ticket);
      state.tickets.delete(ticket);
      return Promise.resolve({
        workspace: WORKSPACE,
        user: guest?.name ?? 'ada',
        name: guest?.name ?? 'ada',
        access: Number(ticket.split('.')[1]),
        jti: ticket,
        drive: guest ? guest.may !== 'view' : !ticket.endsWith('.look'),
        ...(guest && { guest: { share: 1, endsAt: Date.now() + 3_600_000 } }),
      });
    },
    find: (id) =>
      id === WORKSPACE
        ? {
            running: state.told.phase === 'running',
            access: state.access,
            shares: { upTo: 1, open: state.isShared ? [1] : [] },
            profiles: ['shell', 'claude', 'notebook'],
            shell,
            pipe: (script, words) => ({
              file: '/bin/sh',
              args: ['-c', script, 'sam', ...words],
              env,
              cwd: folder,
            }),
          }
        : undefined,
    ptys: ptysHere,
    onInput: () => {},
    onSessions: () => {},
  });
}

async function answerSettings(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!site.wanted) return void response.writeHead(401).end('{}');
  if (request.method === 'PATCH') site.wanted = { ...site.wanted, ...((await readJson(request)) as object) };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(site.wanted));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return JSON.parse(text);
}

async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const at = new URL(request.url ?? '/', 'http://localhost').pathname;
  state.paths.push(at);
  if (state.held && at.endsWith(state.held.end)) await state.held.released;
  if (at === '/api/terminal/token' && request.method === 'POST')
    return answerTicket(state, request, response);
  if (/^\/w\/[^/]+\/tasks(\/|$)/.test(at)) return state.answerTask(request, response);
  if (at.endsWith('/events')) return answerEvents(state, request, response);
  if (at.endsWith('/log')) return answerLog(state, request, response);
  if (at.endsWith('/ports')) return answerPorts(state, response);
  if (at.startsWith('/w/') && request.method === 'POST') return answerPress(state, request, response, at);
  if (at.startsWith('/w/'))
    return void response.writeHead(200, state.files.headers([])).end(state.files.html);
  const asset = answerAsset(state.files, at, request.headers['accept-encoding']);
  if (asset) response.writeHead(200, asset.headers).end(asset.body);
  else response.writeHead(404).end();
}

/** A test that answers tickets by itself tells nothing else. */
function answerEvents(state: State, request: IncomingMessage, response: ServerResponse): void {
  if (state.answer || state.told.phase === 'deleted') return void response.writeHead(404).end();
  if (request.headers.accept !== 'text/event-stream')
    return void response
      .writeHead(200)
      .end(
        JSON.stringify({ ...stateOf(state.told), wrote: writtenAfter(state.told, asked(request, 'log')) }),
      );
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  state.listeners.add(response);
  response.on('close', () => state.listeners.delete(response));
  hearOn(response, asked(request, 'log'));
  tell(response, state.told);
}

function answerLog(state: State, request: IncomingMessage, response: ServerResponse): void {
  const before = asked(request, 'before') || Infinity;
  response.writeHead(200).end(JSON.stringify(writtenBefore(state.told, before)));
}

/** A number in the address; 0: there is none. */
const asked = (request: IncomingMessage, name: string): number =>
  Number(new URL(request.url ?? '', 'http://localhost').searchParams.get(name) ?? 0);

function answerPress(state: State, request: IncomingMessage, response: ServerResponse, at: string): void {
  const key = String(request.headers['idempotency-key']);
  const turn = new URL(request.url ?? '', 'http://localhost').searchParams.get('turn');
  state.pressed.push({ verb: at.split('/').at(-1) ?? '', key, turn });
  const { status, body } = state.answerPress(state.pressed.length);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function answerTicket(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = (await readJson(request)) as TicketRequest;
  state.asked.push(asked);
  const { status, body } = state.answer?.(asked) ?? grant(state, request);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function grant(state: State, request: IncomingMessage): TicketAnswer {
  const { phase, isSilent, trigger } = state.told;
  if (isSilent) return grantless(503, 'node-silent', { phase, trigger })();
  const { guest } = state;
  if (phase === 'deleted' || (guest && !state.isShared)) return grantless(404, 'not-found')();
  const command = `${phase === 'failed' ? 'retry' : 'start'} api-412`;
  if (phase !== 'running') return grantless(409, 'not-running', { phase, command, trigger })();
  const ticket = `${randomUUID()}.${state.access}${state.mayOnlyLook ? '.look' : ''}`;
  state.tickets.set(ticket, guest);
  const workspace = {
    id: WORKSPACE,
    name: 'api-412',
    phase: 'running',
    repository: 'acme/api',
    ref: 'main',
  };
  const shared = guest && {
    sharedUntil: new Date(Date.now() + 3_600_000).toISOString(),
    ...(guest.may === 'view' && { isLooking: true }),
  };
  return {
    status: 200,
    body: { ticket, url: `ws://${request.headers.host}/terminal`, workspace, ...shared },
  };
}
