// A bot as an agent sees it: gives tokens for signed requests, keeps the connection, remembers what was said. Real HTTP.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { compactVerify, exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import { WebSocketServer, type WebSocket } from 'ws';
import type {
  AgentMessage,
  Bootstrap,
  BotMessage,
  DesiredTurn,
  DesiredWorkspace,
  EnvironmentSettings,
  LogLine,
  TaskEvent,
  Trusted,
  TurnHappening,
  ModelProvider,
  ModelServices,
  WorkspaceReport,
} from '../../agent/protocol.ts';
import { randomBase32 } from '../../bot/ids.ts';
import { createWatch } from './watch.ts';

export type Bot = Awaited<ReturnType<typeof startBot>>;

export const ORIGIN = 'http://sam.test';
const KEY_ID = 'k1';

const createState = () => ({
  /** The key that the bootstrap token is bound to. */
  key: undefined as JWK | undefined,
  /** Every request for a token: its path, and what was answered. */
  requests: [] as { path: string; status: number; x: string | undefined }[],
  hellos: [] as Extract<AgentMessage, { type: 'hello' }>[],
  reports: new Map<string, WorkspaceReport>(),
  /** All reports in their order, for the ways that phases take. */
  history: [] as WorkspaceReport[],
  loads: 0,
  lines: [] as LogLine[],
  /** What it wants of coding agents, and everything that it was told of them. */
  turns: [] as DesiredTurn[],
  taskEvents: [] as TaskEvent[],
  batches: [] as number[],
  desired: [] as DesiredWorkspace[],
  /** What it says of them at each connect. */
  environments: { runtime: 'host' } as EnvironmentSettings,
  trusted: undefined as Trusted | undefined,
  tokens: new Set<string>(),
  /** How many answers get lost on their way from now on. */
  lose: 0,
  /** Answers with these, while there are any, instead of the right one. */
  statuses: [] as number[],
  isBootstrapOver: false,
  acknowledges: true,
  /** What git gets that asks for one. */
  password: undefined as string | undefined,
  /** Where models are, and the keys of their owner by provider; others get a refusal that says `sentence`. */
  models: undefined as ModelServices | undefined,
  /** Where coding agents come from. */
  packages: undefined as string | undefined,
  modelKeys: {} as Partial<Record<ModelProvider, string>>,
  sentence: 'You have left no key with Sam.',
  /** Which keys were asked for, in order. */
  keyQuestions: [] as string[],
  keyRequests: 0,
  socket: undefined as WebSocket | undefined,
  connects: 0,
});
type State = ReturnType<typeof createState>;

async function describeKeys(key: Parameters<typeof exportJWK>[0]): Promise<string> {
  const jwk = { ...(await exportJWK(key)), kid: KEY_ID, alg: 'EdDSA', use: 'sig' };
  return JSON.stringify({ keys: [jwk] });
}

