// The container engine, by its own program: what carries Sam's labels, started, stopped and removed. Knows no configuration
// and no terminal.
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkspaceError } from '../../failure.ts';
import { passedFrom } from '../../system/environment.ts';
import { run, type Outcome } from '../../system/run.ts';

const PROGRAM = 'docker';
const LOOK_TIMEOUT_MS = 10_000;
const CHANGE_TIMEOUT_MS = 60_000;
/** Between SIGTERM and SIGKILL. */
const GRACE_SECONDS = 5;
/** Where a machine boots (bot/providers/boot/boot.py): an engine is being installed. It goes when that is over, whatever came of it. */
const COMING_FILE = '/run/sam-engine-coming';
const COMING_EVERY_MS = 500;
const LOUD = 'exec "$0" "$@" >&2';
export const WORKSPACE_LABEL = 'sam.workspace';
const COMPOSE_PROJECT = 'com.docker.compose.project';

export interface Container {
  id: string;
  isRunning: boolean;
  createdAt: Date;
  /** The image's id. */
  image: string;
  labels: Record<string, string>;
  exitCode: number;
  isOutOfMemory: boolean;
  /** Named and nameless ones. */
  volumes: string[];
  /** Of the node's folders: where it sees them. */
  binds: { source: string; target: string }[];
  /** Of its first program. */
  user: string;
}

export interface Engine {
  program: string;
  env: Record<string, string>;
  /** Whether one answers now. */
  isThere: () => Promise<boolean>;
  /** Whether one is being installed now. */
  isComing: () => boolean;
  /** Waits until that is over, so long at most. False: nobody has ever heard of one to come. */
  untilCome: (wait: { signal: AbortSignal; timeoutMs: number; onWait: () => void }) => Promise<boolean>;
  /** Never throws for what the engine says. */
  run: (args: string[], options?: EngineRun) => Promise<Outcome>;
  /** The same; throws `engine-unavailable` where it does not answer, and otherwise what it said. */
  ask: (args: string[], options?: EngineRun) => Promise<string>;
  /** All that carry these labels, and what belongs to their compose projects. */
  find: (labels: Record<string, string>) => Promise<Container[]>;
  /** Ends all that runs in them; files stay. Repeatable. */
  stop: (containers: Container[]) => Promise<void>;
}

export interface EngineRun {
  timeoutMs?: number;
  input?: string | undefined;
  /** Hears what it prints, too: builders write their progress to either side. */
  onLine?: (line: string) => void;
}

export function createEngine(agentEnv: NodeJS.ProcessEnv, comingFile = COMING_FILE): Engine {
  const env = { ...passedFrom(agentEnv), LC_ALL: 'C' };
  const runProgram = (args: string[], { timeoutMs = CHANGE_TIMEOUT_MS, ...more }: EngineRun = {}) =>
    more.onLine
      ? run('/bin/sh', ['-c', LOUD, PROGRAM, ...args], { env, timeoutMs, ...more })
      : run(PROGRAM, args, { env, timeoutMs, ...more });
  const ask = async (args: string[], options?: EngineRun) => {
    const outcome = await runProgram(args, options);
    if (outcome.code === 0) return outcome.stdout.trim();
    if (isUnanswered(outcome)) throw engineUnavailable();
    throw new Error(`engine: ${args[0]}: ${outcome.stderr.trim().slice(-500) || 'no answer in time'}`);
  };
  const engine: Engine = {
    program: PROGRAM,
    env,
    async isThere() {
      const format = ['version', '--format', '{{.Server.Version}}'];
      const { code, stdout } = await runProgram(format, { timeoutMs: LOOK_TIMEOUT_MS });
      return code === 0 && stdout.trim() !== '';
    },
    ...watchComing(comingFile),
    run: runProgram,
    ask,
    find: (labels) => findContainers(ask, labels),
    async stop(containers) {
      const ids = containers.filter(({ isRunning }) => isRunning).map(({ id }) => id);
      if (ids.length > 0) await ask(['stop', '--time', String(GRACE_SECONDS), ...ids]);
    },
  };
  return engine;
}

