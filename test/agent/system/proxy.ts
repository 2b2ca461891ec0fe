// The only way out of a closed network: a proxy that wants a password and knows names that nobody else knows, and an authority of
// one's own that signs for them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:tls';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createAuthority } from '../../agent-artifact/authority.ts';

export interface ClosedNetwork {
  /** With its user and password. */
  proxy: string;
  /** The file with the authority's certificate. */
  authority: string;
  /** What the proxy was asked for, each once: `CONNECT bot.test:443`, `GET http://…`. */
  asked: () => string[];
  /** From here on `https://NAME` is what listens on this port. */
  serve: (name: string, port: number) => Promise<void>;
}

const DENIED =
  'HTTP/1.1 407 Denied\r\nProxy-Authenticate: Basic realm="closed"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
const WANTED = `Basic ${Buffer.from('sam:s3cret').toString('base64')}`;

export async function openClosedNetwork(): Promise<ClosedNetwork> {
  const folder = mkdtempSync(join(tmpdir(), 'sam-closed-'));
  const authority = createAuthority();
  const certificate = join(folder, 'authority.pem');
  writeFileSync(certificate, authority.certificate);
  const doors = new Map<string, number>();
  const asked = new Set<string>();
  const servers: { close: () => unknown }[] = [];
  onTestFinished(() => {
    for (const server of servers) server.close();
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  const proxy = createProxy(doors, asked);
  servers.push(proxy);
  return {
    proxy: `http://sam:s3cret@127.0.0.1:${await listen(proxy)}`,
    authority: certificate,
    asked: () => [...asked],
    async serve(name, port) {
      const [key, csr] = [join(folder, `${name}.key`), join(folder, `${name}.csr`)];
      const made = [
        'req',
        '-new',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        key,
        '-out',
        csr,
        '-subj',
        `/CN=${name}`,
      ];
      execFileSync('openssl', made, { stdio: 'ignore' });
      const cert = await authority.issue(readFileSync(csr, 'utf8'), name);
      const door = createTlsServer({ key: readFileSync(key), cert }, (socket) => {
        const inner = connect(port, '127.0.0.1');
        socket.pipe(inner).pipe(socket);
        for (const one of [socket, inner])
          one.on('error', () => [socket, inner].map((each) => each.destroy()));
      });
      servers.push(door);
      doors.set(`${name}:443`, await listen(door));
    },
  };
}

function createProxy(doors: Map<string, number>, asked: Set<string>): Server {
  const proxy = createServer((request, response) => {
    asked.add(`${request.method} ${request.url}`);
    response.writeHead(501).end();
  });
  return proxy.on('connect', ({ url = '', headers }, socket) => {
    asked.add(`CONNECT ${url}`);
    const port = doors.get(url);
    if (headers['proxy-authorization'] !== WANTED) return socket.end(DENIED);
    if (port === undefined) return socket.end('HTTP/1.1 502 Unknown\r\n\r\n');
    const inner = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(inner).pipe(socket);
    });
    for (const one of [socket, inner]) one.on('error', () => [socket, inner].map((each) => each.destroy()));
  });
}

async function listen(server: Server | ReturnType<typeof createTlsServer>): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}
