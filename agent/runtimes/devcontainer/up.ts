// Brings a container up by the dev container program: its command line, its words into steps and log, its failures tried again
// where that may help. Knows no terminal.
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkspaceError } from '../../failure.ts';
import type { AgentFailure, PrepareStep } from '../../protocol.ts';
import { writeJson } from '../../system/files.ts';
import { run } from '../../system/run.ts';
import type { Preparing, WorkspaceSpec } from '../runtime.ts';
import type { Description } from './configuration.ts';
import { labelsOf, ROLE_LABEL, type Containers } from './containers.ts';
import { engineUnavailable, projectFor, type Container } from './engine.ts';
import { explainFailure } from './failures.ts';
import { keptFolder } from './kept-log.ts';
import { limit, limitsOf } from './limits.ts';
import { hasReach, mountOption, prepareMounts, type Mount } from './reach.ts';
import { trustingGit, type Place } from './session.ts';
import { readLine, readResult, type Result } from './stream.ts';

/** What the container is made with beside what is described. */
interface Added {
  image: string | undefined;
  mounts: Mount[];
}

export interface Up {
  /** Absent: the default image. */
  description: Description | undefined;
}

const ATTEMPTS = 3;
const MAX_CLUES = 300;
const CHOWN_TIMEOUT_MS = 5 * 60_000;

interface Brought {
  place: Place;
  ports: number[];
}

/** A container could not be made as it should be; `container`: what is left of it. */
export class UpError extends WorkspaceError {
  readonly container: string | undefined;
  constructor(failure: WorkspaceError['failure'], container?: string) {
    super(failure);
    this.container = container;
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
    if (attempt) enter('create');
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
  const owner = workspace.user ?? (await giveToPerson(workspace.dir));
  const mounts = await prepareMounts(containers, workspace);
  const args = await argumentsFor(containers, { ...workspace, user: owner }, up, { image, mounts });
  let limiting: Promise<boolean> | undefined;
  const { code, stdout, stderr, isTimeout } = await run(process.execPath, args, {
    env: environmentFor(containers, workspace),
    timeoutMs: timeoutMs(),
    signal: preparing.signal,
    onLine: (line) => {
      // Before its lifecycle commands begin, as far as that goes: they are the repository's.
      if (hear(heard, line, preparing)) limiting = limitAll(containers, workspace, preparing.log);
    },
  });
  const result = readResult(stdout);
  const container = result?.containerId;
  if (code === 0 && result?.isUp === true && container !== undefined) {
    const found = await checkRuns(containers, workspace, container);
    // The last that is heard of one container is its own start; of what compose starts some may have come later.
    const isOne = description?.content['dockerComposeFile'] === undefined;
    const isHeld =
      (isOne ? await limiting : undefined) ?? (await limitAll(containers, workspace, preparing.log));
    const limits = isHeld ? limitsOf(workspace.size) : undefined;
    const place = { ...placeIn(container, result), limits, hasReach: hasReach(found) };
    return { place, ports: result.ports };
  }
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
  if (failure.code === 'container-exited' && container !== undefined)
    await checkRuns(containers, workspace, container);
  throw new UpError(failure, container);
}

/** What the first person of most images has. */
const PERSON = { uid: 1000, gid: 1000 };

/**
 * Whom the checkout belongs to where the agent is root and workspaces have no users of their own: nobody but root could write there,
 * and few images have root for their person. Undefined: the agent's own user.
 */
async function giveToPerson(dir: string): Promise<typeof PERSON | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  if ((await stat(dir)).uid === 0) {
    const { uid, gid } = PERSON;
    const { code } = await run('chown', ['-R', '-h', `${uid}:${gid}`, '--', dir], {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      timeoutMs: CHOWN_TIMEOUT_MS,
    });
    if (code !== 0) return undefined;
  }
  return PERSON;
}

/** It counts as made as soon as it was started; its own program may have ended by then. */
async function checkRuns(
  { engine, node }: Containers,
  { id }: WorkspaceSpec,
  container: string,
): Promise<Container> {
  const found = (await engine.find(labelsOf({ node }, id))).find((one) => one.id === container);
  if (found?.isRunning === true) return found;
  const { stdout, stderr } = await engine.run(['logs', '--tail', '5', container]);
  const said = `${stdout}\n${stderr}`
    .trim()
    .replaceAll(/\s*\n\s*/g, ' / ')
    .slice(-400);
  const failure: AgentFailure = found?.isOutOfMemory
    ? { class: 'configuration', code: 'out-of-memory', details: { during: 'start' } }
    : { class: 'configuration', code: 'container-exited', details: { exit: found?.exitCode ?? 0, said } };
  throw new UpError(failure);
}

