// What the agent has for a workspace's programs, brought into its container: passwords for git, the way to models, Claude Code. It is
// mounted: sockets that lead to the agent and to nobody else, programs that nobody there can change. Knows no configuration.
import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CLAUDE_FOLDER } from '../../coding/claude.ts';
import { helperCommand } from '../../credentials/broker.ts';
import type { Reach, WorkspaceSpec } from '../runtime.ts';
import { layOutDownload } from '../../files/command.ts';
import { BIN, layOutClaude } from './claude.ts';
import type { Containers } from './containers.ts';
import type { Container, Engine } from './engine.ts';
import { keptFolder } from './kept-log.ts';
import { findKit, layOutKit, PROGRAMS, type Kit } from './kit.ts';
import { openContainerPorts, ownNetwork, type ContainerPorts } from './ports/door.ts';
import type { Place } from './session.ts';

const SOCKETS = '/opt/sam/sockets';
const CLAUDE = '/opt/sam/claude';
const [GIT, MODELS, PORTS_DOOR] = ['git.sock', 'models.sock', 'ports.sock'];
/** Of the ports that nobody is given by chance. */
const FIRST_PORT = 23_000;
const PORTS = 9_000;
const START_TIMEOUT_MS = 10_000;
const RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

export interface Mount {
  source: string;
  target: string;
  isReadOnly: boolean;
}

const socketsOf = (dir: string, workspace: string): string => join(keptFolder(dir, workspace), 'sockets');

/** Makes what is mounted; none for code that is not trusted, and where nothing of the node's would run in a container. */
export async function prepareMounts(
  { dir, ...coding }: Containers,
  workspace: WorkspaceSpec,
): Promise<Mount[]> {
  const { id, dir: checkout } = workspace;
  if (!canReach(workspace)) return [];
  const programs = join(dir, 'programs');
  const mounts = [
    { source: programs, target: PROGRAMS, isReadOnly: true },
    { source: socketsOf(dir, id), target: SOCKETS, isReadOnly: true },
    { source: join(dirname(checkout), CLAUDE_FOLDER), target: CLAUDE, isReadOnly: false },
  ];
  for (const { source, isReadOnly } of mounts) {
    if (isReadOnly) await makeOpen(source);
    else await mkdir(source, { recursive: true, mode: 0o700 });
  }
  await layOutKit(programs);
  await layOutClaude(programs, coding);
  await layOutDownload(join(programs, relative(PROGRAMS, BIN)));
  return mounts;
}

/** Whether a container made now has it; a compose file's only where the configuration says which service is meant. */
export const canReach = (
  { isTrusted = false }: WorkspaceSpec,
  content: Record<string, unknown> = {},
): boolean =>
  isTrusted &&
  findKit() !== undefined &&
  (content['dockerComposeFile'] === undefined || typeof content['service'] === 'string');

/** The folders above are the agent's alone; in a container all may look. */
async function makeOpen(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o755);
}

export const mountOption = ({ source, target, isReadOnly }: Mount): string =>
  `type=bind,source=${source},target=${target}${isReadOnly ? ',readonly' : ''}`;

/** One of an earlier version, or of a compose file that nobody could add to, has not. */
export const hasReach = ({ binds }: Container): boolean => binds.some(({ target }) => target === SOCKETS);

/** The same for each life of the workspace: what runs on finds it again. */
function portOf(workspace: string): number {
  return FIRST_PORT + (createHash('sha256').update(workspace).digest().readUInt32LE() % PORTS);
}

export interface Reaches {
  /** Undefined: there is none. `place`: where it runs, if that is known. */
  find: (workspace: string, place: Place | undefined) => Reach | undefined;
  /** From here on what `find` says is true. Leaves alone what is open. Repeatable; never rejects. */
  open: (workspace: WorkspaceSpec, place: Place) => Promise<void>;
  /** The way to what listens there; undefined: there is none. */
  ports: (workspace: string) => ContainerPorts | undefined;
  close: (workspace: string) => void;
}

