// Bare repositories over smart HTTP: git's own backend behind a real server. Can want a password, fail, or hold a clone.
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createWatch } from '../../testers/watch.ts';

export interface GitServer {
  url: (path: string) => string;
  /** The packs that are asked for from now on wait until `release`. */
  hold: () => void;
  release: () => void;
  /** The same for packs that are pushed. */
  holdPush: () => void;
  heldPush: () => Promise<unknown>;
  /** Waits until somebody waits for a pack. */
  held: () => Promise<unknown>;
  /** Bytes that it has answered so far. */
  sent: () => number;
}

/** Serves what lies below `root`; with `token` only to whoever knows it; with `status` nothing but that. */
export async function serveGit(
  root: string,
  { token, status }: { token?: string; status?: number } = {},
): Promise<GitServer> {
  const wanted = token && `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
  const watch = createWatch();
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  let held = 0;
  let heldService = 'git-upload-pack';
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    if (status !== undefined) return response.writeHead(status).end();
    if (wanted && request.headers.authorization !== wanted) {
      return response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    }
    if (request.url?.endsWith(`/${heldService}`)) {
      held++;
      watch.changed();
      await gate.promise;
      // Whoever waited may be gone.
      if (response.destroyed) return;
    }
    return runBackend(root, request, response);
  };
  let sent = 0;
  const server = createServer((request, response) => {
    const { socket } = response;
    const before = socket?.bytesWritten ?? 0;
    response.on('close', () => (sent += (socket?.bytesWritten ?? 0) - before));
    void handle(request, response);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  onTestFinished(() => {
    gate.resolve();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const holdBack = (service: string): void => {
    gate = Promise.withResolvers<void>();
    heldService = service;
    held = 0;
  };
  return {
    url: (path) => `http://127.0.0.1:${port}/${path}`,
    hold: () => holdBack('git-upload-pack'),
    holdPush: () => holdBack('git-receive-pack'),
    heldPush: () =>
      watch.until(
        () => held > 0,
        () => 'a push to wait with its pack',
      ),
    release: () => gate.resolve(),
    sent: () => sent,
    // With protocol 2 the first request asks for refs, and it alone is enough to hold a clone.
    held: () =>
      watch.until(
        () => held > 0,
        () => 'a clone to wait for its pack',
      ),
  };
}

function runBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://localhost');
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      CONTENT_LENGTH: request.headers['content-length'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: (request.headers['git-protocol'] as string) ?? '',
      REMOTE_USER: 'x',
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(backend.stdin);
  backend.stdin.on('error', () => undefined);
  response.on('close', () => backend.kill());
  let head = Buffer.alloc(0);
  let isSent = false;
  backend.stdout.on('data', (chunk: Buffer) => {
    if (isSent) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    isSent = true;
    const fields = head
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(/:\s*/, 2) as [string, string]);
    const code = fields.find(([name]) => name.toLowerCase() === 'status')?.[1];
    for (const [name, value] of fields) if (name.toLowerCase() !== 'status') response.setHeader(name, value);
    response.writeHead(code === undefined ? 200 : Number.parseInt(code));
    response.write(head.subarray(end + 4));
  });
  backend.stdout.on('end', () => response.end());
}
