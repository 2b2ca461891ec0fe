// What is open at this bot: requests under way and WebSockets, each by the cookie that it came with. Whoever may not see the port any
// more is out at once. Knows no socket but as a thing to end.
import type { Logger } from 'pino';
import { messageOf } from '../errors.ts';
import type { PortName } from './addresses.ts';

/** Hints tell at once; this is for those that got lost, and for sessions that are over. */
const LOOK_EVERY_MS = 10_000;

export interface Visited extends PortName {
  /** Of the cookie. */
  hash: string;
  node: string | undefined;
}

export interface OpenPorts {
  /** The returned function forgets it. */
  add: (visited: Visited, end: () => void) => () => void;
  /** Looks after those of a workspace, or of a node; without either after all. */
  look: (of?: { workspace?: string; node?: string }) => Promise<void>;
  close: () => void;
}

export interface OpenPortsOptions {
  maySee: (visited: Visited) => Promise<boolean>;
  log: Pick<Logger, 'warn'>;
}

export function createOpenPorts({ maySee, log }: OpenPortsOptions): OpenPorts {
  const open = new Set<{ visited: Visited; end: () => void }>();
  const look: OpenPorts['look'] = async ({ workspace, node } = {}) => {
    const asked = new Map<string, Promise<boolean>>();
    const isMeant = ({ visited }: { visited: Visited }) =>
      (workspace === undefined || visited.workspace === workspace) &&
      (node === undefined || visited.node === node);
    const looks = [...open].filter(isMeant).map(async ({ visited, end }) => {
      const key = `${visited.hash} ${visited.workspace} ${visited.port}`;
      const answer = asked.get(key) ?? maySee(visited);
      asked.set(key, answer);
      if (!(await answer)) end();
    });
    await Promise.all(looks);
  };
  const safely: OpenPorts['look'] = (of) =>
    look(of).catch((error: unknown) =>
      log.warn({ error: messageOf(error) }, 'open ports could not be looked after'),
    );
  const timer = setInterval(() => void safely(), LOOK_EVERY_MS).unref();
  return {
    add(visited, end) {
      const one = { visited, end };
      open.add(one);
      return () => void open.delete(one);
    },
    look: safely,
    close() {
      clearInterval(timer);
      for (const { end } of open) end();
    },
  };
}