export function createReaches(containers: Containers): Reaches {
  const { engine, dir } = containers;
  const relays = new Map<string, Relay>();
  const doors = new Map<string, ContainerPorts>();
  return {
    find(id, place) {
      const kit = findKit();
      if (kit === undefined || place?.hasReach === false) return undefined;
      const folder = socketsOf(dir, id);
      return {
        sockets: { git: join(folder, GIT), models: join(folder, MODELS) },
        makeFolder: () => makeOpen(folder),
        helper: helperCommand(`${SOCKETS}/${GIT}`, kit.helper),
        claude: CLAUDE,
        models: `http://127.0.0.1:${relays.get(id)?.port() ?? portOf(id)}`,
        run: (words) => runInside(engine, place, words),
      };
    },
    async open({ id }, place) {
      const kit = findKit();
      if (kit === undefined || place.hasReach !== true) return;
      const giving = giveClaude(engine, place);
      const isOurs = (port: number) => port === relays.get(id)?.port();
      if (relays.get(id)?.container !== place.container) {
        relays.get(id)?.end();
        doors.get(id)?.end();
        relays.set(
          id,
          startRelay(engine, place.container, [...kit.relay, `${SOCKETS}/${MODELS}`], portOf(id)),
        );
        doors.set(id, openDoor(containers, { id, container: place.container, kit, isOurs }));
      }
      await Promise.race([relays.get(id)?.isUp, delay(START_TIMEOUT_MS, undefined, { ref: false })]);
      await giving;
    },
    ports: (id) => doors.get(id),
    close(id) {
      relays.get(id)?.end();
      doors.get(id)?.end();
      relays.delete(id);
      doors.delete(id);
    },
  };
}

function openDoor(
  { engine, dir }: Containers,
  {
    id,
    container,
    kit,
    isOurs,
  }: { id: string; container: string; kit: Kit; isOurs: (port: number) => boolean },
): ContainerPorts {
  return openContainerPorts({
    engine,
    container,
    command: [...kit.dial, `${SOCKETS}/${PORTS_DOOR}`, ownNetwork()],
    socket: join(socketsOf(dir, id), PORTS_DOOR),
    isOurs,
  });
}

/** The folder is made by the agent, whose number nobody has there. */
const GIVE = 'chown "$(id -u "$1"):$(id -g "$1")" "$2"';

async function giveClaude(engine: Engine, { container, user }: Place): Promise<void> {
  await engine.run(['exec', '--user', 'root', container, '/bin/sh', '-c', GIVE, 'sam', user, CLAUDE]);
}

async function runInside(engine: Engine, place: Place | undefined, words: string[]): Promise<boolean> {
  if (place === undefined) return false;
  return (await engine.run(['exec', '--user', place.user, place.container, ...words])).code === 0;
}

interface Relay {
  container: string;
  port: () => number;
  /** Resolves when it was up for the first time. */
  isUp: Promise<void>;
  end: () => void;
}

/** As root, so that nobody ends it by accident; begun again for as long as it is wanted. */
function startRelay(engine: Engine, container: string, command: string[], wanted: number): Relay {
  let [port, isWanted, wait] = [wanted, true, RETRY_MS];
  let child: ChildProcess | undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  const words = ['exec', '--interactive', '--user', 'root', '--env', 'NODE_OPTIONS=', container];
  const go = async () => {
    while (isWanted) {
      child = spawn(engine.program, [...words, ...command, String(port)], {
        env: engine.env,
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      child.stdin?.on('error', () => {});
      child.stdout?.once('data', (said: Buffer) => {
        port = Number(said.toString()) || port;
        wait = RETRY_MS;
        resolve();
      });
      await once(child, 'close').catch(() => undefined);
      await delay(wait, undefined, { ref: false });
      wait = Math.min(wait * 2, MAX_RETRY_MS);
    }
  };
  void go();
  return {
    container,
    port: () => port,
    isUp: promise,
    end() {
      isWanted = false;
      child?.stdin?.end();
    },
  };
}
