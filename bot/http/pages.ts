// The terminal's page and its assets over HTTP. One page for every workspace, or the one 404; asks somebody else for whom.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerAsset, type PageFiles } from './page-bundle.ts';
import { maySeePage, type PageGuard } from '../access/people/page-guard.ts';
import { noSuchWorkspace, sendPage } from '../access/people/sign-in-pages.ts';
import { fail, pathOf, type Route } from './routes.ts';

/**
 * `nodeOrigins`: where terminals are, as `wss://*.example.com`; the bot itself is always one. `guard`: without it the page is
 * there for everyone, and who may do what is asked later, by POST.
 */
export function pageRoutes(page: PageFiles, nodeOrigins: string[], guard?: PageGuard): Route[] {
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
      async handle(req, res, params) {
        const isThere = !guard || (await maySeePage(guard, req, params['workspace'] ?? ''));
        if (isThere) res.writeHead(200, headers).end(page.html);
        else sendPage(res, noSuchWorkspace(guard.openCommand));
      },
    },
    ...[...page.assets.keys()].map((path): Route => ({ method: 'GET', path, handle: asset })),
  ];
}
