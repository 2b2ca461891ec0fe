// One side of the bench of ports, as a process of its own: a program that listens, the agent's end before it, or the bot's before that.
// Says where it is.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { createEndpoint } from '../agent/identity/endpoint.ts';
import { createTunnels } from '../agent/ports/tunnels.ts';
import { dial } from '../agent/runtimes/ports.ts';
import { createKeys, keyRoutes, makeSigningKey } from '../bot/access/keys.ts';
import { startSession } from '../bot/access/people/sessions.ts';
import { hashSecret, newSecret } from '../bot/access/secrets.ts';
import { connect } from '../bot/database/connect.ts';
import { nodes, portSessions, users, workspaces } from '../bot/database/schema.ts';
import { listen } from '../bot/http/server.ts';
import { createPortAddresses } from '../bot/ports/addresses.ts';
import { createPorts } from '../bot/ports/ports.ts';

const WORKSPACE = 'ws-aaaaaaaaaaaa';
const PIECE = Buffer.alloc(256 * 1024, 7);

/** As many bytes as the path says. */
async function serveProgram(): Promise<{ port: number }> {
  const server = createServer((req, res) => {
    const bytes = Number(/\d+/.exec(req.url ?? '')?.[0] ?? 0);
    res.writeHead(200, { 'content-length': bytes });
    let sent = 0;
    const pour = () => {
      while (sent < bytes) {
        const piece = PIECE.subarray(0, bytes - sent);
        sent += piece.length;
        if (!res.write(piece)) return void res.once('drain', pour);
      }
      res.end();
    };
    pour();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port };
}

async function serveAgent(baseUrl: string): Promise<{ port: number }> {
  const tunnels = createTunnels({
    tickets: { jwks: `${baseUrl}/.well-known/jwks.json`, issuer: baseUrl, startedAt: 0 },
    find: () => ({ running: true, access: 1, connect: (port) => dial('127.0.0.1', port) }),
    log: () => {},
  });
  const at = { host: '127.0.0.1', port: 0, isSecure: false };
  return { port: (await createEndpoint(at, { '/port': tunnels.handleUpgrade })).port };
}

/** With somebody who is in already. */
async function serveBot(
  baseUrl: string,
  databaseUrl: string,
  program: number,
): Promise<{ host: string; cookie: string }> {
  const log = pino({ level: 'silent' });
  const { db } = await connect(databaseUrl);
  const { hostname, port } = new URL(baseUrl);
  const server = await listen({ host: '127.0.0.1', port: Number(port), baseUrl, log });
  const keys = await createKeys({ pems: [makeSigningKey()], issuer: baseUrl });
  await db.insert(users).values({ id: 'us-a', name: 'ann' });
  const whose = { owner: 'us-a', size: 'small', desired: 'running' } as const;
  await db.insert(nodes).values({ ...whose, id: 'nd-a', name: 'vm-a', provider: 'local', phase: 'ready' });
  const about = {
    name: 'api',
    key: 'api',
    repository: '/code/api',
    phase: 'running',
    nodeId: 'nd-a',
  } as const;
  await db.insert(workspaces).values({ ...whose, ...about, id: WORKSPACE });
  const session = hashSecret((await startSession(db, 'us-a')).secret);
  const cookie = newSecret();
  const expiresAt = new Date(Date.now() + 3_600_000);
  await db
    .insert(portSessions)
    .values({ hash: hashSecret(cookie), session, workspaceId: WORKSPACE, port: program, expiresAt });
  const addresses = createPortAddresses(hostname, baseUrl);
  const ports = createPorts({
    db,
    baseUrl,
    addresses,
    keys,
    forges: [],
    log,
    mayStill: () => Promise.resolve({ is: 'there' }),
    traitsOf: () => ({ terminal: 'pipe' }),
    use: { idleMsOf: () => Infinity, keep: async () => {}, everyMs: 60_000 },
    answerWithinMs: 60_000,
    commands: { open: '', start: '', port: '' },
  });
  server.serve([...keyRoutes(keys), ...ports.routes], [], ports.hosts);
  process.on('message', (agent: number) => {
    void db
      .update(nodes)
      .set({ terminalPort: agent })
      .then(() => process.send?.('ready'));
  });
  const { host } = new URL(addresses.origin({ workspace: WORKSPACE, port: program }));
  return { host, cookie: `sam-port=${cookie}` };
}

const [, , what, baseUrl = '', databaseUrl = '', program = '0'] = process.argv;
process.send?.(
  what === 'program'
    ? await serveProgram()
    : what === 'agent'
      ? await serveAgent(baseUrl)
      : await serveBot(baseUrl, databaseUrl, Number(program)),
);
