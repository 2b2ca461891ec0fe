// The terminal's page and its assets over HTTP. The same bytes for everyone: who may do what is asked later, by POST.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerAsset, type PageFiles } from '../web-terminal/bundle.ts';
import { fail, pathOf, type Route } from './http.ts';

/** `nodeOrigins`: where terminals are, as `wss://*.example.com`; the bot itself is always one. */
export function pageRoutes(page: PageFiles, nodeOrigins: string[]): Route[] {
  const headers = page.headers(nodeOrigins);
  const asset = (req: IncomingMessage, res: ServerResponse): void => {
    const found = answerAsset(page, pathOf(req) ?? '', String(req.headers['accept-encoding'] ?? ''));
    if (!found) return fail(res, 404, 'not-found', 'There is nothing here.');
    res.writeHead(200, found.headers).end(found.body);
  };
  return [
    {
      method: 'GET',
      path: '/w/:workspace',
      handle: (_req, res) => void res.writeHead(200, headers).end(page.html),
    },
    ...[...page.assets.keys()].map((path): Route => ({ method: 'GET', path, handle: asset })),
  ];
}
