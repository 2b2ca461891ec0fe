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
  /** Of each of them, in their order; asked at once, however many there are. */
  maySee: (visited: Visited[]) => Promise<boolean[]>;
  log: Pick<Logger, 'warn'>;
}

export function createOpenPorts({ maySee, log }: OpenPortsOptions): OpenPorts {
  const open = new Set<{ visited: Visited; end: () => void }>();
  let looks = 0;
  const look: OpenPorts['look'] = async ({ workspace, node } = {}) => {
    looks++;
    const isMeant = ({ visited }: { visited: Visited }) =>
      (workspace === undefined || visited.workspace === workspace) &&
      (node === undefined || visited.node === node);
    const keyOf = ({ visited: { hash, access } }: { visited: Visited }) => `${hash} ${access}`;
    const meant = Map.groupBy([...open].filter(isMeant), keyOf);
    const asked = [...meant.values()].flatMap(([first]) => first?.visited ?? []);
    if (asked.length === 0) return;
    const answers = await maySee(asked);
    for (const [at, those] of [...meant.values()].entries())
      if (answers[at] !== true) for (const { end } of those) end();
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
