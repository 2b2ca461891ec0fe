// The tester of ports without a machine: the bot's end and the agent's over real HTTP and a real database, rows in place of a workspace,
// and a program that listens. Tests nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pino } from 'pino';
import { createEndpoint } from '../../agent/identity/endpoint.ts';
import { createTunnels } from '../../agent/ports/tunnels.ts';
import { dial } from '../../agent/runtimes/ports.ts';
import { createKeys, keyRoutes, makeSigningKey } from '../../bot/access/keys.ts';
import { startSession } from '../../bot/access/people/sessions.ts';
import { signInRoutes } from '../../bot/access/people/sign-in.ts';
import { createRepositoryGuard, type RightLeft } from '../../bot/access/repository-guard.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { ProviderError } from '../../bot/errors.ts';
import type { Forge, Permission } from '../../bot/forges/forge.ts';
import { listen } from '../../bot/http/server.ts';
import { createPortAddresses } from '../../bot/ports/addresses.ts';
import { createPorts } from '../../bot/ports/ports.ts';
import { savePort } from '../../bot/ports/ports-store.ts';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { noteUse } from '../../bot/workspaces/store/workspace-changes.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { findFreePort } from '../free-port.ts';
import { createBrowser, type Browser } from './browser.ts';

export interface Stand extends AsyncDisposable {
  rows: Rows;
  baseUrl: string;
  workspace: Workspace;
  /** Where the program listens. */
  port: number;
  /** Of the program's port, or another one; of the workspace, or another one. */
  origin(port?: number, workspace?: string): string;
  /** What the agent knows of the workspace. */
  node: { running: boolean; access: number };
  /** What the forge says of people, by id; of the owner `right`. */
  levels: Map<string, Permission['level'] | 'silent'>;
  right: RightLeft;
  /** Whose right was asked for, and how old the answer might be; undefined: a person asked, and it counts. */
  asks: { person: string; maxAgeMs: number | undefined }[];
  /** Nobody; or the browser of somebody who signed in. */
  browser(user?: string): Promise<Browser>;
  /** Somebody whom the forge lets do so much. */
  meet(level: Permission['level']): Promise<string>;
  /** At who is there, as after a hint. */
  look(): Promise<void>;
  say(said: { share?: boolean; closed?: boolean; port?: number }): Promise<void>;
  /** Stops it, as the command does. */
  stop(): Promise<void>;
}

const silent = pino({ level: 'silent' });

export async function openStand({ answerWithinMs = 60_000 } = {}): Promise<Stand> {
  await using ending = new AsyncDisposableStack();
  const rows = await openRows();
  ending.defer(() => rows.close());
  const own = await findFreePort();
  const baseUrl = `http://localhost:${own}`;
  const server = await listen({ host: '127.0.0.1', port: own, baseUrl, log: silent });
  ending.defer(() => server.close());
  const keys = await createKeys({ pems: [makeSigningKey()], issuer: baseUrl });
  const node = { running: true, access: 1 };
  const tunnels = createTunnels({
    tickets: { jwks: `http://127.0.0.1:${own}/.well-known/jwks.json`, issuer: baseUrl, startedAt: 0 },
    find: (id) => (id === workspace.id ? { ...node, connect: (port) => dial('127.0.0.1', port) } : undefined),
    log: () => {},
  });
  ending.defer(() => tunnels.close());
  const endpoint = await createEndpoint(
    { host: '127.0.0.1', port: 0, isSecure: false },
    { '/port': tunnels.handleUpgrade },
  );
  ending.defer(() => endpoint.close());
  const owner = await rows.addUser('ann');
  const { id: nodeId } = await rows.addNode({ owner, terminalPort: endpoint.port });
  const workspace = await rows.addWorkspace({ owner, nodeId });
  const levels: Stand['levels'] = new Map();
  const stand = { right: { is: 'there' } as RightLeft, asks: [] as Stand['asks'] };
  const forges = [forgeOf(levels)];
  const guard = createRepositoryGuard({ db: rows.db, forges, log: silent });
  const addresses = createPortAddresses('localhost', baseUrl);
  const ports = createPorts({
    db: rows.db,
    baseUrl,
    addresses,
    keys,
    forges,
    log: silent,
    async mayStill(asked, maxAgeMs) {
      stand.asks.push({ person: asked.guest ?? asked.owner, maxAgeMs });
      return asked.guest === undefined ? stand.right : guard(asked, maxAgeMs);
    },
    traitsOf: traitsIn(providers),
    answerWithinMs,
    use: { idleMsOf: () => 3_600_000, keep: ({ id }) => noteUse(rows.db, id, 60_000), everyMs: 0 },
    commands: { open: '/sam open', start: '/sam start', port: '/sam port' },
  });
  ending.defer(() => ports.close());
  await rows.sql.listen('sam', (hint) => {
    if (hint.startsWith('ports:')) void ports.look({ workspace: hint.slice(6) });
    if (hint.startsWith('desired:')) void ports.look({ node: hint.slice(8) });
  });
  const signIn = signInRoutes({
    db: rows.db,
    baseUrl,
    keys: [],
    forges: [],
    log: silent,
    openCommand: '/sam open',
  });
  server.serve([...keyRoutes(keys), ...ports.routes, ...signIn], [], ports.hosts);
  const port = await startProgram(ending);
  const rest = ending.move();
  return Object.assign(stand, {
    rows,
    baseUrl,
    workspace,
    port,
    node,
    levels,
    origin: (number = port, id = workspace.id) => addresses.origin({ workspace: id, port: number }),
    async browser(user?: string) {
      const browser = createBrowser();
      if (user !== undefined) browser.keep(baseUrl, `sam=${(await startSession(rows.db, user)).secret}`);
      return browser;
    },
    async meet(level: Permission['level']) {
      const user = await rows.addUser(level);
      await rows.sql`insert into identities (source, external_id, user_id, login) values ('fake', ${user}, ${user}, ${user})`;
      levels.set(user, level);
      return user;
    },
    say: ({ share = false, closed = false, port: number = port }) =>
      savePort(
        rows.db,
        { workspace: workspace.id, port: number },
        { sharedAccess: share ? workspace.access : null, isClosed: closed },
      ),
    look: () => ports.look(),
    async stop() {
      await rows.sql`update workspaces set desired = 'stopped', access = access + 1 where id = ${workspace.id}`;
      await rows.sql.notify('sam', `desired:${nodeId}`);
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  } satisfies Omit<Stand, 'right' | 'asks'>);
}

function forgeOf(levels: Stand['levels']): Forge {
  const forge: Pick<Forge, 'name' | 'title' | 'url' | 'readPermission'> = {
    name: 'fake',
    title: 'Fake Forge',
    url: 'https://github.com',
    async readPermission(_label, { id }) {
      const level = levels.get(id) ?? 'none';
      if (level === 'silent')
        throw new ProviderError({ provider: 'fake', operation: 'read', retryable: true }, 'it is silent');
      return { level, role: level };
    },
  };
  return forge as Forge;
}

async function startProgram(ending: AsyncDisposableStack): Promise<number> {
  const port = await findFreePort();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'program.mjs'), String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  ending.defer(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return port;
}
