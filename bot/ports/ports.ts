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
import { answerPreflight, isFromThere, isPreflight } from './origins.ts';
import { closedPage, sendTrouble, silentForge, stoppedPage, type Trouble } from './pages.ts';
import { findVisit, findVisits, type PortVisit } from './ports-store.ts';
import { loop, noSuchPort, otherSite, signInFirst } from './troubles.ts';
import { createTunnels } from './tunnels.ts';
import { createUse, type NoteUse, type UseOptions } from './use.ts';
import { createSight } from './visitors.ts';

export interface PortsOptions extends Omit<EnteringOptions, 'sight'> {
  keys: Keys;
  traitsOf: (provider: string) => Pick<Traits, 'terminal'>;
  mayStill: RepositoryGuard;
  /** How long a program may think before it answers. */
  answerWithinMs: number;
  use: UseOptions;
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
  noteUse: NoteUse;
  /** Who was let in on which connection, by their cookie's hash: a proxy may bring many people on one. */
  kept: WeakMap<Duplex, Map<string, Kept>>;
}

interface Kept {
  visit: PortVisit;
  /** Where the way leads is asked anew. They are looked after all the same. */
  isStale: boolean;
  forget: () => void;
}

/** A look at who is there asks by itself: how often they had it asked does not count. */
const RIGHT_FOR_MS = 60_000;

export function createPorts(options: PortsOptions): Ports {
  const sight = createSight(options.mayStill);
  const tunnels = createTunnels(options);
  const open = createOpenPorts({
    log: options.log,
    async maySee(visited) {
      const found = await findVisits(
        options.db,
        visited.map(({ hash }) => hash),
      );
      const visits = new Map(found.map((visit) => [visit.hash, visit]));
      const answers = visited.map(async ({ hash, access }) => {
        const visit = visits.get(hash);
        return visit?.workspace.access === access && (await see(visit)) === 'open';
      });
      return Promise.all(answers);
    },
  });
  const noteUse = createUse(options.use, options.log);
  const state: State = { ...options, sight, tunnels, open, noteUse, kept: new WeakMap() };
  const see = async (visit: PortVisit) => {
    const seen = await sight(visitorOf(visit), visit, RIGHT_FOR_MS);
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
      // Whoever went while it was looked whether they may is asked about no more.
      if (!visit || res.destroyed) return;
      state.noteUse(visit.workspace, req.headers);
      await forward(passingOf(state, visit, req.socket), req, res);
    },
    async upgrade(req, socket, head) {
      const res = plainAnswer(req, socket);
      const visit = await admit(state, req, res);
      if (!visit || socket.destroyed) return;
      res.detachSocket(req.socket);
      state.noteUse(visit.workspace, req.headers);
      await forwardUpgrade(passingOf(state, visit, req.socket), req, socket, head);
    },
  };
}

const visitedOf = ({ name, hash, node, workspace: { access } }: PortVisit): Visited => ({
  ...name,
  hash,
  node: node?.id,
  access,
});

/** Whoever was let in stays so on this connection, until a look finds that they may not any more: then it ends. */
function keep({ open, kept }: State, socket: Duplex, visit: PortVisit, since: number): PortVisit {
  // Nothing says any more that it closes.
  if (socket.destroyed) return visit;
  const there = kept.get(socket) ?? new Map<string, Kept>();
  if (!kept.has(socket)) {
    kept.set(socket, there);
    socket.once('close', () => {
      for (const { forget } of there.values()) forget();
    });
  }
  const before = there.get(visit.hash);
  const forget = open.add(visitedOf(visit), () => socket.destroy(), since);
  before?.forget();
  there.set(visit.hash, { visit, isStale: false, forget });
  return visit;
}

/** Who came on this connection before, to that port. */
function findKept({ kept }: State, socket: Duplex, name: PortName, hashes: string[]): PortVisit | undefined {
  const there = kept.get(socket);
  const known = hashes.flatMap((hash) => there?.get(hash) ?? []);
  return known.find(
    ({ isStale, visit: { name: its } }) =>
      !isStale && its.workspace === name.workspace && its.port === name.port,
  )?.visit;
}

/** Where the node is may be another place by now: the next one asks anew. */
function doubt({ kept }: State, socket: Duplex, { hash }: PortVisit): void {
  const known = kept.get(socket)?.get(hash);
  if (known) known.isStale = true;
}

function passingOf(state: State, visit: PortVisit, socket: Duplex): Passing {
  const { name, workspace, node, session } = visit;
  const { addresses, baseUrl, tunnels, answerWithinMs } = state;
  const framing: Framing = { ...name, addresses, cookies: { names: ownCookies(baseUrl) } };
  const way = { ...name, node, access: workspace.access, user: session.userId };
  return { tunnels, way, framing, answerWithinMs, onTrouble: () => doubt(state, socket, visit) };
}

/** Undefined: it has been answered. */
async function admit(
  state: State,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<PortVisit | undefined> {
  const name = state.addresses.read(req.headers.host);
  const refuse = (trouble: Trouble): undefined => {
    sendTrouble(req, res, trouble);
  };
  if (name === undefined || name === 'unknown') return refuse(noSuchPort);
  if (hopsOf(req) >= MAX_HOPS) return refuse(loop);
  if (isPreflight(state.addresses, req, name)) return answerPreflight(req, res);
  if (!isFromThere(state.addresses, req, name)) return refuse(otherSite);
  if ((req.url ?? '').split('?', 1)[0] === ENTER_PATH)
    return enter(state, req, res, name).then(() => undefined);
  const cookies = readPortCookies(state.baseUrl, req.headers.cookie);
  const known = findKept(state, req.socket, name, cookies);
  if (known) return known;
  const since = state.open.looks();
  const visit = await findVisit(state.db, name, cookies);
  const seen = visit ? await state.sight(visitorOf(visit), visit) : ({ is: 'ended' } as const);
  if (visit && seen.is === 'open') return keep(state, req.socket, visit, since);
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
