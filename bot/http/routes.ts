// Routes, bodies and answers of our own HTTP paths. Knows no path, no person and no database.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export type Params = Record<string, string>;

/** `path` may hold `:name` for one whole segment; `params` has what stood there, decoded. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  /** Answers. What it throws is a bug (but a `BodyError`): the server logs it and answers 500. */
  handle(req: IncomingMessage, res: ServerResponse, params: Params): Promise<void> | void;
}

/** A WebSocket's path. `handle` owns the socket, its errors included, and never throws. */
export interface Upgrade {
  path: string;
  handle(req: IncomingMessage, socket: Duplex, head: Buffer, params: Params): Promise<void> | void;
}

/** Hosts of their own at this server: of a request there no route of ours ever hears, whatever its path. */
export interface Hosts {
  owns(req: IncomingMessage): boolean;
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Owns the socket from here on. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
}

export type Match = { route: Route; params: Params };

/** `method`: the path is known, but not for this method. Undefined: the path is unknown. HEAD finds GET. */
export function matchRoute(
  routes: readonly Route[],
  method: string | undefined,
  path: string,
): Match | 'method' | undefined {
  const wanted = method === 'HEAD' ? 'GET' : method;
  let isKnown = false;
  for (const route of routes) {
    const params = matchPath(route.path, path);
    if (!params) continue;
    if (route.method === wanted) return { route, params };
    isKnown = true;
  }
  return isKnown ? 'method' : undefined;
}

export function matchUpgrade(
  upgrades: readonly Upgrade[],
  path: string,
): { upgrade: Upgrade; params: Params } | undefined {
  for (const upgrade of upgrades) {
    const params = matchPath(upgrade.path, path);
    if (params) return { upgrade, params };
  }
  return undefined;
}

/**
 * The path of a request. Undefined for one that is not normalised, which proxies and we could read in two ways: what stands
 * behind `//`, a dot segment or a backslash, percent-encoded too, is none of our addresses.
 */
export function pathOf(req: IncomingMessage): string | undefined {
  const [path = ''] = (req.url ?? '').split('?', 1);
  const isNormal = path.startsWith('/') && !/\/\/|%2f|%5c/i.test(path);
  return isNormal && URL.parse(path, 'http://localhost')?.pathname === path ? path : undefined;
}

function matchPath(pattern: string, path: string): Params | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const params: Params = {};
  for (const [index, part] of wanted.entries()) {
    const value = decode(given[index] ?? '');
    if (part.startsWith(':') && value) params[part.slice(1)] = value;
    else if (part !== given[index]) return undefined;
  }
  return params;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** A body that was not read: too large (413), broken off (400), too slow (408), or given up for newer ones (503). */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly status: 400 | 408 | 413 | 503;
  constructor(status: BodyError['status'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** Bodies are held before anybody knows who sent them: so much in all, and no longer than that. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
const READ_WITHIN_MS = 15_000;

interface Reading {
  size: number;
  fail(error: BodyError): void;
}

/** The oldest first. */
const readings = new Set<Reading>();
let heldBytes = 0;

/** The whole body, `limit` bytes at most. Throws a BodyError. */
export async function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  const tooLarge = (): BodyError => new BodyError(413, `The request is larger than ${limit} bytes.`);
  if (Number(req.headers['content-length'] ?? 0) > limit) throw tooLarge();
  const parts: Buffer[] = [];
  const whole = Promise.withResolvers<void>();
  const reading: Reading = { size: 0, fail: whole.reject };
  const take = (part: Buffer): void => {
    reading.size += part.length;
    heldBytes += part.length;
    parts.push(part);
    if (reading.size > limit) reading.fail(tooLarge());
    else makeRoom();
  };
  const breakOff = (cause?: Error): void =>
    reading.fail(new BodyError(400, 'The request broke off.', { cause }));
  const late = (): void => reading.fail(new BodyError(408, 'The request took too long to arrive.'));
  const timer = setTimeout(late, READ_WITHIN_MS);
  readings.add(reading);
  if (req.destroyed) breakOff();
  req.on('data', take).once('end', whole.resolve).once('error', breakOff).once('close', breakOff);
  try {
    await whole.promise;
    return Buffer.concat(parts);
  } finally {
    clearTimeout(timer);
    readings.delete(reading);
    heldBytes -= reading.size;
    req.off('data', take).off('end', whole.resolve).off('close', breakOff).pause();
  }
}

/** As `readBody`. Undefined: it is no JSON. */
export async function readJson(req: IncomingMessage, limit: number): Promise<unknown> {
  const body = await readBody(req, limit);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Ours arrive at once: what has been arriving for the longest goes first. */
function makeRoom(): void {
  for (const reading of readings) {
    if (heldBytes <= MAX_HELD_BYTES) return;
    heldBytes -= reading.size;
    reading.size = 0;
    readings.delete(reading);
    reading.fail(new BodyError(503, 'Too much arrives at once. Try again in a moment.'));
  }
}

/** Nothing that our own routes say may be kept by a cache, unless the route's headers say so. */
export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  // Node would read on to the end of a body that we refused, however long it is.
  const rest = res.req.complete ? {} : { connection: 'close' };
  res
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...rest,
      ...headers,
    })
    .end(res.req.method === 'HEAD' ? undefined : text);
}

/** An error as JSON: `{error, message, …extra}`. `code` is stable, `message` a sentence for people. */
export function fail(
  res: ServerResponse,
  status: number,
  code: string,
  message: string,
  extra: Record<string, unknown> = {},
): void {
  sendJson(res, status, { error: code, message, ...extra });
}

/** Refuses an upgrade with a bare status line, such as `403 Forbidden`. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

/** Whether a browser sent this from one of our own pages. */
export function isFromOrigin(req: IncomingMessage, origin: string): boolean {
  return req.headers.origin === origin;
}