/** `tokenLifeMs` of the tokens that it gives; `settings` beside those that it always gives; `connect`: where agents find it. */
export async function startBot({
  tokenLifeMs = 3_600_000,
  settings = {},
  connect,
}: { tokenLifeMs?: number; settings?: Partial<Bootstrap['settings']>; connect?: string } = {}) {
  const node = `nd-${randomBase32(12)}`;
  const bootstrapToken = `bt-${randomBase32(24)}`;
  const watch = createWatch();
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const state = createState();

  const giveToken = (): Bootstrap => {
    const token = `nt-${randomBase32(24)}`;
    state.tokens.add(token);
    const made = makeBootstrap(port, { node, token, tokenLifeMs, settings });
    return connect === undefined ? made : { ...made, connect };
  };
  const answerToken = async (path: string, request: IncomingMessage): Promise<[number, Bootstrap?]> => {
    const body = await readBody(request);
    const forced = state.statuses.shift();
    if (forced !== undefined) return [forced];
    const jwk = await verifySigned(body, node);
    if (jwk === undefined) return [404];
    if (path === '/api/bootstrap') {
      if (state.isBootstrapOver || request.headers.authorization !== `Bearer ${bootstrapToken}`) return [404];
      if (request.headers['content-type'] !== 'application/jose') return [404];
      state.key ??= jwk;
    }
    if (state.key?.x !== jwk.x) return [404];
    return [200, giveToken()];
  };
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    if (path === '/.well-known/jwks.json') {
      state.keyRequests++;
      response.setHeader('content-type', 'application/json').end(await describeKeys(publicKey));
      return;
    }
    if (path !== '/api/bootstrap' && path !== '/agent/token') {
      response.writeHead(404).end('{}');
      return;
    }
    const [status, answer] = await answerToken(path, request);
    state.requests.push({ path, status, x: state.key?.x });
    watch.changed();
    if (status === 200 && state.lose-- > 0) request.socket.destroy();
    else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
  };

  const sockets = new WebSocketServer({ noServer: true });
  const listen = async (onPort: number) => {
    const server = createServer((request, response) => void handle(request, response));
    server.on('upgrade', (request, socket, head) => {
      state.lose = Math.max(0, state.lose);
      const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
      if (!state.tokens.has(token)) {
        socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => {
        state.socket = client;
        state.connects++;
        client.on('message', (data: Buffer) => {
          const answer = (message: BotMessage) => client.send(JSON.stringify(message));
          hear(state, JSON.parse(data.toString()) as AgentMessage, answer);
          watch.changed();
        });
        client.on('error', () => client.terminate());
      });
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(onPort, '127.0.0.1', resolve);
    await promise;
    return server;
  };
  let server = await listen(0);
  const port = (server.address() as AddressInfo).port;
  const { origin, jwks, issuer } = makeBootstrap(port, { node, token: '', tokenLifeMs, settings }).settings;
  state.trusted = { origin, jwks, issuer };
  const say = (message: BotMessage) => state.socket?.send(JSON.stringify(message));

  return {
    url: `http://127.0.0.1:${port}`,
    node,
    bootstrapToken,
    state,
    say,
    /** Word for word, whatever it is. */
    sayText: (text: string) => state.socket?.send(text),
    until: <Value>(find: () => Value | undefined | false, what: () => string) => watch.until(find, what),
    /** Wants these from now on, and says so to a connected agent. */
    want(...workspaces: DesiredWorkspace[]) {
      const named = new Set(workspaces.map((one) => one.id));
      state.desired = [...state.desired.filter((one) => !named.has(one.id)), ...workspaces];
      say({ type: 'desired', all: false, workspaces });
    },
    ...askCodingAgents(state, say, watch),
    /** Waits until a report of this workspace fits, and gives it. */
    report(
      id: string,
      fits: (report: WorkspaceReport) => boolean,
      deadlineMs?: number,
    ): Promise<WorkspaceReport> {
      return watch.until(
        () => {
          const report = state.reports.get(id);
          return report && fits(report) ? report : undefined;
        },
        () => `the report of ${id} to fit; it is ${JSON.stringify(state.reports.get(id))}`,
        deadlineMs,
      );
    },
    /** A ticket as the bot makes it; `claims` and `header` change parts of it. */
    ticket: (workspace: string, claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
      signTicket(privateKey, workspace, claims, header),
    /** Vanishes, with all its connections. */
    async vanish() {
      for (const client of sockets.clients) client.terminate();
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await promise;
    },
    /** Comes back on the same port. */
    async comeBack() {
      server = await listen(port);
    },
  };
}

/** How it speaks with coding agents. */
function askCodingAgents(
  state: State,
  say: (message: BotMessage) => void,
  watch: ReturnType<typeof createWatch>,
) {
  return {
    /** Wants these of coding agents, and says so. */
    wantTurns(...turns: DesiredTurn[]) {
      const isNew = (old: DesiredTurn) =>
        !turns.some(({ task, turn }) => task === old.task && turn === old.turn);
      state.turns = [...state.turns.filter(isNew), ...turns];
      say({ type: 'turns', turns });
    },
    /** Waits for a happening of this turn that fits, and gives it. */
    happening<Kind extends TurnHappening['kind']>(
      { task, turn }: DesiredTurn,
      kind: Kind,
      deadlineMs?: number,
    ): Promise<Extract<TurnHappening, { kind: Kind }>> {
      const own = () => state.taskEvents.filter((one) => one.task === task && one.turn === turn);
      return watch.until(
        () =>
          own()
            .map(({ event }) => event)
            .find((one): one is Extract<TurnHappening, { kind: Kind }> => one.kind === kind),
        () => `${kind} of turn ${turn}; there was ${JSON.stringify(own()).slice(0, 4_000)}`,
        deadlineMs,
      );
    },
  };
}

/** Keeps what an agent says, and answers as the bot does. */
function hear(state: State, message: AgentMessage, say: (message: BotMessage) => void): void {
  if (message.type === 'hello') {
    state.hellos.push(message);
    state.reports = new Map(message.workspaces.map((one) => [one.id, one]));
    const { trusted, environments, models, packages } = state;
    const settings = trusted && { settings: { ...trusted, environments } };
    const places = { ...(models && { models }), ...(packages !== undefined && { packages }) };
    say({ type: 'desired', all: true, workspaces: state.desired, ...settings, ...places });
    say({ type: 'turns', turns: state.turns });
  } else if (message.type === 'report') {
    if (message.load) state.loads++;
    for (const one of message.workspaces) state.reports.set(one.id, one);
    state.history.push(...message.workspaces);
  } else if (message.type === 'log') {
    if (!state.batches.includes(message.id)) state.lines.push(...message.lines);
    state.batches.push(message.id);
    if (state.acknowledges) say({ type: 'logged', id: message.id });
  } else if (message.type === 'task-events') {
    state.taskEvents.push(...message.events);
    if (state.acknowledges)
      for (const { task, seq } of message.events) say({ type: 'task-events-stored', task, seq });
  } else if (message.type === 'credential') {
    state.keyQuestions.push(`${message.workspace} ${message.provider}`);
    const value = state.modelKeys[message.provider];
    const answer = value === undefined ? { error: { code: 'none', message: state.sentence } } : { value };
    say({ type: 'credential', ref: message.ref, ...answer });
  } else if (message.type === 'git-token' && state.password !== undefined) {
    const given = { username: 'x-access-token', password: state.password, expiresAt: Date.now() + 60_000 };
    say({ type: 'git-token', ref: message.ref, ...given });
  }
}

interface Given {
  node: string;
  token: string;
  tokenLifeMs: number;
  settings: Partial<Bootstrap['settings']>;
}

function makeBootstrap(port: number, { node, token, tokenLifeMs, settings }: Given): Bootstrap {
  return {
    node,
    token,
    connect: `ws://127.0.0.1:${port}/agent/connect`,
    settings: {
      tokenLifeMs,
      origin: ORIGIN,
      jwks: `http://127.0.0.1:${port}/.well-known/jwks.json`,
      issuer: ORIGIN,
      terminal: 'loopback',
      ...settings,
    },
  };
}

function signTicket(
  privateKey: Parameters<SignJWT['sign']>[0],
  workspace: string,
  claims: Record<string, unknown>,
  header: Record<string, unknown>,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({
    access: 0,
    drive: true,
    jti: randomBase32(12),
    iat: now,
    exp: now + 60,
    ...claims,
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'sam-ticket+jwt', kid: KEY_ID, ...header })
    .setIssuer((claims['iss'] as string) ?? ORIGIN)
    .setAudience((claims['aud'] as string) ?? `workspace:${workspace}`)
    .setSubject('us-1')
    .sign(privateKey);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** The public key of a well-signed request for this node. */
async function verifySigned(body: string, node: string): Promise<JWK | undefined> {
  try {
    const { payload } = await compactVerify(body, (header) => importJWK(header?.jwk as JWK, 'EdDSA'), {
      algorithms: ['EdDSA'],
    });
    const head = JSON.parse(Buffer.from(body.split('.')[0]!, 'base64url').toString()) as { jwk: JWK };
    const claims = JSON.parse(new TextDecoder().decode(payload)) as { node: string; iat: number };
    const isFresh = Math.abs(Date.now() / 1000 - claims.iat) < 300;
    // A private key never leaves the node.
    return claims.node === node && isFresh && head.jwk.d === undefined ? head.jwk : undefined;
  } catch {
    return undefined;
  }
}
