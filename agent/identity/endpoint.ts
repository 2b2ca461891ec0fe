// The agent's HTTP server: upgrades at a few paths, nothing else. Knows no ticket and no pty.
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Endpoint {
  port: number;
  /** Serves new connections with this certificate; those that are open go on. For one that `isSecure` only. */
  certify: (pair: { key: string; cert: string }) => void;
  close: () => Promise<void>;
}

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface EndpointOptions {
  /** Absent: every address. */
  host: string | undefined;
  /** 0: a free one. */
  port: number;
  /** By https: until it is certified, every handshake fails. */
  isSecure: boolean;
}

/** The bot's machine may be gone without a word, and what it had open is nobody's then. */
const KEPT_ALIVE = { keepAlive: true, keepAliveInitialDelay: 60_000 };

const answer: RequestListener = (_request, response) => {
  response.writeHead(404, { 'content-type': 'application/json' });
  response.end('{"error":"not_found","message":"There is nothing here."}');
};

/** Resolves when it listens. */
export async function createEndpoint(
  { host, port, isSecure }: EndpointOptions,
  upgrades: Record<string, Upgrade>,
): Promise<Endpoint> {
  const secure = isSecure ? createSecureServer({ ...KEPT_ALIVE, minVersion: 'TLSv1.2' }, answer) : undefined;
  const server = secure ?? createServer(KEPT_ALIVE, answer);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const upgrade = new Map(Object.entries(upgrades)).get(pathOf(request) ?? '');
    if (upgrade) upgrade(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    certify: (pair) => secure?.setSecureContext({ ...pair, minVersion: 'TLSv1.2' }),
    close: () => close(server),
  };
}

function pathOf(request: IncomingMessage): string | undefined {
  return request.url?.split('?')[0];
}

function listen(server: Server | SecureServer, host: string | undefined, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  return promise;
}

function close(server: Server | SecureServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  return promise;
}
