// The ports of workspaces as hosts of their own: who comes to one is looked at, and then passed on to the program. Nothing of Sam's own is
// ever served there, and nothing of a program elsewhere.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Keys } from '../access/keys.ts';
import type { RepositoryGuard } from '../access/repository-guard.ts';
import { sendPage } from '../access/people/sign-in-pages.ts';
import type { Hosts, Route } from '../http/routes.ts';
import type { Traits } from '../providers/provider.ts';
import type { PortName } from './addresses.ts';
import {
  ENTER_PATH,
  enter,
  enteringRoutes,
  ownCookies,
  readPortCookies,
  sendAway,
  type EnteringOptions,
} from './entering.ts';
import { forward, forwardUpgrade, plainAnswer, type Passing } from './forward.ts';
import { hopsOf, MAX_HOPS, type Framing } from './headers.ts';
import { createOpenPorts, type OpenPorts, type Visited } from './open.ts';
import { closedPage, sendTrouble, silentForge, stoppedPage, type Trouble } from './pages.ts';
import { findVisit, type PortVisit } from './ports-store.ts';
import { loop, noSuchPort, otherSite, signInFirst } from './troubles.ts';
import { createTunnels } from './tunnels.ts';
import { createSight } from './visitors.ts';

export interface PortsOptions extends Omit<EnteringOptions, 'sight'> {
  keys: Keys;
  traitsOf: (provider: string) => Pick<Traits, 'terminal'>;
  mayStill: RepositoryGuard;
  /** How long a program may think before it answers. */
  answerWithinMs: number;
  log: Logger;
}

export interface Ports {
  hosts: Hosts;
  routes: Route[];
  /** Who may not see any more what they have open is out. A hint: of a workspace, of a node, or of nobody knows which. */
  look: OpenPorts['look'];
  close: () => void;
}

interface State extends PortsOptions, EnteringOptions {
  tunnels: ReturnType<typeof createTunnels>;
  open: OpenPorts;
  /** Who was let in on which connection, by host and cookie: a proxy may bring many people on one. */
  kept: WeakMap<Duplex, Map<string, Admitted>>;
}

export function createPorts(options: PortsOptions): Ports {
  const sight = createSight(options);
  const tunnels = createTunnels(options);
  const open = createOpenPorts({
    log: options.log,
    async maySee({ hash, access, ...name }) {
      const visit = await findVisit(options.db, name, [hash]);
      return visit?.workspace.access === access && (await see(visit)) === 'open';
    },
  });
  const state: State = { ...options, sight, tunnels, open, kept: new WeakMap() };
  const see = async (visit: PortVisit) => {
    const seen = await sight(visitorOf(visit), visit);
    // What runs goes on while nobody can be asked.
    return seen.is === 'unknown' ? 'open' : seen.is;
  };
  return {
    hosts: hostsOf(state),
    routes: enteringRoutes(state),
    look: open.look,
    close() {
      open.close();
      tunnels.close();
    },
  };
}

const visitorOf = ({ session }: PortVisit) => ({ user: session.userId, workspaces: session.workspaces });

function hostsOf(state: State): Hosts {
  const { addresses } = state;
  return {
    owns: (req) => addresses.read(req.headers.host) !== undefined,
    async handle(req, res) {
      const visit = await admit(state, req, res);
      if (visit) await forward(passingOf(state, visit, req.socket), req, res);
    },
    async upgrade(req, socket, head) {
      const res = plainAnswer(req, socket);
      const visit = await admit(state, req, res);
      if (!visit || socket.destroyed) return;
      res.detachSocket(req.socket);
      await forwardUpgrade(passingOf(state, visit, req.socket), req, socket, head);
    },
  };
}

type Admitted = PortVisit & { name: PortName };

const visitedOf = ({ name, hash, node, workspace: { access } }: Admitted): Visited => ({
  ...name,
  hash,
  node: node?.id,
  access,
});

/** Whoever was let in stays so on this connection, until a look finds that they may not any more: then it ends. */
function keep({ open, kept }: State, socket: Duplex, key: string, visit: Admitted, since: number): Admitted {
  const there = kept.get(socket) ?? new Map<string, Admitted>();
  kept.set(socket, there.set(key, visit));
  socket.once(
    'close',
    open.add(visitedOf(visit), () => socket.destroy(), since),
  );
  return visit;
}

