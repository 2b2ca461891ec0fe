// The route that gives tickets, over real HTTP and a real database, and what its tests ask of it. Tests nothing.
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { makeSigningKey } from '../../bot/access/keys.ts';
import { createKeys, type Keys } from '../../bot/access/keys.ts';
import { createLink } from '../../bot/access/links.ts';
import { startSession } from '../../bot/access/people/sessions.ts';
import type { RightLeft } from '../../bot/access/repository-guard.ts';
import { ticketRoutes } from '../../bot/access/terminal-token.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { serveRoutes, type TestServer } from './http-server.ts';
import { openRows, type Rows } from './rows.ts';

export interface TicketSite {
  rows: Rows;
  server: TestServer;
  keys: Keys;
  /** A new one for each test; it runs. */
  workspace: Workspace;
  /** What the forge says of its owner; `there` at the start of each test. */
  right: RightLeft;
  /** The same of whoever it is shared with. */
  guestRight: RightLeft;
}

export interface Asked {
  status: number;
  body: Record<string, unknown>;
  cookie: string | undefined;
  text: string;
}

/** What it gives is filled in before each test. */
export function useTicketSite() {
  const site = {} as TicketSite;
  beforeAll(async () => {
    site.rows = await openRows();
    site.server = await serveRoutes(async (baseUrl) => {
      site.keys = await createKeys({ pems: [makeSigningKey()], issuer: baseUrl });
      return {
        routes: ticketRoutes({
          db: site.rows.db,
          keys: site.keys,
          baseUrl,
          traitsOf: traitsIn(providers),
          forges: [],
          mayStill: async ({ guest }) => (guest === undefined ? site.right : site.guestRight),
          triggers: { console: '', slack: '/box', github: '/sam' },
        }),
      };
    });
  });
  afterAll(async () => {
    await site.server.close();
    await site.rows.close();
  });
  beforeEach(async () => {
    site.right = { is: 'there' };
    site.guestRight = { is: 'there' };
    site.workspace = await site.rows.addWorkspace();
  });
  return { site, ...actionsOn(site) };
}

function actionsOn(site: TicketSite) {
  async function ask(
    body: unknown,
    { cookie = '', ...headers }: Record<string, string> = {},
  ): Promise<Asked> {
    const { origin } = site.server;
    const response = await fetch(`${origin}/api/terminal/token`, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json', cookie, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const set = response.headers.get('set-cookie') ?? undefined;
    return { status: response.status, body: JSON.parse(text), cookie: set?.split(';')[0], text };
  }
  return {
    ask,
    /** A code for the workspace. */
    invite: async (to = site.workspace, user = to.owner): Promise<string> => {
      const link = { workspace: to.id, user, access: to.access };
      return new URL(await createLink(site.rows.db, site.server.origin, link)).hash.slice(1);
    },
    signIn: async (user: string) => `sam=${(await startSession(site.rows.db, user)).secret}`,
    change: (patch: Partial<Pick<Workspace, 'phase' | 'desired' | 'access'>>) =>
      site.rows.sql`update workspaces set ${site.rows.sql(patch)} where id = ${site.workspace.id}`,
  };
}
