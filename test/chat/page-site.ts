// The page of a workspace behind real HTTP, over a database of its own and without a reconciler.
import { startSession } from '../../bot/access/people/sessions.ts';
import { createPage, type Page } from '../../bot/chat/page/page.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';

export interface PageSite {
  rows: Rows;
  server: TestServer;
  page: Page;
  /** The cookie of a browser that they signed in with. */
  signIn(user: string): Promise<string>;
  close(): Promise<void>;
}

/** Everybody has the right that they need. */
export async function openPage(
  options: Partial<Pick<Parameters<typeof createPage>[0], 'forges' | 'triggers'>> = {},
): Promise<PageSite> {
  const rows = await openRows();
  const opened = Promise.withResolvers<Page>();
  const server = await serveRoutes((baseUrl) => {
    const mayStill = () => Promise.resolve({ is: 'there' } as const);
    const page = createPage({
      db: rows.db,
      forges: [],
      baseUrl,
      triggers: {},
      mayStill,
      beatMs: 50,
      ...options,
    });
    opened.resolve(page);
    return Promise.resolve({ routes: [...page.routes] });
  });
  const page = await opened.promise;
  return {
    rows,
    server,
    page,
    signIn: async (user) => `sam=${(await startSession(rows.db, user)).secret}`,
    async close() {
      await page.stop();
      await server.close();
      await rows.close();
    },
  };
}
