// The way to what listens in a workspace: connections to its node's agent, each let in by a ticket of its own, that carry the program's
// bytes. Node's own HTTP client speaks over them, and keeps them for the next request. Knows no browser and no right.
import { randomUUID } from 'node:crypto';
import {
  Agent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { PORT_PROTOCOL, PORT_REFUSAL_HEADER, PORT_REFUSALS, type PortRefusal } from '../../agent/protocol.ts';
import type { Keys } from '../access/keys.ts';
import type { Node, Workspace } from '../database/types.ts';
import type { Traits } from '../providers/provider.ts';
import type { PortName } from './addresses.ts';

const TICKET_LIFE_SECONDS = 60;
/** To the agent, and from there to the program. */
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_IDLE = 16;
const IDLE_MS = 30_000;

export interface TunnelsOptions {
  keys: Keys;
  /** Of the provider that a node's row names. */
  traitsOf: (provider: string) => Pick<Traits, 'terminal'>;
}

/** Who wants to get where. */
export interface Way extends PortName {
  node: Node | null;
  access: Workspace['access'];
  user: string;
}

export interface Tunnels {
  /** A request to the program. What goes wrong on the way to it is a `TunnelError` of the request. */
  request: (way: Way, options: RequestOptions) => ClientRequest;
  /** Connections that nobody uses now, and those in use. */
  close: () => void;
}

/** There is no way to the program: the agent said why, or does not answer. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError';
  readonly code: PortRefusal | 'node-silent';
  constructor(code: TunnelError['code'], options?: ErrorOptions) {
    super(`port: ${code}`, options);
    this.code = code;
  }
}

type WithWay = RequestOptions & { way?: Way };

export function createTunnels(options: TunnelsOptions): Tunnels {
  const agent = new Agent({
    keepAlive: true,
    maxFreeSockets: MAX_IDLE,
    // Of idle ones; what is at work may be silent for as long as it likes.
    timeout: IDLE_MS,
    scheduling: 'lifo',
  });
  // Nobody uses what another person's ticket let in, and nobody what a revocation has ended.
  agent.getName = ({ way }: WithWay = {}) =>
    way ? [way.workspace, way.port, way.access, way.user].join(' ') : '';
  const join = async (way: Way, done: (error: Error | null, socket: Socket) => void) => {
    const socket = await dial(options, way).catch((error: Error) => error);
    if (socket instanceof Error) done(socket, undefined as never);
    else done(null, socket);
  };
  agent.createConnection = ({ way }: WithWay, done) => {
    if (!way || !done) throw new Error('a way is missing');
    void join(way, done);
    return undefined;
  };
  return {
    request(way, given) {
      const wanted: WithWay = { ...given, agent, way };
      return httpRequest(wanted);
    },
    close: () => agent.destroy(),
  };
}

/** Throws TunnelError. */
async function dial({ keys, traitsOf }: TunnelsOptions, way: Way): Promise<Socket> {
  const place = placeOf(way.node, traitsOf);
  const ticket = await keys.sign('sam-port+jwt', claimsOf(way), TICKET_LIFE_SECONDS);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const send = place.isSecure ? httpsRequest : httpRequest;
  const asked = send({
    host: place.host,
    port: place.port,
    path: '/port',
    agent: false,
    headers: { connection: 'Upgrade', upgrade: PORT_PROTOCOL, authorization: `Bearer ${ticket}` },
  });
  const timer = setTimeout(() => asked.destroy(new Error('no answer in time')), CONNECT_TIMEOUT_MS);
  asked.once('close', () => clearTimeout(timer));
  asked.once('upgrade', (_answer, socket: Socket, head) => {
    clearTimeout(timer);
    if (head.length > 0) socket.unshift(head);
    socket.setNoDelay(true);
    socket.setTimeout(0);
    resolve(socket);
  });
  asked.once('response', (answer) => {
    answer.destroy();
    reject(new TunnelError(refusalIn(answer)));
  });
  asked.on('error', (cause) => reject(new TunnelError('node-silent', { cause })));
  asked.end();
  return promise;
}

const claimsOf = ({ workspace, port, access, user }: Way) => ({
  aud: `workspace:${workspace}`,
  sub: user,
  access,
  port,
  jti: randomUUID(),
});

/** An agent of the version before knows no ports. */
function refusalIn({ headers }: IncomingMessage): TunnelError['code'] {
  const said = headers[PORT_REFUSAL_HEADER];
  return Object.keys(PORT_REFUSALS).find((one): one is PortRefusal => one === said) ?? 'no-way';
}

interface Place {
  host: string;
  port: number;
  isSecure: boolean;
}

/** As its terminals are reached. Throws TunnelError: nobody knows now where its agent is. */
function placeOf(node: Node | null, traitsOf: TunnelsOptions['traitsOf']): Place {
  if (!node || node.phase !== 'ready') throw new TunnelError('node-silent');
  if (traitsOf(node.provider).terminal === 'pipe') {
    if (node.terminalPort === null) throw new TunnelError('node-silent');
    return { host: '127.0.0.1', port: node.terminalPort, isSecure: false };
  }
  if (node.host === null) throw new TunnelError('node-silent');
  return { host: node.host, port: 443, isSecure: true };
}
