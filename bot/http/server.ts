// The one HTTP server: who gets which path. Routes by path first; bodies are read by whoever gets the request.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { messageOf, StartError } from '../errors.ts';
import {
  BodyError,
  fail,
  matchRoute,
  matchUpgrade,
  pathOf,
  refuseUpgrade,
  type Hosts,
  type Route,
  type Upgrade,
} from './routes.ts';
import { randomBase32 } from '../ids.ts';

export interface HttpServer {
  port: number;
  /** Until then every path answers 503. */
  serve(routes: readonly Route[], upgrades: readonly Upgrade[], hosts?: Hosts): void;
  /** Takes no new connection and lets answers under way end, for a moment. */
  close(): Promise<void>;
}

const CLOSE_AFTER_MS = 2_000;
/** For the whole of a request; what other hosts are sent may take as long as it does. */
const REQUEST_WITHIN_MS = 30_000;
/** A year, of this very host. */
const HSTS = 'max-age=31536000';

/** Resolves when it listens. Throws StartError if the port is taken or not allowed. */
export async function listen({
  host,
  port,
  baseUrl,
  log,
}: {
  host: string;
  port: number;
  /** As browsers reach it, through whatever ends their TLS. */
  baseUrl: string;
  log: Logger;
}): Promise<HttpServer> {
  let routes: readonly Route[] | undefined;
  let upgrades: readonly Upgrade[] = [];
  let hosts: Hosts | undefined;
  const server = createServer({ requestTimeout: 0, headersTimeout: 10_000 }, (req, res) => {
    if (baseUrl.startsWith('https:')) res.setHeader('strict-transport-security', HSTS);
    if (hosts?.owns(req)) return void passOn(hosts, req, res, log);
    limitTime(req);
    void dispatch(routes, req, res, log);
  });
  server.on('upgrade', (req, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (hosts?.owns(req)) void passOnUpgrade(hosts, req, socket, head, log);
    else void dispatchUpgrade(upgrades, req, socket, head, log);
  });
  await bind(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    serve(newRoutes, newUpgrades, newHosts) {
      routes = newRoutes;
      upgrades = newUpgrades;
      hosts = newHosts;
    },
    close: () => close(server),
  };
}

async function bind(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(refusedPort(error, host, port)));
    server.listen(port, host, resolve);
  });
}

function refusedPort(error: NodeJS.ErrnoException, host: string, port: number): StartError {
  if (error.code === 'EADDRINUSE')
    return new StartError(
      `Port ${port} is taken by another program. Choose another one: \`PORT=${port + 1} npm start\`.`,
      { cause: error },
    );
  if (error.code === 'EACCES')
    return new StartError(
      `This user may not listen on port ${port}. Choose one above 1023: \`PORT=3000 npm start\`.`,
      { cause: error },
    );
  return new StartError(
    `Sam cannot listen on ${host}:${port} (${error.code ?? error.message}). Look at HOST and PORT.`,
    { cause: error },
  );
}

async function dispatch(
  routes: readonly Route[] | undefined,
  req: IncomingMessage,
  res: ServerResponse,
  log: Logger,
): Promise<void> {
  try {
    if (!routes) return fail(res, 503, 'starting', 'Sam is starting. Try again in a moment.');
    const path = pathOf(req);
    const match = path === undefined ? undefined : matchRoute(routes, req.method, path);
    if (match === 'method')
      return fail(res, 405, 'method-not-allowed', `${req.method} is not for this address.`);
    if (!match) return fail(res, 404, 'not-found', 'There is nothing here.');
    await match.route.handle(req, res, match.params);
  } catch (error) {
    answerError(error, res, log);
  }
}

/** Whoever sends slowly on purpose holds nothing up. One that has no body never ends where nobody reads it: its answer may go on. */
function limitTime(req: IncomingMessage): void {
  const timer = setTimeout(() => void (req.complete || req.socket.destroy()), REQUEST_WITHIN_MS).unref();
  const end = () => clearTimeout(timer);
  req.once('end', end).once('close', end);
}

async function passOn(hosts: Hosts, req: IncomingMessage, res: ServerResponse, log: Logger): Promise<void> {
  try {
    await hosts.handle(req, res);
  } catch (error) {
    answerError(error, res, log);
  }
  // Of a body that nobody reads any more the rest comes in time, or not at all.
  if (!req.complete) limitTime(req);
}

const BODY_ERRORS: Record<BodyError['status'], string> = {
  400: 'broken-off',
  408: 'too-slow',
  413: 'too-large',
  503: 'busy',
};

function answerError(error: unknown, res: ServerResponse, log: Logger): void {
  if (res.headersSent) return void res.destroy();
  if (error instanceof BodyError) return fail(res, error.status, BODY_ERRORS[error.status], error.message);
  const ref = randomBase32(6);
  log.error({ err: error, ref }, 'a request failed');
  fail(res, 500, 'internal', `Something broke on our side (ref ${ref}). The log of the bot has the reason.`);
}

async function dispatchUpgrade(
  upgrades: readonly Upgrade[],
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  log: Logger,
): Promise<void> {
  try {
    const path = pathOf(req);
    const match = path === undefined ? undefined : matchUpgrade(upgrades, path);
    if (!match) return refuseUpgrade(socket, '404 Not Found');
    await match.upgrade.handle(req, socket, head, match.params);
  } catch (error) {
    log.error({ error: messageOf(error) }, 'an upgrade failed');
    socket.destroy();
  }
}

async function passOnUpgrade(
  hosts: Hosts,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  log: Logger,
): Promise<void> {
  try {
    await hosts.upgrade(req, socket, head);
  } catch (error) {
    log.error({ error: messageOf(error) }, 'an upgrade failed');
    socket.destroy();
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_AFTER_MS);
  await closed;
  clearTimeout(timer);
}
