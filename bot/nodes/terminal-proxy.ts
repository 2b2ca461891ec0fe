// The terminals of nodes beside the bot, through the bot's own port: bytes in, bytes out. Checks where a browser comes from and
// nothing else; the agent checks the ticket. Knows no frame.
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { messageOf } from '../errors.ts';
import { isFromOrigin, refuseUpgrade, type Params, type Upgrade } from '../http/routes.ts';
import type { Traits } from '../providers/provider.ts';
import { findNode, type Executor } from '../workspaces/store.ts';

const MAX_HEAD_BYTES = 8192;
const CONNECT_TIMEOUT_MS = 5_000;
/** No cookie and no authorization: a workspace's machine gets nothing that the bot would take. */
const FORWARDED = [
  'origin',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
];

export interface TerminalPipeOptions {
  db: Executor;
  /** The one whose Origin may connect. */
  baseUrl: string;
  log: Logger;
  /** Of the provider that a node's row names. */
  traitsOf: (provider: string) => Pick<Traits, 'terminal'>;
}

export interface TerminalPipe {
  upgrade: Upgrade;
  /** Cuts all that are open. */
  close(): void;
}

export function createTerminalPipe(options: TerminalPipeOptions): TerminalPipe {
  const open = new Set<Duplex>();
  const origin = new URL(options.baseUrl).origin;
  return {
    upgrade: {
      path: '/nodes/:node/terminal',
      handle: async (req, socket, head, params) => {
        socket.on('error', () => socket.destroy());
        if (!isFromOrigin(req, origin)) return refuseUpgrade(socket, '403 Forbidden');
        open.add(socket);
        socket.once('close', () => open.delete(socket));
        await join(options, req, socket, head, params);
      },
    },
    close: () => {
      for (const socket of open) socket.destroy();
    },
  };
}

async function join(
  options: TerminalPipeOptions,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  params: Params,
): Promise<void> {
  try {
    const port = await findTerminalPort(options, params['node'] ?? '');
    const request = requestFor(req);
    if (port === undefined) return refuseUpgrade(socket, '404 Not Found');
    if (request.length > MAX_HEAD_BYTES) return refuseUpgrade(socket, '431 Request Header Fields Too Large');
    const agent = await dial(port);
    agent.write(request);
    agent.write(head);
    // Back-pressure comes with it, and whichever side breaks takes the other along.
    pipeline(socket, agent, socket, () => {});
  } catch (error) {
    options.log.warn({ node: params['node'], error: messageOf(error) }, 'no way to the terminals of a node');
    refuseUpgrade(socket, '503 Service Unavailable');
  }
}

async function findTerminalPort(
  { db, traitsOf }: TerminalPipeOptions,
  nodeId: string,
): Promise<number | undefined> {
  if (!/^nd-[a-z2-7]{12}$/.test(nodeId)) return undefined;
  const node = await findNode(db, nodeId);
  if (!node || node.phase === 'deleted' || traitsOf(node.provider).terminal !== 'pipe') return undefined;
  if (node.terminalPort === null) throw new Error('its agent has not said where they are');
  return node.terminalPort;
}

function requestFor(req: IncomingMessage): Buffer {
  const headers = FORWARDED.flatMap((name) => {
    const value = req.headers[name];
    return value === undefined ? [] : [`${name}: ${String(value)}`];
  });
  const lines = ['GET /terminal HTTP/1.1', 'host: localhost', 'connection: Upgrade', 'upgrade: websocket'];
  return Buffer.from([...lines, ...headers, '', ''].join('\r\n'), 'latin1');
}

function dial(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const agent = connect({ host: '127.0.0.1', port, noDelay: true });
  agent.setTimeout(CONNECT_TIMEOUT_MS, () => agent.destroy(new Error('it does not answer')));
  // Stays for the life of the socket: there is a moment before the pipe listens too.
  agent.on('error', reject);
  agent.once('connect', () => {
    agent.setTimeout(0);
    resolve(agent);
  });
  return promise;
}
