// What every fake of a vendor has: a real HTTP server on a free port, a record of what it saw, and faults on demand.
// Knows no vendor.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: NodeJS.Dict<string | string[]>;
  /** As it came. */
  body: string;
}

export interface FakeAnswer {
  status: number;
  /** Sent as JSON; a string as it is. */
  body: unknown;
  headers?: Record<string, string>;
}

/** Those with "after" do what was asked before they spoil the answer; the others do nothing. */
export const FAULTS = [
  'reset',
  'reset after',
  'no answer',
  'no answer after',
  /** Done only when the client has given up. */
  'too late',
  '502',
  '502 after',
  '503',
  'redirect',
  'html',
  'half an answer after',
  'an endless answer after',
  'odd answer after',
] as const;

export type Fault = (typeof FAULTS)[number] | FakeAnswer;

export interface Trap {
  /** Both must fit; a missing one fits all. The path is without query. */
  method?: string;
  path?: RegExp;
  fault: Fault;
  /** How many requests it takes; 1 if not said. */
  times?: number;
}

export interface FakeServer {
  url: string;
  seen: (FakeRequest & { status: number | undefined })[];
  fail(trap: Trap): void;
  /** Traps that nothing ran into. */
  unsprung(): Trap[];
  close(): Promise<void>;
}

export async function startFake(
  answer: (request: FakeRequest) => Promise<FakeAnswer> | FakeAnswer,
): Promise<FakeServer> {
  const seen: FakeServer['seen'] = [];
  const traps: Trap[] = [];
  const server = createServer((request, response) => void serve(request, response).catch(broken(response)));

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await read(incoming);
    const entry: FakeServer['seen'][number] = { ...request, status: undefined };
    seen.push(entry);
    const fault = spring(traps, request);
    const reply = fault === undefined ? await answer(request) : await spoil(fault, request, response);
    if (!reply) return;
    entry.status = reply.status;
    send(response, reply);
  }

  async function spoil(
    fault: Fault,
    request: FakeRequest,
    response: ServerResponse,
  ): Promise<FakeAnswer | undefined> {
    if (typeof fault === 'object') return fault;
    if (fault === 'too late') await once(response, 'close');
    const done = fault.endsWith('after') || fault === 'too late' ? await answer(request) : undefined;
    if (done && done.status >= 300 && fault !== 'too late') return done;
    switch (fault) {
      case 'reset':
      case 'reset after':
        response.destroy();
        return undefined;
      case 'no answer':
      case 'no answer after':
      case 'too late':
        return undefined;
      case '502':
      case '502 after':
        return { status: 502, body: '<html>Bad Gateway</html>' };
      case '503':
        return { status: 503, body: { error: { code: 'unavailable', message: 'try again' } } };
      case 'redirect':
        return { status: 302, body: '', headers: { location: '/somewhere' } };
      case 'html':
        return { status: 200, body: '<html>Sign in to this network</html>' };
      case 'odd answer after':
        return { status: done?.status ?? 200, body: { unexpected: true } };
      case 'half an answer after':
        response.writeHead(done?.status ?? 200, {
          'content-type': 'application/json',
          'content-length': 999,
        });
        response.write(JSON.stringify(done?.body ?? {}).slice(0, 20), () => response.destroy());
        return undefined;
      case 'an endless answer after':
        response.writeHead(done?.status ?? 200, { 'content-type': 'application/json' });
        drip(response);
        return undefined;
      default:
        return fault satisfies never;
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    fail: (trap) => void traps.push({ times: 1, ...trap }),
    unsprung: () => traps.filter(({ times = 0 }) => times > 0),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function spring(traps: Trap[], { method, path }: FakeRequest): Fault | undefined {
  const trap = traps.find(
    (one) => (one.times ?? 0) > 0 && (one.method ?? method) === method && (one.path?.test(path) ?? true),
  );
  if (!trap) return undefined;
  trap.times = (trap.times ?? 0) - 1;
  return trap.fault;
}

async function read(incoming: IncomingMessage): Promise<FakeRequest> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://fake');
  return {
    method: incoming.method ?? 'GET',
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: incoming.headers,
    body: Buffer.concat(parts).toString(),
  };
}

function send(response: ServerResponse, { status, body, headers }: FakeAnswer): void {
  const isText = typeof body === 'string';
  response.writeHead(status, {
    'content-type': isText ? 'text/html' : 'application/json; charset=utf-8',
    ...headers,
  });
  response.end(status === 204 ? undefined : isText ? body : JSON.stringify(body));
}

/** Never silent, and never done. */
function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write(' '), 20);
  response.on('close', () => clearInterval(timer));
}

/** A fake that breaks must not look like a vendor that does. */
const broken =
  (response: ServerResponse) =>
  (error: unknown): void => {
    if (response.destroyed) return;
    console.error(error);
    response.writeHead(599).end(String(error));
  };
