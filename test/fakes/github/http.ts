// Requests read and noted, answers sent or broken. Knows no path.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Failure } from './faults.ts';
import type { World } from './model.ts';

export interface Logged {
  method: string;
  /** With the query. */
  path: string;
  auth: 'none' | 'app' | 'client' | 'installation' | 'user' | 'bad';
  authorization: string | undefined;
  operation: string | undefined;
  /** Empty for git, whose bodies are packs. */
  body: string;
  /** 0: the connection was broken. */
  status: number;
}

export function startEntry(request: IncomingMessage): Logged {
  return {
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    auth: 'none',
    authorization: request.headers.authorization,
    operation: undefined,
    body: '',
    status: 0,
  };
}

export async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** Whatever is answered from now on only breaks the connection. */
export function breakAnswer(response: ServerResponse): void {
  const broken = () => (response.destroy(), response);
  Object.assign(response, { writeHead: () => response, write: broken, end: broken });
}

export function flatten(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
}

export function failNow(response: ServerResponse, { status, body, headers }: Failure): void {
  if (typeof status !== 'number') return void response.destroy();
  sendJson(response, status, body ?? { message: 'Something went wrong', documentation_url: '' }, headers);
}

/** The date goes with the injected clock, as clients correct theirs by it. */
export function limits(world: World): Record<string, string> {
  const reset = Math.floor(world.now().getTime() / 1000) + 3600;
  return {
    date: world.now().toUTCString(),
    'x-ratelimit-limit': '5000',
    'x-ratelimit-remaining': '4999',
    'x-ratelimit-used': '1',
    'x-ratelimit-reset': String(reset),
    'x-ratelimit-resource': 'core',
  };
}

/** As GitHub does: the mark is the answer's and the token's, and who names it hears 304 without a body. */
export function sendConditional(
  { method, headers }: { method: string; headers: Record<string, string> },
  response: ServerResponse,
  reply: { status: number; body?: unknown; headers?: Record<string, string> },
  limits: Record<string, string>,
): void {
  const all = { ...limits, ...reply.headers };
  if (method !== 'GET' || reply.status !== 200) return sendJson(response, reply.status, reply.body, all);
  const hash = createHash('sha256').update(`${headers['authorization']}\0${JSON.stringify(reply.body)}`);
  const etag = `W/"${hash.digest('hex')}"`;
  if (headers['if-none-match'] === etag) return void response.writeHead(304, { ...limits, etag }).end();
  sendJson(response, 200, reply.body, { ...all, etag });
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  if (body === undefined) return void response.writeHead(status, headers).end();
  const type = { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(status, { ...type, ...headers }).end(JSON.stringify(body));
}
