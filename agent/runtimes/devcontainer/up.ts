// Brings a container up by the dev container program: its command line, its words into steps and log, its failures tried again
// where that may help. Knows no terminal.
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkspaceError } from '../../failure.ts';
import type { PrepareStep } from '../../protocol.ts';
import { writeJson } from '../../system/files.ts';
import { run } from '../../system/run.ts';
import type { Preparing, WorkspaceSpec } from '../runtime.ts';
import type { Description } from './configuration.ts';
import { labelsOf, ROLE_LABEL, type Containers } from './containers.ts';
import { engineUnavailable } from './engine.ts';
import { explainFailure } from './failures.ts';
import { keptFolder } from './kept-log.ts';
import { trustingGit, type Place } from './session.ts';
import { readLine, readResult, type Result } from './stream.ts';

export interface Up {
  /** Absent: the default image. */
  description: Description | undefined;
  /** The container that is there is removed first. */
  isAnew: boolean;
}

const ATTEMPTS = 3;
const MAX_CLUES = 300;

interface Brought {
  place: Place;
  ports: number[];
}

/** A container could not be made as it should be; what is left of it. */
export class UpError extends WorkspaceError {
  readonly place: Place | undefined;
  constructor(failure: WorkspaceError['failure'], place: Place | undefined) {
    super(failure);
    this.place = place;
  }
}

/** Throws `WorkspaceError`, after as many attempts as its class allows. */
export async function bringUp(
  containers: Containers,
  workspace: WorkspaceSpec,
  preparing: Preparing,
  up: Up,
): Promise<Brought> {
  const endsAt = performance.now() + containers.deadlineMs;
  for (let number = 1; ; number++) {
    const attempt = number > 1 ? { number, of: ATTEMPTS } : undefined;
    const enter: Preparing['enter'] = (step) => preparing.enter(step, attempt);
    try {
      return await bringUpOnce(containers, workspace, { ...preparing, enter }, { ...up, endsAt });
    } catch (error) {
      preparing.signal.throwIfAborted();
      const isTransient = error instanceof WorkspaceError && error.failure.class === 'transient';
      if (!isTransient || number === ATTEMPTS || performance.now() > endsAt) throw error;
      preparing.log(`Attempt ${number} of ${ATTEMPTS} failed: ${error.message}`);
      await delay(containers.retryMs * 4 ** (number - 1), undefined, { signal: preparing.signal });
    }
  }
}

/** What was heard of the program so far. */
interface Heard {
  step: PrepareStep;
  hook: string | undefined;
  clues: string[];
}

async function bringUpOnce(
  containers: Containers,
  workspace: WorkspaceSpec,
  preparing: Preparing,
  up: Up & { endsAt: number },
): Promise<Brought> {
  const { description, endsAt } = up;
  const heard: Heard = { step: 'create', hook: undefined, clues: [] };
  const timeoutMs = () => Math.max(1_000, endsAt - performance.now());
  const image = description ? undefined : await containers.image.prepare(preparing, timeoutMs());
  const args = await argumentsFor(containers, workspace, up, image);
  const { code, stdout, stderr, isTimeout } = await run(process.execPath, args, {
    env: environmentFor(containers),
    timeoutMs: timeoutMs(),
    signal: preparing.signal,
    onLine: (line) => hear(heard, line, preparing),
  });
  const result = readResult(stdout);
  const place = result && placeIn(result);
  if (code === 0 && result?.isUp === true && place !== undefined) return { place, ports: result.ports };
  if (!(await containers.engine.isThere())) throw engineUnavailable();
  const failure = explainFailure({
    ...heard,
    result,
    clues: heard.clues.length > 0 ? heard.clues : [stderr.slice(-2_000)],
    isTimeout,
    minutes: Math.round(containers.deadlineMs / 60_000),
    path: description?.path,
    image: image ?? imageOf(description),
  });
  throw new UpError(failure, place);
}

function hear(heard: Heard, line: string, { log, enter }: Preparing): void {
  const { text, step, hook, clue } = readLine(line);
  if (step !== undefined && step !== heard.step) enter((heard.step = step));
  if (hook !== undefined) heard.hook = hook;
  if (clue !== undefined) {
    heard.clues.push(clue);
    if (heard.clues.length > MAX_CLUES) heard.clues.shift();
  }
  for (const one of text?.split('\n') ?? []) if (one.trim() !== '') log(one.trimEnd());
}

const imageOf = (description: Description | undefined): string | undefined => {
  const image = description?.content['image'];
  return typeof image === 'string' ? image : undefined;
};

function placeIn({ containerId, remoteUser, remoteFolder, remoteEnv }: Result): Place | undefined {
  if (containerId === undefined) return undefined;
  return { container: containerId, user: remoteUser ?? 'root', folder: remoteFolder ?? '/', env: remoteEnv };
}

const PROGRAM = createRequire(import.meta.url).resolve('@devcontainers/cli/package.json');

async function argumentsFor(
  containers: Containers,
  { id, dir, env, user }: WorkspaceSpec,
  { description, isAnew }: Up,
  image: string | undefined,
): Promise<string[]> {
  const labels = { ...labelsOf(containers, id), [ROLE_LABEL]: 'main' };
  const override = await writeOverride(containers, id, description, image);
  return [
    ...(user ? ['--import', pretending(user)] : []),
    join(dirname(PROGRAM), 'devcontainer.js'),
    'up',
    '--log-format',
    'json',
    '--workspace-folder',
    dir,
    '--mount-workspace-git-root',
    'false',
    '--user-data-folder',
    join(containers.dir, 'environments', '.cache'),
    ...Object.entries(labels).flatMap(([name, value]) => ['--id-label', `${name}=${value}`]),
    ...(description ? ['--config', join(dir, description.path)] : []),
    ...(override === undefined ? [] : ['--override-config', override]),
    // One that is committed is kept to; none is written into the checkout.
    ...(description && existsSync(join(dir, lockfileOf(description))) ? [] : ['--no-lockfile']),
    ...Object.entries(trustingGit(env)).flatMap(([name, value]) => ['--remote-env', `${name}=${value}`]),
    ...(isAnew ? ['--remove-existing-container'] : []),
    '--include-merged-configuration',
  ];
}

/** `.devcontainer/devcontainer.json` has `devcontainer-lock.json` beside it, `.devcontainer.json` `.devcontainer-lock.json`. */
const lockfileOf = ({ path }: Description): string =>
  join(dirname(path), basename(path).replace(/\.json$/, '-lock.json'));

/**
 * What is read instead of the configuration: `initializeCommand` would run the repository's code on the node itself, as the
 * agent. Undefined: it is read as it is.
 */
async function writeOverride(
  { dir }: Containers,
  id: string,
  description: Description | undefined,
  image: string | undefined,
): Promise<string | undefined> {
  const { initializeCommand, ...rest } = description?.content ?? { image };
  if (description && initializeCommand === undefined) return undefined;
  const path = join(keptFolder(dir, id), 'devcontainer.json');
  await writeJson(path, rest);
  return path;
}

const environmentFor = ({ engine, dir }: Containers): Record<string, string> => ({
  ...engine.env,
  // Half a second of each start.
  NODE_COMPILE_CACHE: join(dir, 'environments', '.cache', 'compiled'),
});

/** The program gives the container's user the number of whoever runs it: that is to be the workspace's own user. */
const pretending = ({ uid, gid }: { uid: number; gid: number }): string =>
  `data:text/javascript,process.getuid=()=>${uid};process.getgid=()=>${gid};`;
