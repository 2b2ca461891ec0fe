// The one WebSocket to the bot: dialled, kept alive, dialled again. Knows messages, not what they mean.
import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';
import { backoffMs } from './backoff.ts';
import { describeError, type Log } from '../log.ts';
import { parseBotMessage } from './messages.ts';
import { PING_EVERY_MS, type AgentMessage, type Bootstrap, type BotMessage } from '../protocol.ts';

const HANDSHAKE_TIMEOUT_MS = 15_000;
const MAX_MESSAGE_BYTES = 4 << 20;
const GOOD_AFTER_MS = 5_000;

export type Send = (message: AgentMessage) => void;

export interface ConnectionOptions {
  credentials: { current(): Bootstrap; renew(): Promise<Bootstrap> };
  /** A new connection is open. What `send` is given after its end is dropped: the next `onOpen` says everything. */
  onOpen: (send: Send) => void;
  onMessage: (message: BotMessage) => void;
  onEnd: () => void;
  log: Log;
  signal: AbortSignal;
  pingEveryMs?: number;
  /** The first and the longest wait before dialling again. */
  backoff?: { firstMs: number; maxMs: number };
}

/** Keeps a connection for as long as `signal` lets it; resolves after that. */
export async function keepConnected(options: ConnectionOptions): Promise<void> {
  const { signal, log, backoff = { firstMs: 500, maxMs: 30_000 } } = options;
  let attempt = 0;
  while (!signal.aborted) {
    const end = await connectOnce(options).catch((error: unknown) => ({
      reason: describeError(error),
      goodMs: 0,
      isUnauthorized: false,
    }));
    if (signal.aborted) return;
    attempt = end.goodMs >= GOOD_AFTER_MS ? 0 : attempt + 1;
    log.warn('no connection to the bot; dialling again', { reason: end.reason });
    try {
      if (end.isUnauthorized) await options.credentials.renew();
      await delay(backoffMs(attempt - 1, backoff.firstMs, backoff.maxMs), undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

interface End {
  reason: string;
  /** How long the connection was open. */
  goodMs: number;
  /** The bot refused the token. */
  isUnauthorized: boolean;
}

function connectOnce(options: ConnectionOptions): Promise<End> {
  const { connect, token } = options.credentials.current();
  const socket = new WebSocket(connect, {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    // Those that go by the environment's proxies; the library has none of its own.
    agent: connect.startsWith('wss:') ? https.globalAgent : http.globalAgent,
  });
  const { promise, resolve } = Promise.withResolvers<End>();
  let openedAt: number | undefined;
  let reason = 'the connection closed';
  let isUnauthorized = false;
  const hangUp = () => socket.terminate();
  options.signal.addEventListener('abort', hangUp, { once: true });
  socket.on('unexpected-response', (_request, response) => {
    reason = `the bot answered ${response.statusCode}`;
    isUnauthorized = response.statusCode === 401;
    response.resume();
    socket.terminate();
  });
  socket.on('error', (error) => (reason = openedAt === undefined && isUnauthorized ? reason : error.message));
  socket.once('open', () => {
    openedAt = performance.now();
    keepAlive(socket, options.pingEveryMs ?? PING_EVERY_MS);
    serve(socket, options);
  });
  socket.once('close', () => {
    options.signal.removeEventListener('abort', hangUp);
    if (openedAt !== undefined) options.onEnd();
    const goodMs = openedAt === undefined ? 0 : performance.now() - openedAt;
    resolve({ reason, goodMs, isUnauthorized });
  });
  return promise;
}

function serve(socket: WebSocket, { onOpen, onMessage, log }: ConnectionOptions): void {
  socket.on('message', (data: Buffer) => {
    const message = parseBotMessage(data.toString(), (count) =>
      log.warn('of some workspaces the bot wants what this agent does not understand', { count }),
    );
    if (message === undefined) log.warn('the bot said something that this agent does not understand');
    else onMessage(message);
  });
  log.info('connected to the bot');
  onOpen((message) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  });
}

/** Pings, and hangs up when three in a row brought nothing back. */
function keepAlive(socket: WebSocket, everyMs: number): void {
  let heardAt = performance.now();
  const hear = () => (heardAt = performance.now());
  socket.on('message', hear).on('ping', hear).on('pong', hear);
  const timer = setInterval(() => {
    if (performance.now() - heardAt > 3 * everyMs) socket.terminate();
    else socket.ping();
  }, everyMs);
  socket.once('close', () => clearInterval(timer));
}
