// The ports of workspaces whose programs run on the node itself: which listeners are a workspace's own, and the way to them. Whoever
// else listens on this machine (the agent, its neighbours, the node's own programs) is not reached. Knows no ticket and no socket of a visitor.
import { connect, type Socket } from 'node:net';
import { findSockets, readListeners, type Listener } from '../system/listeners.ts';
import { PortError } from './runtime.ts';

/** A program of this machine answers at once, unless it is stopped or its queue is full. */
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_PORTS = 20;

/** Whose listeners are meant. */
export interface Holder {
  /** The number of the workspace's own user. Undefined: it has none, then its processes say it. */
  uid: number | undefined;
  findPids: () => Promise<number[]>;
}

export interface NodePorts {
  /** Throws `PortError`. */
  connect: (workspace: string, port: number, holder: Holder) => Promise<Socket>;
  /** In order, so many at most. */
  list: (workspace: string, holder: Holder) => Promise<number[]>;
}

export function createNodePorts(): NodePorts {
  /** Whose a socket is stays so for its life: processes are looked through for new ones only. */
  const owned = new Map<string, Map<string, boolean>>();
  const own = async (workspace: string, { uid, findPids }: Holder, listeners: Listener[]) => {
    if (uid !== undefined) return listeners.filter((one) => one.uid === uid);
    const known = owned.get(workspace) ?? new Map<string, boolean>();
    const isNew = listeners.some(({ inode }) => !known.has(inode));
    const held = isNew ? await findSockets(await findPids()) : undefined;
    owned.set(
      workspace,
      new Map(listeners.map(({ inode }) => [inode, held?.has(inode) ?? known.get(inode) ?? false])),
    );
    return listeners.filter(({ inode }) => owned.get(workspace)?.get(inode) === true);
  };
  return {
    async connect(workspace, port, holder) {
      const all = await readListeners();
      // Where the kernel does not say whose it is, loopback has to do.
      if (all === undefined) return dial('127.0.0.1', port);
      const there = all.filter((one) => one.port === port);
      if (there.length === 0) throw new PortError('nothing-listens');
      // Whoever asks may be faster than what its program still has to do.
      const known = owned.get(workspace);
      for (const { inode } of there) if (known?.get(inode) === false) known.delete(inode);
      const mine = (await own(workspace, holder, all)).find((one) => one.port === port);
      if (!mine) throw new PortError('nothing-listens');
      return dial(mine.address, port);
    },
    async list(workspace, holder) {
      const all = await readListeners();
      if (all === undefined || all.length === 0) return [];
      const ports = (await own(workspace, holder, all)).map(({ port }) => port);
      return [...new Set(ports)].toSorted((a, b) => a - b).slice(0, MAX_PORTS);
    },
  };
}

/** Throws `PortError`. */
export function dial(host: string, port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new PortError('silent')));
  // Stays for the life of the socket: there is a moment before anybody else listens.
  socket.on('error', (error) =>
    reject(error instanceof PortError ? error : new PortError('nothing-listens', { cause: error })),
  );
  socket.once('connect', () => {
    socket.setTimeout(0);
    resolve(socket);
  });
  return promise;
}