function watchComing(file: string): Pick<Engine, 'isComing' | 'untilCome'> {
  let wasComing = false;
  const isComing = () => {
    const is = existsSync(file);
    wasComing ||= is;
    return is;
  };
  return {
    isComing,
    async untilCome({ signal, timeoutMs, onWait }) {
      if (!isComing()) return wasComing;
      onWait();
      for (const giveUpAt = performance.now() + timeoutMs; isComing() && performance.now() < giveUpAt;)
        await delay(COMING_EVERY_MS, undefined, { signal });
      return true;
    },
  };
}

const UNANSWERED =
  /Cannot connect to the Docker daemon|error during connect|connect: (connection refused|no such file)|docker daemon is not running|context deadline exceeded|unexpected EOF|permission denied while trying to connect/i;

/** Whether this is of an engine that is not there, or went away; of commands that reach nothing but the engine. */
const isUnanswered = ({ stderr, isTimeout, startError }: Outcome): boolean =>
  isTimeout || startError !== undefined || UNANSWERED.test(stderr);

export const engineUnavailable = (): WorkspaceError =>
  new WorkspaceError({ class: 'transient', code: 'engine-unavailable', details: {} });

async function findContainers(ask: Engine['ask'], labels: Record<string, string>): Promise<Container[]> {
  const own = await list(ask, labels);
  const projects = new Set(own.map(projectOf).filter((one) => one !== undefined));
  const found = new Map(own.map((one) => [one.id, one]));
  for (const project of projects)
    for (const one of await list(ask, { [COMPOSE_PROJECT]: project })) found.set(one.id, one);
  return [...found.values()];
}

async function list(ask: Engine['ask'], labels: Record<string, string>): Promise<Container[]> {
  const filters = Object.entries(labels).flatMap(([name, value]) => ['--filter', `label=${name}=${value}`]);
  const ids = (
    await ask(['ps', '--all', '--quiet', '--no-trunc', ...filters], { timeoutMs: LOOK_TIMEOUT_MS })
  )
    .split('\n')
    .filter(Boolean);
  return (await Promise.all(ids.map((id) => inspect(ask, id)))).filter((one) => one !== undefined);
}

interface Inspected {
  Id: string;
  Created: string;
  Image: string;
  State: { Running: boolean; ExitCode: number; OOMKilled: boolean };
  Config: { Labels: Record<string, string> | null; User: string };
  Mounts: { Type: string; Name?: string; Source: string; Destination: string }[];
}

/** Undefined: it went in between. */
async function inspect(ask: Engine['ask'], id: string): Promise<Container | undefined> {
  try {
    const said = await ask(['inspect', '--type', 'container', id], { timeoutMs: LOOK_TIMEOUT_MS });
    const [found] = JSON.parse(said) as Inspected[];
    return found && toContainer(found);
  } catch (error) {
    if (error instanceof Error && /No such (container|object)/i.test(error.message)) return undefined;
    throw error;
  }
}

const toContainer = ({ Id, Created, Image, State, Config, Mounts }: Inspected): Container => ({
  id: Id,
  isRunning: State.Running,
  createdAt: new Date(Created),
  image: Image,
  labels: Config.Labels ?? {},
  exitCode: State.ExitCode,
  isOutOfMemory: State.OOMKilled,
  volumes: Mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name !== undefined ? [Name] : [])),
  binds: Mounts.filter(({ Type }) => Type === 'bind').map(({ Source: source, Destination: target }) => ({
    source,
    target,
  })),
  user: Config.User,
});

/** What compose calls all that it makes for a workspace. */
export const projectFor = (workspace: string): string => `sam-${workspace}`;

/**
 * The project of compose whose other containers, networks and volumes go with it. A repository may write any label on its
 * container: only the project that is the workspace's own counts.
 */
export function projectOf({ labels }: Container): string | undefined {
  const project = labels[COMPOSE_PROJECT];
  return project === projectFor(labels[WORKSPACE_LABEL] ?? '') ? project : undefined;
}
