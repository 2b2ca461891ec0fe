// The way of workspaces to models: a token that is worth something here alone is taken for the key of the workspace's owner, which
// no program in the workspace ever sees. Knows no bot and no pty.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeError, type Log } from '../log.ts';
import type { KeyRefusal, ModelServices } from '../protocol.ts';
import { forward, type Passed } from './forward.ts';
import { listenAt } from '../system/sockets.ts';
import { isPassing, type Keys } from './keys.ts';
import { findPeer } from './peers.ts';
import { findService, plainError, type Service } from './services.ts';
import type { Tokens } from './usage.ts';

/** Of one workspace: more is a program that runs wild. */
const MAX_AT_ONCE = 64;

/** A workspace that may ask. */
export interface Client {
  /** The run that its token belongs to. */
  run: number;
  /** Whose processes alone may bring its token; absent: it has no user of its own. */
  uid?: number | undefined;
}

export interface GatewayOptions {
  /** What tokens are made from; the same again after a restart, so that what runs on goes on asking. */
  secret: Buffer;
  keys: Pick<Keys, 'find'>;
  /** Where the models are; undefined: no bot has said so yet. */
  services: () => ModelServices | undefined;
  /** Asked for each request. Undefined: it is not wanted running. */
  find: (workspace: string) => Client | undefined;
  onUsage: (workspace: string, tokens: Tokens) => void;
  log: Log;
}

/** `host`: on loopback only, unless nobody but the workspaces reaches it. `path`: in a folder that one workspace alone gets into. */
export type ListenAt = { host: string; port: number } | { path: string };

export interface Listener {
  /** Of one with a host. */
  port: number;
  close: () => Promise<void>;
}

export interface Gateway {
  /**
   * Serves at one more address: loopback for all workspaces, or `of`: a socket or an address that one workspace alone reaches,
   * where no other one's token counts, and the kernel need not say whose process it is.
   */
  listen: (at: ListenAt, of?: string) => Promise<Listener>;
  /** What a workspace of this run says in its requests. */
  tokenOf: (workspace: string, run: number) => string;
  /** Whoever still asks with what is worth nothing any more is cut off. */
  recheck: () => void;
  /** It asks nothing any more. */
  end: (workspace: string) => void;
  /** Ends all that is asked; resolves when what it has cost was told. */
  close: () => Promise<void>;
}

interface Active {
  workspace: string;
  provider: keyof ModelServices;
  abort: AbortController;
}

interface State extends GatewayOptions {
  active: Set<Active>;
  listeners: Set<Listener>;
  /** Until what each has cost is known. */
  serving: Set<Promise<void>>;
}

export function createGateway(options: GatewayOptions): Gateway {
  const state: State = {
    ...options,
    active: new Set(),
    listeners: new Set(),
    serving: new Set(),
  };
  const { active, listeners, serving } = state;
  return {
    listen: (at, of) => listen(state, at, of),
    tokenOf: (workspace, run) => makeToken(state.secret, workspace, run),
    recheck() {
      for (const one of active)
        void state.keys.find(one.workspace, one.provider).then((key) => {
          if ('error' in key && !isPassing(key.error)) one.abort.abort();
        });
    },
    end(workspace) {
      for (const one of active) if (one.workspace === workspace) one.abort.abort();
    },
    async close() {
      for (const { abort } of active) abort.abort();
      await Promise.all([...listeners].map((one) => one.close()));
      await Promise.all(serving);
    },
  };
}

async function listen(state: State, at: ListenAt, of: string | undefined): Promise<Listener> {
  const server = createServer({ requestTimeout: 0, headersTimeout: 10_000 }, (req, res) => {
    const serving = serve(state, req, res, of).catch((error: unknown) => {
      state.log.error('a request to a model broke', { error: describeError(error) });
      res.destroy();
    });
    state.serving.add(serving);
    void serving.then(() => state.serving.delete(serving));
  });
  if ('path' in at) await listenAt(server, at.path, { isShared: true });
  else await bind(server, at);
  const listener: Listener = {
    port: 'path' in at ? 0 : (server.address() as AddressInfo).port,
    async close() {
      state.listeners.delete(listener);
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await promise;
    },
  };
  state.listeners.add(listener);
  return listener;
}

