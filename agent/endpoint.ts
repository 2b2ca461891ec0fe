// The agent's HTTP server: `GET /terminal` as a WebSocket, nothing else. Knows no ticket and no pty.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Endpoint {
  port: number;
  close: () => Promise<void>;
}

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Listens on a free port of `host`. */
export async function createEndpoint(host: string, onTerminal: Upgrade): Promise<Endpoint> {
  const server = createServer((_request, response) => {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error":"not_found","message":"There is nothing here."}');
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (pathOf(request) === '/terminal') onTerminal(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  await listen(server, host);
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(server),
  };
}

function pathOf(request: IncomingMessage): string | undefined {
  return request.url?.split('?')[0];
}

function listen(server: Server, host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(0, host, resolve);
  return promise;
}

function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  return promise;
}