function passingOf(state: State, visit: Admitted, socket: Duplex): Passing {
  const { name, workspace, node, session } = visit;
  const { addresses, baseUrl, tunnels, answerWithinMs } = state;
  const framing: Framing = { ...name, addresses, cookies: { names: ownCookies(baseUrl) } };
  const way = { ...name, node, access: workspace.access, user: session.userId };
  // Where the node is may be another place by now: the next one asks anew.
  return { tunnels, way, framing, answerWithinMs, onTrouble: () => void state.kept.delete(socket) };
}

/** Undefined: it has been answered. */
async function admit(state: State, req: IncomingMessage, res: ServerResponse): Promise<Admitted | undefined> {
  const name = state.addresses.read(req.headers.host);
  const refuse = (trouble: Trouble): undefined => {
    sendTrouble(req, res, trouble);
  };
  if (name === undefined || name === 'unknown') return refuse(noSuchPort);
  if (hopsOf(req) >= MAX_HOPS) return refuse(loop);
  if (isPreflight(state, req, name)) return answerPreflight(req, res);
  if (!isFromThere(state, req, name)) return refuse(otherSite);
  if ((req.url ?? '').split('?', 1)[0] === ENTER_PATH)
    return enter(state, req, res, name).then(() => undefined);
  const cookies = readPortCookies(state.baseUrl, req.headers.cookie);
  const key = [name.workspace, name.port, ...cookies].join(' ');
  const known = state.kept.get(req.socket)?.get(key);
  if (known) return known;
  const since = state.open.looks();
  const visit = await findVisit(state.db, name, cookies);
  const seen = visit ? await state.sight(visitorOf(visit), visit) : ({ is: 'ended' } as const);
  if (visit && seen.is === 'open') return keep(state, req.socket, key, { ...visit, name }, since);
  if (seen.is === 'ended') refuseNobody(state, req, res, name);
  else if (seen.is === 'unknown') sendPage(res, silentForge(seen.title));
  else if (seen.is === 'stopped' && visit) sendPage(res, stoppedPage(visit.workspace, state.commands.start));
  else if (seen.is === 'closed') sendPage(res, closedPage(name.port, state.commands.port));
  else sendTrouble(req, res, noSuchPort);
  return undefined;
}

/** A person who opens the address is asked who they are; a program, or a part of a page, is told so. */
function refuseNobody(state: State, req: IncomingMessage, res: ServerResponse, name: PortName): void {
  const { 'sec-fetch-mode': mode, accept = '' } = req.headers;
  const isPage = mode === undefined ? /\btext\/html\b/.test(accept) : mode === 'navigate';
  const isAsked = req.method === 'GET' || req.method === 'HEAD';
  if (isPage && isAsked && req.headers.upgrade === undefined) sendAway(state, req, res, name);
  else sendTrouble(req, res, signInFirst);
}

/** Browsers send the port's cookie along for whatever page of the same site asks, and others' programs are of the same site. */
function isFromThere({ addresses }: State, { headers, method }: IncomingMessage, name: PortName): boolean {
  const isOurs = (address: string | undefined): boolean =>
    addresses.readOrigin(URL.parse(address ?? '')?.origin ?? '')?.workspace === name.workspace;
  const { origin, referer, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers;
  const isVisit = mode === 'navigate' && (method === 'GET' || method === 'HEAD');
  if (isVisit) return true;
  if (origin !== undefined) return isOurs(origin);
  return site === undefined || site === 'same-origin' || site === 'none' || isOurs(referer);
}

/** Of a page on another port of the workspace. Browsers send no cookie along with it: what comes after it is looked at. */
function isPreflight({ addresses }: State, { headers, method }: IncomingMessage, name: PortName): boolean {
  const from = addresses.readOrigin(headers.origin ?? '');
  const isAsked = headers['access-control-request-method'] !== undefined;
  return method === 'OPTIONS' && isAsked && from?.workspace === name.workspace && from.port !== name.port;
}

function answerPreflight({ headers }: IncomingMessage, res: ServerResponse): undefined {
  const wanted = headers['access-control-request-headers'];
  res
    .writeHead(204, {
      'access-control-allow-origin': headers.origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': headers['access-control-request-method'],
      ...(wanted !== undefined && { 'access-control-allow-headers': wanted }),
      vary: 'origin',
    })
    .end();
}
