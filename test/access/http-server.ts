// Routes and upgrades behind a real HTTP server on port 0, as bot/http/server.ts would serve them.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  BodyError,
  fail,
  matchRoute,
  matchUpgrade,
  pathOf,
  refuseUpgrade,
  type Route,
  type Upgrade,
} from '../../bot/http/routes.ts';

export type TestServer = { origin: string; close(): Promise<void> };

/** `build` is given the origin, because some routes have to know it. */
export async function serveRoutes(
  build: (origin: string) => Promise<{ routes?: Route[]; upgrades?: Upgrade[] }>,
): Promise<TestServer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  serve(server, await build(origin));
  return {
    origin,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function serve(
  server: Server,
  { routes = [], upgrades = [] }: { routes?: Route[]; upgrades?: Upgrade[] },
): void {
  server.on('request', (req, res) => {
    const found = matchRoute(routes, req.method, pathOf(req) ?? '');
    if (found === undefined || found === 'method')
      return fail(res, found ? 405 : 404, 'no-route', 'No such route.');
    Promise.resolve(found.route.handle(req, res, found.params)).catch((error: unknown) => {
      if (error instanceof BodyError) return fail(res, error.status, 'bad-body', error.message);
      console.error(error);
      fail(res, 500, 'internal', String(error));
    });
  });
  server.on('upgrade', (req, socket, head) => {
    const found = matchUpgrade(upgrades, pathOf(req) ?? '');
    if (!found) return refuseUpgrade(socket, '404 Not Found');
    void found.upgrade.handle(req, socket, head, found.params);
  });
}
