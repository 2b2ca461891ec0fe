// A registry that answers everything with one status, over TLS, or not at all; and the proxy that leads every program to it, so
// that nothing gets out.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';

/** `status` 0: it never answers. */
export async function startRegistry(status: number) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-registry-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=registry.test', '-addext', 'subjectAltName=DNS:registry.test'];
  const kind = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  execFileSync('openssl', [...kind, '-keyout', key, '-out', certificate, ...subject], { stdio: 'ignore' });
  const state = { status, requests: [] as string[] };
  const server = https.createServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (request, response) => {
      state.requests.push(`${request.method} ${request.url}`);
      if (state.status === 0) return;
      response.writeHead(state.status, { 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"UNAVAILABLE","message":"no"}]}');
    },
  );
  const proxy = http.createServer().on('connect', (_request, client: Duplex) => {
    const way = connect(portOf(server), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      way.pipe(client).pipe(way);
    });
    for (const end of [way, client]) end.on('error', () => [way, client].map((one) => one.destroy()));
  });
  for (const one of [server, proxy]) await once(one.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    proxy.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    state,
    env: { NODE_EXTRA_CA_CERTS: certificate, https_proxy: `http://127.0.0.1:${portOf(proxy)}` },
  };
}

const portOf = (server: http.Server | https.Server): number => (server.address() as AddressInfo).port;
