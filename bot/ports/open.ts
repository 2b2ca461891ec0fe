// What is open at this bot: connections of browsers and other visitors, each by the cookie that it came with. Whoever may not see the port any
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
  /** Of the workspace then: whatever raises it ends what is open. */
  access: number;
}

export interface OpenPorts {
  /** How often anybody has looked, for `add`: what was asked before that may be an old answer. */
  looks: () => number;
  /** `since`: of `looks`, from before it was asked whether they may. The returned function forgets it. */
  add: (visited: Visited, end: () => void, since: number) => () => void;
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
  let looks = 0;
  const look: OpenPorts['look'] = async ({ workspace, node } = {}) => {
    looks++;
    const asked = new Map<string, Promise<boolean>>();
    const isMeant = ({ visited }: { visited: Visited }) =>
      (workspace === undefined || visited.workspace === workspace) &&
      (node === undefined || visited.node === node);
    const looking = [...open].filter(isMeant).map(async ({ visited, end }) => {
      const key = [visited.hash, visited.workspace, visited.port, visited.access].join(' ');
      const answer = asked.get(key) ?? maySee(visited);
      asked.set(key, answer);
      if (!(await answer)) end();
    });
    await Promise.all(looking);
  };
  const safely: OpenPorts['look'] = (of) =>
    look(of).catch((error: unknown) =>
      log.warn({ error: messageOf(error) }, 'open ports could not be looked after'),
    );
  const timer = setInterval(() => void safely(), LOOK_EVERY_MS).unref();
  return {
    looks: () => looks,
    add(visited, end, since) {
      const one = { visited, end };
      open.add(one);
      if (since !== looks) void safely({ workspace: visited.workspace });
      return () => void open.delete(one);
    },
    look: safely,
    close() {
      clearInterval(timer);
      for (const { end } of open) end();
    },
  };
}