/** Each of a compose file has the same. False: not all of them are held to it. */
async function limitAll(
  { engine, node }: Containers,
  workspace: WorkspaceSpec,
  log: (line: string) => void,
): Promise<boolean> {
  try {
    const found = await engine.find(labelsOf({ node }, workspace.id));
    const running = found.filter(({ isRunning }) => isRunning).map(({ id }) => id);
    const isHeld = await limit(engine, running, workspace);
    if (!isHeld) log('The engine cannot limit what the container takes.');
    return isHeld;
  } catch {
    // It went away; whoever waits for the container hears of that.
    return false;
  }
}

/** True when the container has just been started. */
function hear(heard: Heard, line: string, { log, enter }: Preparing): boolean {
  const { text, step, hook, clue, isUp = false } = readLine(line);
  if (step !== undefined && step !== heard.step) enter((heard.step = step));
  if (hook !== undefined) heard.hook = hook;
  if (clue !== undefined) {
    heard.clues.push(clue);
    if (heard.clues.length > MAX_CLUES) heard.clues.shift();
  }
  for (const one of text?.split('\n') ?? []) if (one.trim() !== '') log(one.trimEnd());
  return isUp;
}

const imageOf = (description: Description | undefined): string | undefined => {
  const image = description?.content['image'];
  return typeof image === 'string' ? image : undefined;
};

const placeIn = (container: string, { remoteUser, remoteFolder, remoteEnv }: Result): Place => ({
  container,
  user: remoteUser ?? 'root',
  folder: remoteFolder ?? '/',
  env: remoteEnv,
});

const PROGRAM = createRequire(import.meta.url).resolve('@devcontainers/cli/package.json');

async function argumentsFor(
  containers: Containers,
  { id, dir, env, user }: Pick<WorkspaceSpec, 'id' | 'dir' | 'env'> & { user: typeof PERSON | undefined },
  { description }: Up,
  added: Added,
): Promise<string[]> {
  const labels = { ...labelsOf(containers, id), [ROLE_LABEL]: 'main' };
  const override = await writeOverride(containers, id, description, added);
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
    '--override-config',
    override,
    // One that is committed is kept to; none is written into the checkout.
    ...(description && existsSync(join(dir, lockfileOf(description))) ? [] : ['--no-lockfile']),
    ...Object.entries(trustingGit(env))
      // All users of the node may read a command, and what is not git's may be a token.
      .filter(([name]) => name.startsWith('GIT_'))
      .flatMap(([name, value]) => ['--remote-env', `${name}=${value}`]),
    '--include-merged-configuration',
  ];
}

/** `.devcontainer/devcontainer.json` has `devcontainer-lock.json` beside it, `.devcontainer.json` `.devcontainer-lock.json`. */
const lockfileOf = ({ path }: Description): string =>
  join(dirname(path), basename(path).replace(/\.json$/, '-lock.json'));

/**
 * What is read instead of the configuration: what was checked, whatever another reader would find in the file. Its `initializeCommand`
 * would run the repository's code on the node itself, as the agent.
 */
async function writeOverride(
  { dir }: Containers,
  id: string,
  description: Description | undefined,
  { image, mounts }: Added,
): Promise<string> {
  const { initializeCommand: _, ...rest } = description?.content ?? { image };
  const folder = keptFolder(dir, id);
  const path = join(folder, 'devcontainer.json');
  await writeJson(path, await addMounts(rest, mounts, join(folder, 'compose.json')));
  return path;
}

/** To the service that the configuration names, by one more file for compose: its own way to add mounts has none that are read-only. */
async function addMounts(
  content: Record<string, unknown>,
  mounts: Mount[],
  file: string,
): Promise<Record<string, unknown>> {
  const { mounts: own = [], dockerComposeFile: files, service } = content;
  if (mounts.length === 0) return content;
  if (files === undefined) return { ...content, mounts: [own, mounts.map(mountOption)].flat() };
  if (typeof service !== 'string') return content;
  const volumes = mounts.map(({ source, target, isReadOnly }) => ({
    type: 'bind',
    source: source.replaceAll('$', '$$$$'),
    target,
    read_only: isReadOnly,
  }));
  await writeJson(file, { services: { [service]: { volumes } } });
  return { ...content, dockerComposeFile: [files, file].flat() };
}

const environmentFor = ({ engine, dir }: Containers, { id }: WorkspaceSpec): Record<string, string> => ({
  ...engine.env,
  // It would be the checkout's folder, which two workspaces of one repository have in common.
  COMPOSE_PROJECT_NAME: projectFor(id),
  // Half a second of each start.
  NODE_COMPILE_CACHE: join(dir, 'environments', '.cache', 'compiled'),
});

/** The program gives the container's user the number of whoever runs it: that is to be the workspace's own user. */
const pretending = ({ uid, gid }: { uid: number; gid: number }): string =>
  `data:text/javascript,process.getuid=()=>${uid};process.getgid=()=>${gid};`;