function bind(server: Server, at: { host: string; port: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(at, resolve);
  return promise;
}

interface Refusal {
  status: number;
  type: string;
  message: string;
  /** Asking again changes nothing: programs that know the header do not. */
  isFinal?: boolean;
}

async function serve(
  state: State,
  req: IncomingMessage,
  res: ServerResponse,
  of: string | undefined,
): Promise<void> {
  res.on('error', () => {});
  // Who may ask is not known either before the bot has said what is wanted here.
  const services = state.services();
  if (services === undefined) return refuse(req, res, undefined, NOT_YET);
  const workspace = await findAsking(state, req, of);
  if (workspace === undefined) return refuse(req, res, undefined, STRANGER);
  const service = findService(req.method ?? '', req.url ?? '');
  if (!service) return refuse(req, res, undefined, NO_PATH);
  const passed = await pass(state, req, res, { workspace, service, base: services[service.provider] });
  if (passed.is === 'refused') refuse(req, res, service, passed);
  if (passed.is === 'passed' && passed.tokens) state.onUsage(workspace, passed.tokens);
}

const STRANGER: Refusal = {
  status: 401,
  type: 'authentication_error',
  message: 'This is no token of a workspace that runs here.',
  isFinal: true,
};

const NO_PATH: Refusal = {
  status: 404,
  type: 'not_found_error',
  message: 'Sam passes on messages, the counting of their tokens, and the list of models; nothing else.',
  isFinal: true,
};

type Passing = Exclude<Passed, { is: 'refused' }> | ({ is: 'refused' } & Refusal);

async function pass(
  state: State,
  req: IncomingMessage,
  res: ServerResponse,
  { workspace, service, base }: { workspace: string; service: Service; base: string },
): Promise<Passing> {
  const { active, keys } = state;
  const { provider } = service;
  const own = [...active].filter((one) => one.workspace === workspace);
  if (own.length >= MAX_AT_ONCE) return { is: 'refused', ...BUSY };
  const one: Active = { workspace, provider, abort: new AbortController() };
  active.add(one);
  try {
    const key = await keys.find(workspace, provider);
    if ('error' in key) return { is: 'refused', ...explain(key.error) };
    if (state.find(workspace) === undefined) return { is: 'refused', ...STRANGER };
    return await forward(req, res, { base, service, key: key.value, signal: one.abort.signal });
  } finally {
    active.delete(one);
  }
}

const BUSY: Refusal = {
  status: 429,
  type: 'rate_limit_error',
  message: 'Too many requests of this workspace are under way.',
};

const NOT_YET: Refusal = {
  status: 503,
  type: 'api_error',
  message: 'Sam has not said yet where models are. Try again in a minute.',
};

/** The sentence is the bot's. */
function explain(error: KeyRefusal): Refusal {
  const { message = 'Sam gives this workspace no key.' } = error;
  if (isPassing(error)) return { status: 503, type: 'api_error', message };
  return { status: 401, type: 'authentication_error', message, isFinal: true };
}

function refuse(
  req: IncomingMessage,
  res: ServerResponse,
  service: Service | undefined,
  { status, type, message, isFinal = false }: Refusal,
): void {
  const text = JSON.stringify((service?.error ?? plainError)(type, message));
  res
    .writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...(isFinal && { 'x-should-retry': 'false' }),
      // Node would read on to the end of a body that nobody wants.
      ...(req.complete ? {} : { connection: 'close' }),
    })
    .end(text);
}

// --- who asks ---------------------------------------------------------------------------------------------------

const TOKEN = /^samws_([a-z2-7]{12})_[\w-]{43}$/;

function makeToken(secret: Buffer, workspace: string, run: number): string {
  const proof = createHmac('sha256', secret).update(`model token\0${workspace}\0${run}`).digest('base64url');
  return `samws_${workspace.replace(/^ws-/, '')}_${proof}`;
}

/** Undefined: no token, a wrong one, of what does not run, or not brought by the workspace itself. */
async function findAsking(
  { secret, find }: State,
  { headers, socket }: IncomingMessage,
  of: string | undefined,
): Promise<string | undefined> {
  const given = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? headers['x-api-key'];
  const id = typeof given === 'string' ? TOKEN.exec(given)?.[1] : undefined;
  if (typeof given !== 'string' || id === undefined) return undefined;
  const workspace = `ws-${id}`;
  const client = find(workspace);
  if (!client || (of !== undefined && of !== workspace)) return undefined;
  if (!isSame(given, makeToken(secret, workspace, client.run))) return undefined;
  if (of !== undefined || client.uid === undefined) return workspace;
  return (await findPeer(socket)) === client.uid ? workspace : undefined;
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}
