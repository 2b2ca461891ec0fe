// The ports of a container: a program of the node's inside it connects what listens there, also what listens on its loopback alone, with a
// socket of the agent. Knows no ticket and no visitor.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createLines } from '../../../system/run.ts';
import { listenAt } from '../../../system/sockets.ts';
import { PortError } from '../../runtime.ts';
import type { Engine } from '../engine.ts';

/** The program inside. */
export const DIAL = join(import.meta.dirname, 'dial.ts');
const CONNECT_TIMEOUT_MS = 5_000;
const RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
const MAX_PORTS = 20;
const MAX_LINE = 64;
/** Whoever is in the container may come: each is an open file of the agent's. */
const MAX_CONNECTIONS = 1_000;

/** Whose network this process is in, as the kernel calls it. */
export function ownNetwork(): string {
  try {
    return readlinkSync('/proc/self/ns/net');
  } catch {
    return '';
  }
}

export interface ContainerPorts {
  /** Throws `PortError`. */
  connect: (port: number) => Promise<Socket>;
  list: () => number[];
  end: () => void;
}

interface Inside {
  engine: Engine;
  container: string;
  /** Up to the socket, as the container sees it. */
  command: string[];
  /** On the node. */
  socket: string;
  /** What of the node's own listens there. */
  isOurs: (port: number) => boolean;
}

/** From here on it is tried, for as long as it is wanted; never rejects. */
export function openContainerPorts(inside: Inside): ContainerPorts {
  const waiting = new Map<string, (one: Socket | undefined) => void>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (one) => welcome(one, waiting));
  server.maxConnections = MAX_CONNECTIONS;
  const isServed = listenAt(server, inside.socket, { isShared: true }).then(
    () => true,
    () => false,
  );
  const helper = keepHelper(inside, isServed, (id) => waiting.get(id)?.(undefined));
  return {
    async connect(port) {
      if (inside.isOurs(port)) throw new PortError('nothing-listens');
      const id = randomBytes(16).toString('hex');
      if (!(await isServed) || !helper.say(`${id} ${port}\n`)) throw new PortError('no-way');
      const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
      waiting.set(id, resolve);
      const timer = new AbortController();
      const late = delay(CONNECT_TIMEOUT_MS, 'late' as const, { signal: timer.signal, ref: false });
      const found = await Promise.race([promise, late.catch(() => undefined)]);
      waiting.delete(id);
      timer.abort();
      if (found === 'late') throw new PortError('silent');
      if (!found) throw new PortError('nothing-listens');
      return found;
    },
    list: () =>
      helper
        .ports()
        .filter((port) => !inside.isOurs(port))
        .slice(0, MAX_PORTS),
    end() {
      helper.end();
      void isServed.then((is) => is && close(server));
    },
  };
}

const close = (server: Server): void => void server.close();

/** Its first line, which comes at once, says for whom it is; what nobody waits for is somebody else's. */
function welcome(one: Socket, waiting: Map<string, (one: Socket) => void>): void {
  one.on('error', () => one.destroy());
  one.setTimeout(CONNECT_TIMEOUT_MS, () => one.destroy());
  let head = Buffer.alloc(0);
  const take = (piece: Buffer) => {
    head = Buffer.concat([head, piece]);
    const end = head.indexOf('\n');
    if (end < 0 && head.length < MAX_LINE) return;
    one.off('data', take).pause();
    const wanted = end < 0 ? undefined : waiting.get(head.subarray(0, end).toString('latin1'));
    if (!wanted) return void one.destroy();
    one.setTimeout(0);
    if (head.length > end + 1) one.unshift(head.subarray(end + 1));
    wanted(one);
  };
  one.on('data', take);
}

/** As root, so that nobody ends it by accident; begun again for as long as it is wanted. */
function keepHelper(
  { engine, container, command }: Inside,
  isServed: Promise<boolean>,
  onNothing: (id: string) => void,
) {
  let child: ChildProcess | undefined;
  let [isWanted, wait] = [true, RETRY_MS];
  let ports: number[] = [];
  const words = ['exec', '--interactive', '--user', 'root', '--env', 'NODE_OPTIONS=', container];
  const go = async () => {
    await isServed;
    while (isWanted) {
      const one = spawn(engine.program, [...words, ...command], {
        env: engine.env,
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      child = one;
      one.stdin.on('error', () => {});
      // It is not alone in there: whoever is root in the container may write in its place.
      const lines = createLines((line) => {
        wait = RETRY_MS;
        if (!line.startsWith('=')) return onNothing(line);
        ports = line.split(' ').slice(1).map(Number).filter(Number.isInteger);
      });
      one.stdout.setEncoding('utf8').on('data', (text: string) => lines.add(text));
      await once(one, 'close').catch(() => undefined);
      [child, ports] = [undefined, []];
      await delay(wait, undefined, { ref: false });
      wait = Math.min(wait * 2, MAX_RETRY_MS);
    }
  };
  void go();
  return {
    /** False: it is not there. */
    say: (line: string): boolean => child?.stdin?.writable === true && (child.stdin.write(line), true),
    ports: () => ports,
    end() {
      isWanted = false;
      child?.stdin?.end();
    },
  };
}
